"""End of a stage with the DVC that runs it: a killed `dvc repro` cannot end its stage itself."""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

import psutil  # type: ignore[import-untyped,unused-ignore]

from ae_lightning.subprocesses import GRACE

SHELLS = {"sh", "bash", "dash", "fish", "ksh", "zsh"}
"""Of them DVC runs a stage's command in one, which may stay between."""

_POLL = 0.2  # seconds


def end_with_parent() -> None:
    """End this process once the one that started it, past shells, has ended, however it did.

    SIGTERM lets a training end in good order; after GRACE seconds the exit is hard.
    """
    above = []
    for process in psutil.Process().parents():
        above.append(process)
        if process.name() not in SHELLS:
            break
    threading.Thread(target=_watch, args=(above,), daemon=True).start()


def _watch(above: Sequence[psutil.Process]) -> None:
    while all(map(_lives, above)):
        time.sleep(_POLL)
    print("ae: what ran this stage has ended, so this ends, too", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
