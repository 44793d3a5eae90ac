"""Process groups that end on request, and with this process, however it ends."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NamedTuple, NoReturn

EndedBy = Literal["itself", "timeout", "cancel"]
GRACE = 10.0  # seconds between SIGTERM and SIGKILL: time to write a checkpoint
_POLL = 0.1  # seconds

# The command runs as leader of its own process group, with a second process in the group that
# waits for the end of a pipe only we can write to. If we die, even by SIGKILL, the pipe ends
# and the second process ends the group.
_LEASHED = f"""
exec 3<&0 </dev/null
(trap '' HUP INT TERM; read -r _ <&3; kill -TERM 0; sleep {GRACE:.0f}; kill -KILL 0) \
    >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"""


def start(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], output: int = subprocess.PIPE
) -> "subprocess.Popen[str]":
    """Start a command as leader of a new process group that does not outlive this process.

    Its stdin is empty and its stderr goes where stdout goes: to a pipe, or to ``output``.
    Ctrl-C in our terminal does not reach it.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", _LEASHED, "sh", *command],
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def signal_group(process: "subprocess.Popen[str]", number: int) -> None:
    """Send a signal to all that is left of a group begun by :func:`start`."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def stop(
    process: "subprocess.Popen[str]",
    grace: float = GRACE,
    ended: Callable[[float], object] | None = None,
) -> None:
    """End a group begun by :func:`start`: SIGTERM, and SIGKILL for what is left after ``grace``.

    ``ended`` waits at most so long for the group's end; by default for that of its leader.
    """
    signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        (ended or process.wait)(grace)
    signal_group(process, signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


@contextmanager
def sigterm_exits() -> Iterator[None]:
    """Let SIGTERM unwind this process's stack, so that what it started is ended."""

    def leave(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class ExitStatus(NamedTuple):
    """How a command ended: its exit code, negative for a signal, and who ended it."""

    code: int
    by: EndedBy


@dataclass
class Group:
    """Commands that run side by side, in threads, and can all be ended at once."""

    grace: float = GRACE
    cancelled: bool = False  # not an Event, whose lock a signal handler could find held

    def run(
        self,
        command: Sequence[str],
        emit: Callable[[str], None],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float | None = None,
    ) -> ExitStatus:
        """Run a command to its end and hand each line that is not blank to ``emit``.

        When it has ended, so has everything that it started in its process group.

        Args:
            command: Program and arguments.
            emit: Gets the lines of stdout and stderr, in the calling thread.
            cwd: Working directory.
            env: The whole environment.
            timeout: Seconds after which the group is ended; None for never.
        """
        if self.cancelled:
            return ExitStatus(-signal.SIGTERM, "cancel")
        process = start(command, cwd, env)
        assert process.stdout is not None
        drained = threading.Event()  # every process of the group has closed its output
        with ThreadPoolExecutor(1) as thread, process.stdout:
            by = thread.submit(self._watch, process, drained, timeout)
            for line in process.stdout:
                if line.strip():
                    emit(line.rstrip())
            drained.set()
        return ExitStatus(process.returncode, by.result())

    def _watch(
        self, process: "subprocess.Popen[str]", drained: threading.Event, timeout: float | None
    ) -> EndedBy:
        """End a process group once its leader has ended, the time is up, or on request."""
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        by: EndedBy = "itself"
        while by == "itself" and process.poll() is None:
            time.sleep(_POLL)
            if self.cancelled:
                by = "cancel"
            elif time.monotonic() > deadline:
                by = "timeout"
        stop(process, self.grace, drained.wait)
        return by

    def end(self) -> None:
        """End all that runs, and refuse to start more. The calls of :meth:`run` return."""
        self.cancelled = True

    @contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """End the group on Ctrl-C and SIGTERM, before any other handler runs."""
        with ExitStack() as handlers:
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.getsignal(number)
                if callable(before) and threading.current_thread() is threading.main_thread():
                    signal.signal(number, partial(self._end_and, before))
                    handlers.callback(signal.signal, number, before)
            yield

    def _end_and(
        self, handler: Callable[[int, FrameType | None], Any], number: int, frame: FrameType | None
    ) -> None:
        self.end()
        handler(number, frame)
