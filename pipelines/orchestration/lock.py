"""One flow at a time in a checkout."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ae_lightning.errors import UserError
from ae_lightning.files import read_json


@contextmanager
def only_flow(root: Path) -> Iterator[None]:
    """Hold the checkout at ``root`` for one flow; the thread that holds it may enter again.

    The kernel lets go of the lock when its holder dies, however it dies.

    Raises:
        UserError: Another process runs a flow here, or ``root`` is no DVC project.
    """
    if not (root / ".dvc").is_dir():
        raise UserError(
            f"{root}: must be a DVC project, found no folder .dvc; go to the project's folder, or "
            "clone the project with git"
        )
    folder = root / ".dvc" / "tmp"
    folder.mkdir(exist_ok=True)
    # What the holder says of itself lies beside the lock: whoever tries the lock empties its file.
    note = folder / "ae-flow.json"
    lock = FileLock(folder / "ae-flow.lock", timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"another flow runs in {root} {_holder(note)}") from None
    try:
        started = datetime.now().astimezone().isoformat(" ", "seconds")
        note.write_text(json.dumps({"pid": os.getpid(), "since": started}))
        yield
    finally:
        lock.release()


def _holder(note: Path) -> str:
    with suppress(UserError):
        holder = read_json(note, "")
        pid, since = holder["pid"], holder["since"]
        return f"(pid {pid}, since {since}): wait for it to end, or end it with `kill {pid}`"
    return "(it has only just begun): wait for it to end"
