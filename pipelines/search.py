"""``ae search``: documents by words, images by images; people get tables, programs JSON."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ae_lightning.search.trained import EXAMPLES, prepared
from pipelines import search_documents, search_images
from pipelines.paths import ARTIFACTS
from pipelines.query import Query

SEARCHES: dict[str, Callable[[Query], bool]] = {
    "documents": search_documents.search,
    "images": search_images.search,
}
"""How examples are searched, by what they are."""


def search(
    variant: str,
    words: Sequence[str],
    *,
    file: Path | None,
    count: int,
    as_json: bool,
    montage: Path | None,
) -> bool:
    """Print what is nearest to the query; returns whether anything could be answered."""
    data = prepared(variant, ARTIFACTS)
    asked = Query(variant, data, words, file, count, as_json, montage)
    return SEARCHES[EXAMPLES[data.kind]](asked)
