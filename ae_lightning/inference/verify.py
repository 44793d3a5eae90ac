"""Verification of files and folders against the hashes that DVC recorded in dvc.lock."""

import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ae_lightning.errors import UserError, reading
from ae_lightning.files import read_yaml

LOCK = "dvc.lock"


def check_recorded(path: Path, stage: str) -> None:
    """Compare ``path``, an output below ``artifacts/`` of a project, with its ``dvc.lock``.

    A file within an output is compared with the list of files in DVC's cache, if that is here;
    else the whole output is. What the lock does not record passes: a project without DVC, a model
    that ``ae finetune`` made.

    Raises:
        UserError: the lock has another hash; ``stage`` is what makes it.
    """
    whole = path.absolute()
    root = next((above for above in whole.parents if (above / LOCK).exists()), None)
    if root is None:
        return
    outs = _outs(root / LOCK)
    output = next((one for one in (whole, *whole.parents) if _place(one, root) in outs), whole)
    place = _place(output, root)
    recorded = outs.get(place)
    if recorded and output != whole:
        listed = _listed(root, recorded).get(whole.relative_to(output).as_posix())
        recorded, path = (listed, path) if listed else (recorded, output)
    if recorded is not None and recorded != (found := _recorded_md5(path)):
        raise UserError(
            f"{path}: must be what dvc.lock records (md5 {recorded[:8]}), found {found[:8]}: it "
            f"was altered; run: dvc checkout --force {place}, or dvc repro {stage}"
        )


def _place(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else ""


def _listed(root: Path, recorded: str) -> dict[str, str]:
    """Hashes of a folder's files by their paths in it; empty if DVC's cache has no such list."""
    path = root / ".dvc" / "cache" / "files" / "md5" / recorded[:2] / recorded[2:]
    if not path.is_file() or f"{_md5(path)}.dir" != recorded:
        return {}
    return {file["relpath"]: file["md5"] for file in json.loads(path.read_bytes())}


def _recorded_md5(path: Path) -> str:
    return folder_md5(path) if path.is_dir() else _md5(path)


def folder_md5(folder: Path) -> str:
    """A folder's hash as DVC writes it: the MD5 of a JSON list of its files' own."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    listed = [
        {"md5": _md5(path), "relpath": name}
        for name, path in sorted(files.items())
        if path.is_file()
    ]
    text = json.dumps(listed, sort_keys=True).encode()
    return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()}.dir"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, _unsafe_md5).hexdigest()


def _unsafe_md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _outs(lock: Path) -> dict[str, str]:
    """Hashes of all stages' outputs by path."""
    with told_of(lock):
        outs = [out for stage in recorded(lock)["stages"].values() for out in stage.get("outs", ())]
        return {out["path"]: out["md5"] for out in outs}


def recorded(path: Path) -> Any:
    """Content of ``dvc.lock`` or a ``.dvc`` file, which ends with a whole line.

    Raises:
        UserError: it is damaged.
    """
    with told_of(path):
        if not path.read_bytes().endswith(b"\n"):
            raise ValueError("its last line is cut")
        return read_yaml(path, _restore(path))


def told_of(path: Path) -> AbstractContextManager[None]:
    """A block in which damage of ``dvc.lock`` or a ``.dvc`` file shows."""
    return reading(path, _restore(path))


def _restore(path: Path) -> str:
    return f"run: git checkout {path.name}"
