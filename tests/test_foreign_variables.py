"""What notebooks, schedulers and shells leave in the environment, and commands among it."""

import getpass
import os
import pwd
import subprocess
import sys
import threading
import urllib.request
import warnings
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import given

from ae_lightning import foreign_variables
from ae_lightning.errors import UserError
from ae_lightning.foreign_variables import DISPLAY, PLACE, SPEED, settle

ROOT = Path(__file__).parents[1]
DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """An environment of the test's own, without proxies and numbers; warnings as they were."""
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    monkeypatch.setattr(os, "environ", os.environ)
    for name in {*os.environ} - {*kept}:
        monkeypatch.delenv(name)
    for name in (*PLACE, *SPEED, *DISPLAY, "no_proxy", "NO_PROXY", "MPLBACKEND", "PYTHONWARNINGS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with warnings.catch_warnings():
        yield monkeypatch


@pytest.mark.parametrize(
    ("backend", "left"),
    [
        ("module://matplotlib_inline.backend_inline", False),
        ("module://ipympl.backend_nbagg", False),
        ("module://json", True),
        ("module://", False),
        ("module://..", False),
        ("inline", False),
        ("nonsense", False),
        ("../backends/backend_agg", False),
        ("TkAgg", True),
        ("agg", True),
        ("", True),
    ],
)
def test_matplotlib_is_imported_whatever_a_notebook_set(backend, left):
    """Its own import is the judge; a backend that is there stays."""
    code = "import ae_lightning, os; print(os.environ.get('MPLBACKEND')); import matplotlib"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"MPLBACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, backend if left else "None"), done.stderr


@pytest.mark.parametrize("name", [*PLACE, *SPEED, *DISPLAY])
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_number_is_none(variables, name, text):
    variables.setenv(name, text)
    settle()
    assert name not in os.environ


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RANK", "first"),
        ("RANK", "-1"),
        ("WORLD_SIZE", "0"),
        ("WORLD_SIZE", "2.0"),
        ("LOCAL_WORLD_SIZE", "1,1"),
        ("SLURM_NTASKS", "2(x3)"),
        ("SLURM_PROCID", "0x1"),
        ("MASTER_PORT", "tcp://10.0.0.1:29500"),
    ],
)
def test_a_place_that_is_no_number_is_told(variables, name, text):
    variables.setenv(name, text)
    with pytest.raises(UserError, match=rf"^{name}: must be a whole number from [01], found"):
        settle()


@pytest.mark.parametrize(
    ("name", "text", "stays"),
    [
        ("COLUMNS", "0", False),
        ("COLUMNS", "1", False),
        ("COLUMNS", "wide", False),
        ("COLUMNS", "132", True),
        ("TERMINAL_WIDTH", "abc", False),
        ("LINES", "-5", False),
        ("OMP_NUM_THREADS", "all", False),
        ("OMP_NUM_THREADS", "0", False),
        ("OMP_NUM_THREADS", "4,2", True),
        ("OMP_NUM_THREADS", "4,", False),
        ("RANK", "0", True),
        ("SLURM_NTASKS", "8", True),
    ],
)
def test_a_number_that_decides_nothing_is_left_out_if_odd(variables, name, text, stays):
    variables.setenv(name, text)
    settle()
    assert os.environ.get(name) == (text if stays else None)


LETTERS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)


@given(st.dictionaries(st.sampled_from([*PLACE, *SPEED, *DISPLAY, "no_proxy"]), LETTERS))
def test_any_text_is_a_number_told_or_left_out(found):
    with pytest.MonkeyPatch.context() as patch:
        for name, text in found.items():
            patch.setenv(name, text)
        said = ""
        try:
            settle()
        except UserError as error:
            said = str(error)
        assert not said or said.partition(":")[0] in found
        assert "\n" not in said
        for name, least in PLACE.items():
            assert said or int(os.environ.get(name, least)) >= least


@pytest.mark.parametrize(
    "proxies",
    [
        {},
        {"http_proxy": DEAD, "no_proxy": "127.0.0.1"},
        {"http_proxy": DEAD},
        {"HTTP_PROXY": DEAD},
        {"http_proxy": DEAD, "no_proxy": "localhost"},
        {"http_proxy": DEAD, "no_proxy": "127.0.0.0/8"},
        {"http_proxy": DEAD, "NO_PROXY": " example.org , "},
        {"http_proxy": DEAD, "no_proxy": "*"},
        {"ALL_PROXY": DEAD},
        {"all_proxy": DEAD, "https_proxy": DEAD},
    ],
    ids=str,
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_servers_of_this_machine_are_reached_past_proxies(variables, proxies, host):
    for name, text in proxies.items():
        variables.setenv(name, text)
    settle()
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://{host}:{server.server_port}/"
        assert httpx.get(address).status_code == 200
        with urllib.request.build_opener().open(address) as answer:
            assert answer.status == 200
        server.shutdown()
    hosts = os.environ["no_proxy"].split(",")
    assert (
        hosts == ["*"]
        or "example.org" not in proxies.get("NO_PROXY", "")
        or ("example.org" in hosts)
    )


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("text", ["error", "default,error", "error::DeprecationWarning"])
def test_warnings_are_no_errors(variables, text):
    variables.setenv("PYTHONWARNINGS", text)
    warnings.simplefilter("error")
    settle()
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "PYTHONWARNINGS" not in os.environ


def test_letters_that_a_terminal_lacks(tmp_path):
    code = "from ae_lightning.foreign_variables import settle; settle(); print('28 × 28 · λ')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "28 ? 28 ? ?\n")


def test_a_home_that_is_not_there_or_read_only(variables, tmp_path):
    variables.setenv("TMPDIR", str(tmp_path))
    variables.setattr(foreign_variables.tempfile, "tempdir", str(tmp_path))
    for name in foreign_variables.CACHES:
        variables.delenv(name, raising=False)
    variables.setenv("HOME", str(tmp_path / "nowhere"))
    settle()
    for name in foreign_variables.CACHES:
        assert os.environ[name].startswith(str(tmp_path))
    assert Path.home().is_dir()


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("No username set in env")])
@pytest.mark.parametrize("empty", [True, False])
def test_a_user_without_a_name_is_a_number(variables, error, empty):
    def nobody(*_):
        raise error

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        variables.setenv(name, "")
        if not empty:
            variables.delenv(name)
    variables.setattr(pwd, "getpwuid", nobody)
    settle()
    assert getpass.getuser() == str(os.getuid())
