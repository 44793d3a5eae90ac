"""The tracking store's address, and a guard against its loss. Imports no tracker."""

import functools
import logging
import os
import re
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from filelock import FileLock

from ae_lightning.errors import UserError
from ae_lightning.redact import HIDDEN, redact
from pipelines.tracking.provenance import repository_root

# Read by MLflow as it is imported; what the user has set stands. MLflow's own defaults would
# retry a dead server for four minutes.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # what fails is raised to us as well
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines a run
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
for _key, _value in SETTINGS.items():
    os.environ.setdefault(_key, _value)
if os.environ["MLFLOW_LOGGING_LEVEL"].upper() not in logging.getLevelNamesMapping():
    os.environ["MLFLOW_LOGGING_LEVEL"] = SETTINGS["MLFLOW_LOGGING_LEVEL"]  # MLflow would not start
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # a line per retry
# A server of ours records, and has no use for seven more processes that judge language models.
SERVER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

SQLITE = "sqlite:///"
LOCAL_UI = "http://127.0.0.1:5000"
# A database that every process speaks to by itself, without a server.
DATABASE = re.compile(r"(postgresql|mysql|mssql)(\+\w+)?://")
UI_MODE = "?workflowType=machine_learning"  # MLflow's UI else shows prompts and traces
LOCK_SECONDS = 120
ANSWER_SECONDS = 10

Method = TypeVar("Method", bound=Callable[..., None])
_log = logging.getLogger(__name__)


class Guard:
    """A ``with`` block that outlives the store: the first failure is told once, then ``lost``."""

    def __init__(self, *, lost: bool = False) -> None:
        self.lost = lost

    def __enter__(self) -> "Guard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        if not self.lost:
            _log.warning(
                "MLflow store %s failed (%s); the work goes on, `ae publish` records it later",
                shown(),
                first_line(error),
            )
        self.lost = True
        return True


def guarded(method: Method) -> Method:
    """Let a method of what has a ``guard`` do nothing once the store is lost, and never raise."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        if not self.guard.lost:
            with self.guard:
                method(self, *args, **kwargs)

    return call  # type: ignore[return-value]


def uri() -> str:
    """MLFLOW_TRACKING_URI, or SQLite in the repository's folder ``mlflow/``."""
    default = repository_root() / "mlflow" / "mlflow.db"
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{default}"


def is_server() -> bool:
    """Whether a server keeps the store, which then decides where artifacts lie."""
    return uri().startswith(("http://", "https://"))


def shown() -> str:
    """Address of the store, without the user and password that it may have."""
    return redact(uri()).replace(f"{HIDDEN}@", "")


def artifacts() -> str | None:
    """Where a store without a server keeps artifacts; None where a server decides.

    It is the folder ``artifacts`` beside the SQLite file. For another database, which has no place
    of its own: MLFLOW_ARTIFACTS_DESTINATION, or ``mlflow/artifacts`` in the repository.
    """
    if DATABASE.match(uri()):
        here = repository_root() / "mlflow" / "artifacts"
        return os.environ.get("MLFLOW_ARTIFACTS_DESTINATION") or here.as_uri()
    database = _database(uri())
    return (database.parent.resolve() / "artifacts").as_uri() if database else None


def run_address(experiment: str, run: str) -> str:
    """The page of a run, by ids, in the server's UI or in that of ``ae ui``."""
    base = shown().rstrip("/") if is_server() else LOCAL_UI
    return f"{base}/#/experiments/{experiment}/runs/{run}{UI_MODE}"


def serve(port: int) -> None:
    """Become MLflow's server on the local store; where a server keeps it, print its address.

    Raises:
        UserError: If the port is taken.
    """
    if is_server():
        print(f"MLflow runs at {shown()}")
        return
    with closing(socket.socket()) as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise UserError(f"--port: must be free, {port} is taken; choose another")
    print(f"MLflow: http://127.0.0.1:{port}/#/experiments{UI_MODE}  (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--artifacts-destination", artifacts() or "mlflow/artifacts"]
    # Not on the command line, which everybody on the machine can read with its password.
    environment = SERVER | os.environ | {"MLFLOW_BACKEND_STORE_URI": uri()}
    environment["MLFLOW_LOGGING_LEVEL"] = "WARNING"
    os.execve(sys.executable, command, environment)  # noqa: S606 (no shell is wanted)


@contextmanager
def opening(address: str) -> Iterator[None]:
    """Hold off other processes while a database may be made a store; refuse a broken one at once.

    Two processes would both run MLflow's schema migrations on a fresh database, and MLflow tries
    one that does not answer for over a minute.

    Raises:
        UserError: the address lacks its beginning, as ``127.0.0.1:5000`` does; MLflow would make a
            folder of that name.
    """
    if "://" not in address and not address.startswith(("file:", "/", ".", "databricks")):
        raise UserError(
            "MLFLOW_TRACKING_URI: must begin with http://, https://, sqlite:/// or postgresql://, "
            f"found {address!r}; correct it, or unset it for mlflow/mlflow.db"
        )
    database = _database(address)
    if not database and not DATABASE.match(address):
        yield
        return
    place = database or repository_root() / "mlflow" / "store"
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock", timeout=LOCK_SECONDS):
        _try(address, database)
        yield


def _try(address: str, file: Path | None) -> None:
    if file:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA schema_version")
        return
    from sqlalchemy import create_engine, pool

    waits = {"connect_timeout": ANSWER_SECONDS} if address.startswith("postgresql") else {}
    with create_engine(address, connect_args=waits, poolclass=pool.NullPool).connect():
        pass


def first_line(error: Exception) -> str:
    """An error's kind and first line, short enough for one line of a terminal."""
    return " ".join(redact(f"{type(error).__name__}: {error}").partition("\n")[0].split())[:200]


def _database(address: str) -> Path | None:
    path = address.removeprefix(SQLITE).partition("?")[0]
    return Path(path) if address.startswith(SQLITE) and path != ":memory:" else None
