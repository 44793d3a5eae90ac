"""The page's script: fetched once, verified, and told where it cannot be had."""

import hashlib
import re

import pytest

from ae_lightning.data.sources.checksums import Checksum, RawDataset
from ae_lightning.data.sources.download import SourceError
from ae_lightning.data.sources.sources import Source
from ae_lightning.errors import UserError
from pipelines.report import plotly_js

CONTENT = b"draw()"


@pytest.fixture
def source(monkeypatch, tmp_path):
    """A source that gives CONTENT once, into a cache of the test's own."""
    files = {plotly_js.NAME: Checksum(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())}
    monkeypatch.setattr(plotly_js, "SCRIPT", RawDataset(files))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    left = [CONTENT]

    def fill(folder, on_bytes):
        if not left:
            raise SourceError("closed today")
        (folder / plotly_js.NAME).write_bytes(left.pop())
        return folder

    monkeypatch.setattr(plotly_js, "SOURCES", (Source("the giver", fill),))
    return left


def test_it_is_fetched_once(source):
    assert plotly_js.plotly_js() == plotly_js.plotly_js() == "draw()"
    assert source == []


def test_an_altered_one_is_fetched_anew(source, tmp_path):
    plotly_js.plotly_js()
    (kept,) = (tmp_path / "cache").rglob("*.js")
    kept.write_bytes(b"other")
    source.append(CONTENT)
    assert plotly_js.plotly_js() == "draw()"


def test_without_a_network_one_line_says_what_to_do(source, tmp_path):
    source[:] = [b"not it"]
    place = tmp_path / "cache" / "ae-lightning" / f"plotly.js-{plotly_js.VERSION}" / plotly_js.NAME
    with pytest.raises(UserError, match=re.escape(f"{place}: the page's script is not")) as error:
        plotly_js.plotly_js()
    assert "tried the giver (plotly-basic.min.js has SHA-256" in str(error.value)
    assert "\n" not in str(error.value)
    assert not place.exists()
