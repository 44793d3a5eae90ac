"""Prefect servers that are away, refuse, hang, or are something else: stand-ins on loopback."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import prefect
import pytest
from prefect.exceptions import CancelledRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from ae_lightning.errors import UserError
from pipelines.orchestration import prefect_api
from tests.pipelines.servers import free_port

ROOT = Path(__file__).parents[3]
Answer = Callable[[BaseHTTPRequestHandler], None]


def answers(status: int, body: str, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


def hangs(request: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    request.connection.close()


def speaks_another_protocol(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api"
        with temporary_settings({PREFECT_API_URL: url}):
            yield url
        server.shutdown()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_api, "ANSWER", 1.0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answers(404, "<html>"), "404 Not Found"),
        (answers(401, '{"detail": "Unauthorized"}'), "401 Unauthorized"),
        (answers(403, "{}"), "403 Forbidden"),
        (answers(500, "{}"), "500 Internal Server Error"),
        (answers(503, "{}", Retry_After="3600", Prefect_Maintenance="true"), "503"),
        (answers(200, "<html>a router's page"), "Expecting value"),
        (answers(200, '"2.20.18"'), "its version is 2.20.18"),
        (answers(200, '"4.0.0"'), "its version is 4.0.0"),
        (answers(200, '{"version": 3}'), "its version is"),
        (answers(200, "[" * 100_000), "."),
        (answers(302, "", Location="http://127.0.0.1:9/login"), "refused"),
        (hangs, "timed out"),
        (hangs_up, "disconnected"),
        (speaks_another_protocol, "."),
    ],
)
def test_what_is_no_server_of_prefect_is_told(answer: Answer, reason: str) -> None:
    with serving(answer) as url:
        begun = time.monotonic()
        with pytest.raises(UserError, match=f"^PREFECT_API_URL: must be .*{reason}") as told:
            prefect_api.check_server()
    assert time.monotonic() - begun < 30
    assert url in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{}/api", "http://127.0.0.1:{}", "http://user:secret@localhost:{}/api"],
)
def test_a_server_that_is_away_is_told_without_its_password(address: str) -> None:
    with temporary_settings({PREFECT_API_URL: address.format(free_port())}):
        with pytest.raises(UserError, match=r"must be a server of Prefect.*prefect server start"):
            prefect_api.check_server()
        with pytest.raises(UserError, match=r"\(.*\)") as told:
            prefect_api.check_server()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:4200/api", "ftp://host/api", "http://host:port/api"]
)
def test_an_address_that_is_none(address: str) -> None:
    with (
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(UserError, match=re.escape(address)),
        prefect_api.direct(),
    ):
        prefect_api.check_server()


@pytest.mark.parametrize(
    "proxies",
    [
        {},
        {"ALL_PROXY": "socks5://127.0.0.1:9"},
        {"all_proxy": "socks://127.0.0.1:9"},
        {"http_proxy": "http://127.0.0.1:9", "no_proxy": "[::1],127.0.0.1"},
        {"http_proxy": "nonsense://x:a"},
    ],
    ids=str,
)
def test_a_server_on_this_machine_is_reached_whatever_proxies_there_are(
    proxies: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    for name, text in ({"no_proxy": "127.0.0.1"} | proxies).items():
        monkeypatch.setenv(name, text)
    before = dict(os.environ)
    with serving(answers(200, json.dumps(prefect.__version__))), prefect_api.direct():
        prefect_api.check_server()
    assert dict(os.environ) == before


@pytest.mark.parametrize("state", ["CANCELLING", "CANCELLED"])
def test_a_cancellation_in_the_ui_is_heeded(state: str) -> None:
    with (
        serving(answers(200, json.dumps({"state": {"type": state}}))),
        pytest.raises(CancelledRun),
    ):
        prefect_api.Contact("run").look()


@pytest.mark.parametrize(
    "answer",
    [
        answers(200, '{"state": {"type": "RUNNING"}}'),
        answers(200, '{"state": null}'),
        answers(404, "{}"),
    ],
)
def test_a_flow_goes_on_while_the_server_answers(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefect_api, "SILENCE", 0.0)
    with serving(answer):
        prefect_api.Contact("run").look()


@pytest.mark.parametrize("answer", [hangs, hangs_up, answers(200, "<html>")])
def test_a_server_that_falls_silent_ends_the_flow(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answer):
        contact = prefect_api.Contact("run")
        contact.look()  # it may come back
        monkeypatch.setattr(prefect_api, "SILENCE", 0.0)
        with pytest.raises(UserError, match=r"does not any more .*run the same again"):
            contact.look()


def test_errors_of_prefect_on_a_lost_server_are_one_line() -> None:
    lost = httpx.ConnectError("[Errno 111] Connection refused")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        for error in (lost, RuntimeError("Failed to reach API")):
            error.__cause__ = None if error is lost else lost
            with pytest.raises(UserError, match="Errno 111"), prefect_api.told():
                raise error
    with pytest.raises(RuntimeError, match="ours"), prefect_api.told():
        raise RuntimeError("ours")


@pytest.mark.parametrize(
    "setting",
    [
        {"PREFECT_LOGGING_LEVEL": "nonsense"},
        {"PREFECT_API_REQUEST_TIMEOUT": "abc"},
        {"PREFECT_API_URL": "http://[::1/api"},
    ],
    ids=str,
)
def test_a_setting_that_prefect_refuses_is_told(setting: dict[str, str]) -> None:
    code = (
        "from ae_lightning.errors import UserError; from pipelines.orchestration import start\n"
        "try: start.load_flow()\n"
        "except UserError as error: print(error)"
    )
    environment = os.environ | setting
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.startswith("PREFECT_… variables and Prefect's profile must be"), done.stderr
    assert done.stdout.count("\n") == 1
