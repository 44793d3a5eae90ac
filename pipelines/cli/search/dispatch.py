"""``ae search``: documents by words, images by images; people get tables, programs JSON."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ae_lightning.artifacts import ARTIFACTS, EVALUATION, MODELS
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.inference.artifacts import prepared
from ae_lightning.inference.verify import check_recorded
from pipelines.cli.search import documents, images
from pipelines.cli.search.query import Query

SEARCHES: dict[str, Callable[[Query], bool]] = {
    "documents": documents.search,
    "images": images.search,
}
"""Search command by the kind of examples."""


def search(
    variant: str,
    words: Sequence[str],
    *,
    file: Path | None,
    count: int,
    as_json: bool,
    montage: Path | None,
    verify: bool = True,
) -> bool:
    """Print what is nearest to the query; returns whether anything could be answered.

    With ``verify`` model, codes and a document's vocabulary must be what ``dvc.lock`` records.
    """
    data = prepared(variant, ARTIFACTS)
    if verify:
        _check(variant, data)
    asked = Query(variant, data, words, file, count, as_json, montage)
    return SEARCHES[data.examples](asked)


def _check(variant: str, data: PreparedDataset) -> None:
    check_recorded(MODELS / variant, f"finetune@{variant}")
    if (codes := EVALUATION / variant / "codes.npz").exists():
        check_recorded(codes, f"evaluate@{variant}")
    if data.of_documents:  # their vocabulary says what a text's numbers are
        check_recorded(data.folder, f"prepare@{data.folder.name}")
