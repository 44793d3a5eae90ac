"""A Prefect server for the time of one flow, for those who have none running."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ae_lightning.errors import UserError
from ae_lightning.subprocesses import start, stop

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxies are set
_STARTUP = 600.0  # seconds; on a busy machine it takes minutes


@contextmanager
def temporary_server(meanwhile: Callable[[], object] = lambda: None) -> Iterator[str]:
    """Run a Prefect server on a free port of this machine and give the URL of its API.

    Prefect has such a server of its own, but starts it in our terminal's process group, where
    Ctrl-C ends it before it can record that the flow was stopped, and leaves it running if we are
    killed. Its history goes to the usual database under ``PREFECT_HOME``. ``meanwhile`` is called
    while it starts, which takes seconds.

    Raises:
        UserError: The server does not answer.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = (sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--analytics-off")
    # This process is the server, so an address that it inherits would be another's.
    env = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
    address = ("--host", "127.0.0.1", "--port", str(port))
    server = start([*serve, *address], Path.cwd(), env, output=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/api"
        meanwhile()
        _wait_for(server, url)
        yield url
    finally:
        stop(server)


def _wait_for(server: "subprocess.Popen[str]", url: str) -> None:
    deadline = time.monotonic() + _STARTUP
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with _DIRECT.open(f"{url}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise UserError(
        "Prefect's temporary server did not start: "
        "`prefect server start` says why, or set PREFECT_API_URL to one that runs"
    )
