"""Prefect's server as a flow sees it: whether it answers, and whether it cancelled the flow."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from prefect import __version__, get_client
from prefect.client.base import ServerType, determine_server_type
from prefect.exceptions import CancelledRun
from prefect.settings import PREFECT_API_URL

from ae_lightning.errors import UserError
from ae_lightning.foreign_variables import LOOPBACK
from ae_lightning.redact import redact

ANSWER = 10.0
"""Seconds to wait for an answer."""

SILENCE = 60.0
"""Seconds after which a server that does not answer any more is given up."""


def check_server() -> None:
    """Make sure that PREFECT_API_URL is a server that the flow can speak to.

    Raises:
        UserError: It is away, refuses, hangs, is of another version or no such server.
    """
    if determine_server_type() == ServerType.CLOUD:  # it tells no version
        return
    try:
        version = str(_ask("/admin/version"))
        if version.partition(".")[0] != __version__.partition(".")[0]:
            raise ValueError(f"its version is {version[:40]}")
    except Exception as error:
        raise UserError(
            f"PREFECT_API_URL: must be a server of Prefect {__version__} that runs, found "
            f"{_shown()} ({_reason(error)}); start it (`prefect server start`), mend the address, "
            "which ends in /api, or unset it (`prefect config unset PREFECT_API_URL`): then a flow "
            "starts a server of its own"
        ) from error


class Contact:
    """The contact to the server while a flow's stages run."""

    def __init__(self, run: str) -> None:
        self._run, self._heard = run, time.monotonic()

    def look(self) -> None:
        """Heed a cancellation in the UI, which reaches no run that was started without a worker.

        Raises:
            CancelledRun: The run was cancelled.
            UserError: The server has not answered for SILENCE seconds.
        """
        try:
            state = _ask(f"/flow_runs/{self._run}")["state"]
        except (httpx.TransportError, ValueError) as error:
            if time.monotonic() - self._heard > SILENCE:
                raise _gone(error) from error
            return
        except httpx.HTTPStatusError:  # somebody deleted the run, or a proxy answers
            state = None
        self._heard = time.monotonic()
        if state and state["type"] in ("CANCELLING", "CANCELLED"):
            raise CancelledRun


@contextmanager
def told() -> Iterator[None]:
    """A block in which the server may go away.

    Raises:
        UserError: It did.
    """
    try:
        yield
    except (httpx.HTTPError, RuntimeError) as error:
        if not isinstance(error, httpx.HTTPError) and not isinstance(
            error.__cause__, httpx.HTTPError
        ):
            raise
        raise _gone(error) from error


@contextmanager
def direct() -> Iterator[None]:
    """A block in which a server on this machine is reached past proxies that httpx cannot use."""
    with ExitStack() as restored:
        if urlsplit(str(PREFECT_API_URL.value())).hostname in LOOPBACK:
            try:
                httpx.Client().close()
            except (ImportError, ValueError, httpx.InvalidURL):
                known = os.environ.get("no_proxy", "")
                restored.callback(os.environ.__setitem__, "no_proxy", known)
                os.environ["no_proxy"] = "*"
        yield


def _ask(path: str) -> Any:
    """The server's answer; Prefect's own client would ask again for minutes."""
    with get_client(httpx_settings={"timeout": ANSWER}, sync_client=True) as api:
        http = api._client
        answer = httpx.Client.send(http, http.build_request("GET", path))
        return answer.raise_for_status().json()


def _gone(error: Exception) -> UserError:
    return UserError(
        f"PREFECT_API_URL: the server must answer until the flow ends, {_shown()} does not any "
        f"more ({_reason(error)}); run the same again: what has ended well is kept"
    )


def _shown() -> str:
    return redact(str(PREFECT_API_URL.value()))


def _reason(error: Exception) -> str:
    """The first line of an error or of its cause, without the user and password of an address."""
    words = str(error.__cause__ or error).partition("\n")[0].split()
    return redact(" ".join(words))[:200] or type(error).__name__
