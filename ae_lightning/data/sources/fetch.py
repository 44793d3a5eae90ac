"""Fetching of raw data into ``data/``.

Whatever the source, the files are made in a hidden folder beside their place and moved in, one
rename each, once they are verified. So a failure leaves nothing behind, and of two fetches at once
each moves in the same bytes.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from errno import ENOSPC
from os import strerror
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ae_lightning.data.sources.checksums import DATASETS, Checksum, RawDataset, dataset, verify
from ae_lightning.data.sources.download import DISK_ERRORS, SourceError
from ae_lightning.data.sources.sources import SOURCES, Source, dvc_sources
from ae_lightning.errors import UserError

__all__ = ["DATASETS", "fetch", "obtain", "verify"]

PARTIAL = ".partial-"


def fetch(names: Sequence[str] = (), root: Path = Path("data"), progress: bool = True) -> None:
    """Make sure that data sets (all, if none is named) are in ``root`` and verified.

    What is there and good is left alone. Files that are not ours are never touched.

    Raises:
        UserError: a name is unknown, the folder cannot be written, or every source failed.
    """
    chosen = {name: dataset(name) for name in names or DATASETS}
    with progress_bar(progress) as bar:
        for name, wanted in chosen.items():
            with suppress(OSError), _swept((root / name).resolve().parent):
                pass
            if wanted.problem(root / name) is None:
                bar.console.print(f"{name}: there ({wanted})")
                continue
            try:
                obtain(name, wanted, root / name, (*dvc_sources(root, name), *SOURCES[name]), bar)
            except SourceError as error:
                raise UserError(
                    f"{root / name}: no source could give it; tried {error}; install npm, or get "
                    f"onto the network, and run `ae fetch {name}`, or configure a DVC remote: "
                    "`dvc pull`"
                ) from error
            except OSError as error:
                raise UserError(
                    f"{root / name}: cannot write there ({error.strerror or error}); make room, or "
                    f"make the folder writable, and run `ae fetch {name}` again"
                ) from error


def progress_bar(progress: bool = True) -> Progress:
    """A bar on stderr while bytes arrive; where there is no terminal, lines alone."""
    console = Console(
        stderr=True, quiet=not progress, markup=False, highlight=False, soft_wrap=True
    )
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def obtain(
    name: str, wanted: RawDataset, folder: Path, sources: Iterable[Source], bar: Progress
) -> None:
    """Move verified files into ``folder`` from the first source that has them.

    Raises:
        SourceError: every source failed; says how each did.
        OSError: the folder cannot be written.
    """
    target = folder.resolve()  # data/ may be a link to another disk: renames stay on it
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for source in sources:
        started = time.monotonic()
        with _partial(target.parent) as partial:
            try:
                _move(_filled(source, wanted, partial, bar), target, wanted.files)
            except SourceError as error:
                failures.append(f"{source.name} ({error})")
                bar.console.print(f"{name}: no luck with {failures[-1]}")
                continue
        seconds = time.monotonic() - started
        bar.console.print(f"{name}: from {source.name} in {seconds:.0f} s ({wanted})")
        return
    raise SourceError(", ".join(failures))


def _filled(source: Source, wanted: RawDataset, partial: Path, bar: Progress) -> Path:
    """The folder that the source filled, verified."""
    task = bar.add_task(source.name, total=None)
    try:
        folder = source.fill(
            partial, lambda done, total: bar.update(task, completed=done, total=total or None)
        )
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise
        raise SourceError(str(error)) from error
    except SourceError:
        _check_room(partial, wanted)
        raise
    except (KeyError, ValueError) as error:
        raise SourceError(f"not what was expected: {error}") from error
    finally:
        bar.remove_task(task)
    if problem := wanted.problem(folder):
        raise SourceError(problem.removeprefix(f"{folder}{os.sep}"))
    return folder


def _check_room(folder: Path, wanted: RawDataset) -> None:
    """Tell a source that failed for want of room, which another program says badly or not at all.

    Raises:
        OSError: there is no room for what is wanted, or none at all.
    """
    (folder / "room").write_bytes(bytes(2**20))
    if shutil.disk_usage(folder).free < sum(file.size for file in wanted.files.values()):
        raise OSError(ENOSPC, f"{strerror(ENOSPC)}: {wanted}")


def _move(folder: Path, target: Path, files: Mapping[str, Checksum]) -> None:
    target.mkdir(exist_ok=True)
    for file in files:
        (folder / file).chmod(0o644)
        (folder / file).replace(target / file)


@contextmanager
def _partial(parent: Path) -> Iterator[Path]:
    """A folder beside the data that lasts as long as the block."""
    with _swept(parent):
        folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=parent))
        handle = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


@contextmanager
def _swept(parent: Path) -> Iterator[None]:
    """Remove partial folders of killed processes; no other process makes one within the block."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in parent.glob(f"{PARTIAL}*"):
            with suppress(OSError):
                os.close(_lock(left))
                shutil.rmtree(left)
        yield
    finally:
        os.close(handle)


def _lock(folder: Path) -> int:
    """A handle that holds the folder for as long as it is open and this process lives.

    Raises:
        BlockingIOError: another process holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
