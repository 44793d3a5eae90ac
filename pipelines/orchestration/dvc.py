"""DVC as a command: its invocation, and explanations of its errors."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

COMMAND = (sys.executable, "-m", "dvc")


class Complaint(NamedTuple):
    """An error of DVC, what a person can do about it, and whether it may pass by itself."""

    words: str
    meaning: str
    passing: bool = False


_BROKEN_LOCK = (
    "dvc.lock is broken, as a DVC killed while writing leaves it: `git checkout dvc.lock`, or "
    "delete it if git has none (what is in DVC's cache is not computed again)"
)
_BROKEN_RWLOCK = (
    ".dvc/tmp/rwlock is broken, as a DVC killed while writing leaves it: "
    "delete it when no other DVC runs here"
)
# An entry that a dead process left in .dvc/tmp/rwlock is none of these: DVC removes it by itself.
_COMPLAINTS = (
    Complaint("dvc.lock' is invalid", _BROKEN_LOCK),
    Complaint("dvc.lock' validation failed", _BROKEN_LOCK),
    Complaint("unable to read: 'dvc.lock'", _BROKEN_LOCK),
    Complaint(
        "not a git repository",
        "the project must be a git repository: `git clone` it instead of a ZIP file, or "
        "`dvc config --local core.no_scm true`",
    ),
    Complaint("Unable to read RWLock-file", _BROKEN_RWLOCK),
    Complaint("rwlock' format error", _BROKEN_RWLOCK),
    Complaint(
        "is busy, it is being blocked by",
        "another DVC process uses the stage's files: wait for it to end, "
        "or delete .dvc/tmp/rwlock if no other DVC runs here",
        passing=True,
    ),
    Complaint(
        "Unable to acquire lock",
        "another DVC process holds the project: wait for it to end",
        passing=True,
    ),
)


def explain(lines: Sequence[str]) -> Complaint:
    """Return in one line why a command failed, from what it printed.

    A stage's own line for a person comes before DVC's, which says only that the stage failed.
    """
    for complaint in _COMPLAINTS:
        if any(complaint.words in line for line in lines):
            return complaint
    for start in ("ae: ", "ERROR: "):
        for line in lines:
            if line.startswith(start):
                return Complaint(line, line.removeprefix(start))
    last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    return Complaint(last, last)
