"""Atomic output of several files into a folder, which keeps its other files."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ae_lightning.errors import UserError, writing


@contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder whose files are moved into ``folder`` when the block ends well.

    Other files of ``folder`` stay; after an error nothing of the new ones is there.

    Raises:
        UserError: ``folder`` is a file, or the disk refuses.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: must be a folder, found a file; name another or remove it")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
        try:
            yield partial
            for path in sorted(partial.rglob("*")):
                if path.is_file():
                    target = folder / path.relative_to(partial)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
