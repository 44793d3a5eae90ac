"""The script that draws the page's plots: plotly.js, fetched once and kept in the user's cache."""

import os
from functools import partial
from pathlib import Path

from ae_lightning.data.sources.checksums import Checksum, RawDataset
from ae_lightning.data.sources.download import OnBytes, SourceError, download, with_retries
from ae_lightning.data.sources.fetch import obtain, progress_bar
from ae_lightning.data.sources.sources import Source, npm_source
from ae_lightning.errors import UserError, writing

VERSION = "4.1.1"
NAME = "plotly-basic.min.js"
"""The smallest distribution: scatter plots, bars and pies."""

SCRIPT = RawDataset(
    {NAME: Checksum(1_191_749, "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba")}
)
MD5 = "d2ddbe006f2cfe099fc6eb7d262dd314"


def _published(folder: Path, on_bytes: OnBytes) -> Path:
    url = f"https://cdn.plot.ly/plotly-basic-{VERSION}.min.js"
    with_retries(partial(download, url, folder / NAME, MD5, on_bytes))
    return folder


SOURCES = (
    npm_source(f"plotly.js-basic-dist-min@{VERSION}", 399_419, lambda package: package),
    Source("its publisher's address", _published),
)


def plotly_js() -> str:
    """The script, fetched if it is not in the cache (``$XDG_CACHE_HOME``, else ``~/.cache``).

    Raises:
        UserError: it is not there, and no source could give it; says where to put it by hand.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "ae-lightning" / f"plotly.js-{VERSION}"
    if SCRIPT.problem(folder):
        try:
            with writing(folder / NAME), progress_bar() as bar:
                obtain("plotly.js", SCRIPT, folder, SOURCES, bar)
        except SourceError as error:
            raise UserError(
                f"{folder / NAME}: the page's script is not there, and no source could give it; "
                f"tried {error}; get onto the network and run `ae report` again, or put "
                f"{NAME} of plotly.js {VERSION} there"
            ) from error
    return (folder / NAME).read_text(encoding="utf-8")
