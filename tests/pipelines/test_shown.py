"""What a flow prints at its end, into terminals of several widths and into a file."""

import pytest

from pipelines.results import METRICS, RUN, SHOWN, Outcome, show_end

ROW = {"variant": "image-conv-256", **dict.fromkeys(METRICS, "0.1234"), RUN: "http://a/run"}
DONE = [Outcome("evaluate@image-conv-256", "ran", 12.3)]


@pytest.fixture
def in_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes Rich take anything for a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("in_terminal")
def test_a_wide_terminal_gets_all_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    show_end([ROW], DONE)
    output = capsys.readouterr().out
    assert all(heading in output for heading in METRICS)
    assert output.count("0.1234") == len(METRICS)
    assert ROW[RUN] not in output


@pytest.mark.usefixtures("in_terminal")
def test_a_narrow_terminal_gets_the_key_figures_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_end([ROW], DONE)
    output = capsys.readouterr().out
    assert output.count("0.1234") == len(SHOWN)
    assert "ae compare" in output
    assert "…" not in output


def test_what_is_no_terminal_gets_all_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    show_end([ROW], DONE)
    output = capsys.readouterr().out
    assert output.count("0.1234") == len(METRICS)
    assert "…" not in output
