"""What every command does alike: a command whose extra is absent says so in one line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def without(module, *words):
    """The command line where a module is absent."""
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"sys.argv = ['ae', *{words!r}]\n"
        "from pipelines.cli.main import main; main()"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(("module", "command"), [("prefect", "serve"), ("mlflow", "publish")])
def test_an_absent_extra_is_named(module, command):
    done = without(module, command)
    line = f"ae {command}: needs the extra \"pipeline\"; pip install 'ae-lightning[pipeline]'\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_debug_shows_where_it_is_imported():
    assert "Traceback" in without("prefect", "--debug", "serve").stderr


def test_an_absent_module_of_no_extra_is_a_bug():
    done = without("rich", "list")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "extra" not in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("OSError(28, 'No space left on device')", f"{ROOT} or /.*: No space left .*; make room"),
        ("OSError(30, 'Read-only file system', '/x/y')", "/x/y: Read-only .*; make room"),
        ("PermissionError(13, 'Permission denied', '/x')", "/x: Permission .*; mend or name"),
        ("OSError('no number')", f"{ROOT} or /.*: no number; mend"),
    ],
)
def test_an_error_of_the_machine_names_the_place(error, said):
    code = (
        "import sys; sys.argv = ['ae', 'code']\n"
        "from pipelines.stages import code\n"
        f"def run(): raise {error}\n"
        "code.run = run\n"
        "from pipelines.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert re.fullmatch(f"ae: {said}.*\n", done.stderr)
