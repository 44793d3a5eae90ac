"""Files in and below a folder, symbolic links followed."""

import os
import re
import stat
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

HELPERS = {
    *("__macosx", "__pycache__", "lost+found", "system volume information"),
    *("$recycle.bin", "#recycle", "#snapshot"),
}
"""Folders of an operating system or a network drive, besides those that begin with . or @."""


@dataclass(frozen=True)
class FileTree:
    """Files in and below a folder, and folders below it, by their paths in it.

    ``left_out`` are broken links, folders that cannot be read, and pipes, sockets and devices,
    each with the reason; ``again`` links to a folder that another path leads to, each saying so.
    """

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    again: dict[str, str] = field(default_factory=dict)


def file_tree(folder: Path) -> FileTree:
    """List ``folder``: files sorted, hidden files, hidden folders and :data:`HELPERS` passed over.

    Each folder is entered once, by its path without links, or else by the first that leads there.
    A link to a folder that it is in itself ends there: nothing is lost.
    """
    tree = FileTree()
    entered = {_identity(parent): "" for parent in folder.resolve().parents}
    waiting = deque([""])
    while waiting:
        inside = waiting.popleft()
        try:
            identity = _identity(folder / inside)
            if identity in entered:
                taken = entered[identity]
                if taken and not inside.startswith(f"{taken}/"):
                    tree.again[inside] = f"leads to {printable(taken)}, which is taken once"
                continue
            entries = sorted(os.scandir(folder / inside), key=lambda entry: entry.name)
        except OSError as error:
            tree.left_out[inside] = f"is a folder that cannot be read ({error.strerror})"
            continue
        entered[identity] = inside
        tree.folders.append(inside)
        for entry in entries:
            path = f"{inside}/{entry.name}" if inside else entry.name
            why = "is neither a file nor a folder"
            try:
                kind = entry.stat().st_mode
            except OSError as error:  # a link that leads nowhere, or a path that is too long
                kind, why = 0, f"cannot be reached ({error.strerror})"
            if entry.name.startswith(".") or (stat.S_ISDIR(kind) and _helps(entry.name)):
                continue
            if stat.S_ISDIR(kind):  # folders proper go before those behind links
                (waiting.append if entry.is_symlink() else waiting.appendleft)(path)
            elif stat.S_ISREG(kind):
                tree.files.append(path)
            else:
                tree.left_out[path] = why
    tree.files.sort()
    tree.folders.sort()
    return tree


def printable(name: str) -> str:
    r"""A file's name in one line of UTF-8: other bytes and control characters as ``\x..``."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", lambda found: ascii(found[0])[1:-1], text)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _helps(name: str) -> bool:
    return name.startswith("@") or name.casefold() in HELPERS
