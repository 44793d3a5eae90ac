"""Names of items: a shell and a path take them as they are, and none leaves its folder."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ae_lightning import load
from ae_lightning.artifacts import ARTIFACTS, MODELS, checked_name, within
from ae_lightning.config import params
from ae_lightning.errors import UserError
from pipelines.code_digest import digests

ROOT = Path(__file__).parents[1]
GOOD = ["deep-30", "A_1", "7", "text-hash-8", "v1.5", "a..b", "x" * 100]
BAD = [
    *("", ".", "..", "../../precious", "/etc", "a/b", "a\\b", "-rf", "_a", ".hidden", "~root"),
    *("a; touch PWNED", "$(id)", "`id`", "a|b", "a&b", "a b", "a\tb", "a\nb", "a\n", "a\0b", "'a'"),
    *('"a"', "a*", "${HOME}", "a>b", "#a", "é", "а", "a\u202eb", "x" * 101, "x" * 100_000),
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_name_stays_as_it_is(name):
    assert checked_name(name) == name


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("section", params.NAMED)
def test_what_could_be_more_than_a_name_is_refused_in_params(section, name):
    with pytest.raises(UserError, match=f"^params.yaml: {section}: must be letters") as error:
        params.parse({"datasets": {}, section: {name: {}}})
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", BAD)
def test_what_could_be_more_than_a_name_is_refused_by_load(name, tmp_path):
    with pytest.raises(UserError, match="must be letters"):
        load(name, tmp_path)
    with pytest.raises(UserError, match="variant: must be letters"):
        params.pick({name: 1}, name, "variant")


@pytest.mark.parametrize("name", [None, 7, b"a", ["a"], {}])
def test_what_is_no_text_is_no_name(name):
    with pytest.raises(UserError, match="must be letters"):
        checked_name(name)


@given(st.text() | st.text("./\\ ;$a-", max_size=8))
def test_no_name_leaves_its_folder(name):
    try:
        path = within(ARTIFACTS, MODELS, name)
    except UserError:
        return
    assert Path(os.path.normpath(path)).parent == MODELS
    done = subprocess.list2cmdline([name])
    assert done == name  # nothing to quote


def test_a_dot_is_none_for_dvc(tmp_path, monkeypatch):
    """DVC reads ``datasets.a.b`` as the key ``b`` of ``a``."""
    monkeypatch.chdir(tmp_path)
    dataset = {"kind": "npy", "path": "x"}
    Path("params.yaml").write_text(yaml.safe_dump({"datasets": {"a.b": dataset}}))
    with pytest.raises(UserError, match=r"datasets.a.b: DVC reads a dot as the end of a key"):
        digests.refresh()


def test_every_command_with_a_name_needs_what_ae_code_writes_for_it():
    """So that a stage that DVC runs alone stops as well: `ae code` writes nothing for bad names."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    named = {name: stage.get("do", stage) for name, stage in stages.items()}
    named = {name: stage for name, stage in named.items() if "${" in stage["cmd"]}
    assert len(named) == 8
    for name, stage in named.items():
        key = stage["cmd"].split()[2].strip("${}")
        [read] = [one["code.yaml"] for one in stage["params"] if isinstance(one, dict)]
        assert f"{name}.${{{key}}}" in read


@pytest.fixture
def attacked(tmp_path, monkeypatch, request):
    """A checkout whose params.yaml has a command or a path as a name."""
    subprocess.run(["git", "clone", "-q", str(ROOT), "p"], cwd=tmp_path, check=True)
    project = tmp_path / "p"
    dataset = {"kind": "npy", "path": "data/x", "validation": 2}
    sections = {"layers": {}, "variants": {}, "classifiers": {}}
    sections |= {"repeats": {"variants": [], "seeds": [0]}}
    settings = {"datasets": {request.param: dataset}, **sections}
    (project / "params.yaml").write_text(yaml.safe_dump(settings))
    (project / "dvc.lock").unlink()
    (project / "data/x").mkdir(parents=True)
    for part in ("train", "test"):
        np.save(project / f"data/x/{part}_images.npy", np.zeros((20, 4, 4), np.uint8))
    (project / "precious").mkdir()
    (project / "precious/thesis.txt").write_text("thesis")
    programs = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(project)
    return project


SHELL, PATH = "a; touch PWNED", "../../precious"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attacked", "command"),
    [
        (SHELL, ["ae", "prepare", SHELL]),
        (SHELL, ["ae", "flow"]),
        (SHELL, ["dvc", "repro"]),
        (SHELL, ["dvc", "repro", "-s", f"prepare@{SHELL}"]),
        (PATH, ["ae", "prepare", PATH]),
        (PATH, ["ae", "flow"]),
        (PATH, ["dvc", "repro"]),
        (PATH, ["dvc", "repro", f"prepare@{PATH}"]),
    ],
    indirect=["attacked"],
)
def test_no_shell_and_no_folder_sees_such_a_name(attacked, command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not (attacked / "PWNED").exists()
    assert (attacked / "precious/thesis.txt").read_text() == "thesis"
