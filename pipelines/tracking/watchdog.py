"""A small process that outlives its parent to close the run a ``kill -9`` would leave open.

It is started in its own session, so that a signal to the stage's process group passes it by, and
costs one bare interpreter: MLflow is imported only once the parent is found dead.
"""

import os
import select
import subprocess
import sys

RELEASE = b"done"
POLL_SECONDS = 2.0

Watchdog = subprocess.Popen[bytes]


def watch() -> Watchdog:
    """Start the process that watches this one."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.tracking.watchdog", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def release(watchdog: Watchdog) -> None:
    """Tell the watchdog that the run has been closed in good order."""
    watchdog.communicate(RELEASE)


def parent_died(parent: int) -> bool:
    """Wait until the parent has released us (False) or is dead (True).

    The pipe's closing alone would not do: workers forked by the parent hold copies of its end.
    """
    while os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if readable and (word := os.read(sys.stdin.fileno(), len(RELEASE))):
            return word != RELEASE
        if readable:  # closed: the parent is ending, and is gone in a moment
            select.select([], [], [], 0.05)
    return True


if __name__ == "__main__":
    if parent_died(int(sys.argv[1])):
        from pipelines.tracking import queries

        queries.close_orphans()
