"""What a flow prints at its end, into terminals of several widths and into a file."""

from collections.abc import Callable

import pytest

from ae_lightning.metrics import METRICS
from pipelines.orchestration.summary import RUN, SHOWN, Outcome, show_end

HEADINGS = [metric.label for metric in METRICS.values()]
ROW = {"variant": "image-conv-256", **dict.fromkeys(HEADINGS, "0.1234"), RUN: "http://a/run"}
DONE = [Outcome("evaluate@image-conv-256", "ran", 12.3)]


Printed = Callable[[int], str]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    """What comes out where there are so many columns."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def shown(columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        show_end([ROW], DONE)
        return capsys.readouterr().out

    return shown


@pytest.fixture
def in_terminal(printed: Printed, monkeypatch: pytest.MonkeyPatch) -> Printed:
    """The same in what Rich takes for a terminal."""
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    return printed


def test_a_wide_terminal_gets_all_figures(in_terminal: Printed) -> None:
    output = in_terminal(600)
    assert all(heading in output for heading in HEADINGS)
    assert output.count("0.1234") == len(METRICS)
    assert ROW[RUN] not in output


def test_a_narrow_terminal_gets_the_key_figures_whole(in_terminal: Printed) -> None:
    output = in_terminal(80)
    assert output.count("0.1234") == len(SHOWN)
    assert "ae compare" in output
    assert "…" not in output


def test_what_is_no_terminal_gets_all_figures(printed: Printed) -> None:
    output = printed(80)
    assert output.count("0.1234") == len(METRICS)
    assert "…" not in output
