"""Secrets out of what is printed, logged and recorded: passwords in addresses, tokens, keys.

An address keeps its scheme and host. What reads like a secret is hidden as well: better a word too
many than a password.
"""

import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "***"
SHORTEST, TOKEN = 4, 8
"""Letters of an address's password, and of a variable's secret, hidden wherever they stand."""

_NAMES = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|signature|credential|bearer|"
    r"(?:api|access|account|private|shared|sas)[_-]?key"
)
_ADDRESS = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*://)([^\s\"<>]+)")
_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d{0,5})?\W*")
_PAIR = re.compile(
    rf"(?i)((?:[\w.-]*(?:{_NAMES})[\w-]*|(?<=[?&;#])(?:sig|key|auth|pass|pw|code|jwt))"
    r"""["']?\s*=\s*)("[^"]*"|'[^']*'|[^\s&"'<>]+)"""
)
_ENTRY = re.compile(
    rf"""(?i)(["'][\w.-]*(?:{_NAMES})[\w-]*["']\s*:\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
_HEADER = re.compile(r"""(?i)(authorization["']?\s*[:=]\s*["']?)(?:\w+\s+)?[^\s"']+""")
_AWS = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_VARIABLE = re.compile(rf"(?i){_NAMES}")


def redact(text: str) -> str:
    """``text`` without passwords, tokens and keys, those of the environment's variables first."""
    for secret in sorted(set(_known()), key=len, reverse=True):
        if secret in text:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", HIDDEN, text)
    if "://" in text:
        text = _ADDRESS.sub(lambda found: found[1] + _without_user(found[2]), text)
    if "=" in text:
        text = _PAIR.sub(rf"\1{HIDDEN}", text)
    text = _HEADER.sub(rf"\1{HIDDEN}", _ENTRY.sub(rf'\1"{HIDDEN}"', text))
    return _AWS.sub(HIDDEN, text)


def _without_user(rest: str) -> str:
    """An address behind its scheme, without the user and password before the host."""
    user = _user(rest)
    return f"{HIDDEN}@{rest[len(user) + 1 :]}" if user else rest


def _user(rest: str) -> str:
    """``user:password`` of an address behind its scheme; empty without one.

    People forget to encode ``/``, ``?``, ``#`` and ``@`` in a password. So a user's name ends at
    the last ``@``, if one is before the path, or if what is before the path is no host and port.
    """
    before, at, _ = rest.rpartition("@")
    head = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    place = _PORT.fullmatch(head)
    host = place is not None and (not place[2] or re.search(r"[.\]]|^localhost$", place[1]))
    return before if at and ("@" in head or not (head == "" or host)) else ""


def _known() -> Iterator[str]:
    """Secrets in the environment, and their parts, which errors quote when an address is broken."""
    for name, value in os.environ.items():
        if _VARIABLE.search(name) and not value.startswith(("http", "/", "~", ".")):
            yield from _long(value, TOKEN)
        if "@" in value and not re.search(r"\s", value):
            _, _, password = _user(value.rpartition("://")[2]).partition(":")
            for text in (password, unquote(password), quote(password, safe="")):
                yield from _long(text)
                yield from (part for one in re.split(r"[/@?#:\\]", text) for part in _long(one))


def _long(text: str, shortest: int = SHORTEST) -> Iterator[str]:
    if len(text) >= shortest and text.lower() not in ("true", "false", "none", "auto"):
        yield text


def install() -> None:
    """Redact all that this process prints on its streams and hands to Python's loggers."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not _is_ours(stream.write, _write):
            stream.write = partial(_write, stream.write)  # type: ignore[method-assign]
    factory = logging.getLogRecordFactory()
    if not _is_ours(factory, _record):
        logging.setLogRecordFactory(partial(_record, factory))


def _is_ours(call: Any, function: Callable[..., Any]) -> bool:
    return isinstance(call, partial) and call.func is function


def _write(write: Callable[[str], int], text: str) -> int:
    write(redact(text))
    return len(text)


def _record(factory: Callable[..., logging.LogRecord], *args: Any, **kwargs: Any) -> Any:
    record = factory(*args, **kwargs)
    try:
        record.msg, record.args = redact(record.getMessage()), ()
    except (TypeError, ValueError):  # arguments that do not fit: logging itself tells of them
        return record
    if record.exc_info and record.exc_info[0]:
        record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
    return record
