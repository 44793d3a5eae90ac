"""Raw files that DVC cannot hash, told before it is asked: it stops at them, or waits forever."""

import os
import stat
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from ae_lightning.config.params import load
from ae_lightning.data.file_tree import printable
from ae_lightning.errors import UserError
from pipelines.orchestration import dvc


def check(root: Path, stages: Collection[str] | None = None) -> None:
    """Look for what DVC cannot hash in the raw files of the stages ``prepare@NAME``; None for all.

    Prints a line for a folder that has links to other folders, whose changes DVC does not see.

    Raises:
        UserError: there is such a file, which ``.dvcignore`` does not name.
    """
    for name, dataset in load(root / "params.yaml").datasets.items():
        if stages is None or f"prepare@{name}" in stages:
            _check(root, root / dataset.path, name)


def _check(root: Path, raw: Path, name: str) -> None:
    linked = []
    for path in _below(raw):
        if why := _trouble(path):
            if not _ignored(root, path):
                shown = printable(
                    str(path.relative_to(root) if path.is_relative_to(root) else path)
                )
                raise UserError(f"{shown}: {why}; DVC cannot track it")
        elif path != raw and path.is_symlink() and path.is_dir():
            linked.append(path)
    if linked:
        print(
            f"{name}: DVC does not see changes behind links to folders, such as "
            f"{printable(str(linked[0]))}; after one run: dvc repro --force prepare@{name}",
            flush=True,
        )


def _below(raw: Path) -> Iterator[Path]:
    """``raw`` and all below it, as DVC walks it: hidden files too, folders behind links not."""
    yield raw
    for folder, names, files in os.walk(raw):
        yield from (Path(folder, name) for name in (*names, *files))


def _trouble(path: Path) -> str | None:
    """Why DVC cannot hash a file or folder, and what to do; None if it can."""
    try:
        os.fsencode(path).decode("utf-8")
        kind = path.stat().st_mode
    except UnicodeDecodeError:
        return "its name is not UTF-8; rename it (convmv -f latin1 -t utf8 --notest -r FOLDER)"
    except OSError as error:
        absent = isinstance(error, FileNotFoundError) and not path.is_symlink()
        return None if absent else f"cannot be reached ({error.strerror}); remove or mend the link"
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return "is a pipe, a socket or a device; remove it"
    if not os.access(path, os.R_OK):
        return "cannot be read; give yourself the right to read it"
    return None


def _ignored(root: Path, path: Path) -> bool:
    """Whether ``.dvcignore`` names a path."""
    command = [*dvc.COMMAND, "check-ignore", "--quiet", str(path)]
    return subprocess.run(command, cwd=root, capture_output=True).returncode == 0
