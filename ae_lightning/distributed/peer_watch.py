"""Watch over the other processes of a group: if one ends, this one ends too and says why."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

POLL = 0.2
GRACE = 10.0
"""Seconds for a process to end in good order before a hard exit."""

AGAIN = "run the same command again: a training goes on from its last whole epoch"


class Watch(threading.Thread):
    """Watches the processes that this one started, or the one that started it.

    If one ends before :meth:`stop`, the main thread finds out by itself as soon as it needs the
    other one, and asks :meth:`why`. If it does not, this process is ended with one line.
    """

    def __init__(
        self, others: Sequence["subprocess.Popen[bytes]"], parent: int | None, ranks: int
    ) -> None:
        super().__init__(daemon=True)
        self._others, self._parent, self._ranks = others, parent, ranks
        self._stopped, self._found = threading.Event(), threading.Event()
        self._heard = False
        self._reason = ""

    def run(self) -> None:
        """Look several times a second."""
        while not self._stopped.wait(POLL):
            self._reason = self._gone()
            if self._reason:
                self._found.set()
                if not self._stopped.wait(GRACE):
                    self._end()
                return

    def stop(self) -> None:
        """Stop watching: the others may end now."""
        self._stopped.set()

    def why(self, patience: float) -> str:
        """The line that names the ended process, if known within ``patience`` seconds; or ''."""
        self._heard = self._found.wait(patience)
        return self._reason

    def _end(self) -> None:
        if not self._heard:
            print(f"ae: {self._reason}", file=sys.stderr, flush=True)
        os._exit(2)

    def _gone(self) -> str:
        if self._parent is not None and os.getppid() != self._parent:
            return f"rank 0 of {self._ranks}: must stay until the end, but it has gone; {AGAIN}"
        for rank, process in enumerate(self._others, start=1):
            code = process.poll()
            if code is not None:
                return (
                    f"rank {rank} of {self._ranks}: must stay until the end, but it "
                    f"{_ended(code)}; {AGAIN}"
                )
        return ""


def _ended(code: int) -> str:
    """How a process ended by its ``returncode``, in words."""
    if code >= 0:
        return f"ended with exit status {code}"
    name = signal.Signals(-code).name
    return f"was ended by {name}" + (" (memory may be short)" if name == "SIGKILL" else "")
