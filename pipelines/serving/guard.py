"""A guard before ``mlflow models serve``: what a client sends wrongly is a 4xx with one line.

MLflow itself answers 500 to what it did not foresee (no content type, deep nesting, numbers of
thousands of digits), repeats all that was sent in its errors, and reads a body of any size.
"""

import ctypes
import functools
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from mlflow.exceptions import MlflowException

from ae_lightning.errors import UserError, one_line

SERVER = "mlflow.pyfunc.scoring_server"
LIMIT = "AE_SERVED_MB"
LARGE = 1 << 20
"""Bytes of a request after which memory is given back to the system."""

Invocations = Callable[[bytes, str | None, Any, Any], Any]


def install() -> None:
    """Guard the server that this process becomes; elsewhere, do nothing.

    Raises:
        UserError: AE_SERVED_MB is no number.
    """
    if f"{SERVER}.app" not in sys.modules:
        return
    from fastapi import Request

    most, server = limit(), sys.modules[SERVER]
    server.invocations = guarded(server.invocations)  # type: ignore[attr-defined]
    Request.body = bounded(most)  # type: ignore[method-assign, assignment]


def limit() -> int:
    """The bytes that a request may have, from AE_SERVED_MB (64 by default).

    Raises:
        UserError: it is no number above 0.
    """
    text = os.environ.get(LIMIT) or "64"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 20):
        raise UserError(f"{LIMIT}: must be a whole number of megabytes, found {text!r}; mend it")
    return int(text) << 20


def bounded(most: int) -> Callable[[Any], Awaitable[bytes]]:
    """Starlette's ``Request.body``, which gives up after ``most`` bytes."""

    async def body(self: Any) -> bytes:
        from fastapi import HTTPException

        chunks, count = [], 0
        async for chunk in self.stream():
            count += len(chunk)
            if count > most:
                raise HTTPException(413, f"body: must have at most {most:,} bytes ({LIMIT})")
            chunks.append(chunk)
        return b"".join(chunks)

    return body


def guarded(invocations: Invocations) -> Invocations:
    """MLflow's answer to a request, with 4xx and one line for all that is wrong with it."""

    @functools.wraps(invocations)
    def answer(data: bytes, content_type: str | None, model: Any, input_schema: Any) -> Any:
        try:
            if not content_type:
                return _refused("Content-Type: must be application/json, found none; send it", 415)
            return invocations(data, content_type, model, input_schema)
        except MlflowException as error:
            status = error.get_http_status_code()
            return _refused(_told(error.message), status if 400 <= status < 500 else 400)
        except RecursionError:
            return _refused("body: JSON that is nested too deeply; send a list of examples")
        except MemoryError:
            return _refused("body: too large for this machine; send fewer examples", 413)
        except Exception as error:
            return _refused(f"body: cannot be read ({type(error).__name__}: {error}); correct it")
        finally:
            if len(data) > LARGE:
                _give_back()

    return answer


def _told(message: str) -> str:
    """MLflow's message without the data that it repeats before or after its words."""
    return message.partition("\nInput:")[0].rpartition("\nError: ")[2]


def _refused(line: str, status: int = 400) -> Any:
    said = json.dumps({"error_code": "BAD_REQUEST", "message": one_line(" ".join(line.split()))})
    return sys.modules[SERVER].InvocationsResponse(said, status, "application/json")


def _give_back() -> None:
    """Return freed memory to the system, which glibc else keeps for the next request."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
