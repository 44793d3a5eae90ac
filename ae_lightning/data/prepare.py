"""Raw files to prepared ones: one function per kind of dataset."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from ae_lightning.config.datasets import Dataset
from ae_lightning.data.images.prepare_arrays import write_arrays
from ae_lightning.data.images.prepare_folder import write_folder
from ae_lightning.data.sources import checksums
from ae_lightning.data.text.prepare_documents import write_documents
from ae_lightning.files import replaced
from ae_lightning.registry import NamedBy

KINDS: Annotated[dict[str, Callable[[str, Any, Path], None]], NamedBy(values=("dataset.kind",))] = {
    "idx": write_arrays,
    "npy": write_arrays,
    "folder": write_folder,
    "documents": write_documents,
}


def prepare(name: str, dataset: Dataset, folder: Path) -> None:
    """Write the prepared files of ``dataset`` into ``folder``, all of them or nothing.

    Data of a known name is checked against its pinned digests first, so that a partial or altered
    download never becomes a result.

    Raises:
        UserError: the raw data or what params.yaml says of them cannot be used, or the disk is
            full.
    """
    raw = Path("data") / name
    if name in checksums.DATASETS and raw in (dataset.path, dataset.path.parent):
        checksums.verify(name, raw.parent)
    with replaced(folder) as partial:
        KINDS[dataset.kind](name, dataset, partial)
