"""Raw files that DVC stops at are told in one line before it is asked; what it takes is passed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines.orchestration import dvc, raw_files
from pipelines.orchestration.plan import Plan

PARAMS = """
datasets:
  odd: {{kind: folder, path: {path}, size: [8, 8]}}
  even: {{kind: npy, path: data/even}}
layers: {{}}
variants: {{}}
"""


@pytest.fixture
def root(empty_checkout: Path, tmp_path: Path) -> Path:
    root = shutil.copytree(empty_checkout, tmp_path / "project")
    (root / "params.yaml").write_text(PARAMS.format(path="data/odd"))
    (root / "data/odd/cats").mkdir(parents=True)
    (root / "data/odd/cats/1.png").write_text("an image")
    return root


def link(target: str, name: str = "link") -> "tuple[str, object]":
    return name, lambda path: path.symlink_to(target)


TROUBLES = {
    "broken link": (*link("/nowhere"), "cats/link: cannot be reached .No such file"),
    "circle": (*link("link"), "cats/link: cannot be reached .Too many levels"),
    "hidden link": (*link("/nowhere", ".link"), r"cats/\.link: cannot be reached"),
    "device": (*link("/dev/zero"), "cats/link: is a pipe, a socket or a device; remove it"),
    "pipe": ("pipe", os.mkfifo, "cats/pipe: is a pipe, a socket or a device"),
    "file in Latin-1": (
        os.fsdecode(b"caf\xe9.png"),
        Path.touch,
        r"cats/caf\\xe9\.png: its name is not UTF-8; rename it",
    ),
    "folder in Latin-1": (
        os.fsdecode(b"caf\xe9"),
        Path.mkdir,
        r"cats/caf\\xe9: its name is not UTF",
    ),
    "line end": (*link("/nowhere", "c\nd"), r"cats/c\\nd: cannot be reached"),
}


@pytest.mark.parametrize(("name", "make", "said"), TROUBLES.values(), ids=TROUBLES)
def test_what_dvc_cannot_hash_gets_one_line(root, name, make, said):
    make(root / "data/odd/cats" / name)
    with pytest.raises(UserError, match=f"^data/odd/{said}") as caught:
        raw_files.check(root)
    assert len(str(caught.value).splitlines()) == 1
    raw_files.check(root, ["prepare@even", "pretrain@odd"])  # no stage that hashes it


GOOD = ["a\nb", " a ", "😀", "-x", "a" * 255, "a\\b", "*?[", '"q"', "Käfer"]


@pytest.mark.parametrize("name", GOOD)
def test_other_names_pass(root, name, capsys):
    (root / "data/odd/cats" / name).touch()
    raw_files.check(root)
    assert capsys.readouterr().out == ""


def test_a_file_that_may_not_be_read(root, monkeypatch):
    """Root may read all."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "1.png")
    with pytest.raises(UserError, match=r"1\.png: cannot be read; give yourself the right"):
        raw_files.check(root)


def test_a_file_that_dvc_ignores_passes(root):
    (root / "data/odd/cats/gone.png").symlink_to("/nowhere")
    (root / ".dvcignore").write_text("gone.png\n")
    raw_files.check(root)


def test_a_folder_that_is_absent_is_for_the_stage_to_tell(root):
    (root / "params.yaml").write_text(PARAMS.format(path="data/away"))
    raw_files.check(root)


def test_changes_behind_a_link_are_told_to_be_unseen(root, capsys):
    (root / "pool").mkdir()
    (root / "data/odd/dogs").symlink_to("../../pool")
    raw_files.check(root)
    said = capsys.readouterr().out
    assert said.startswith("odd: DVC does not see changes behind links to folders, such as ")
    assert said.endswith("/dogs; after one run: dvc repro --force prepare@odd\n")
    assert len(said.splitlines()) == 1


def test_a_flow_is_not_planned_with_them(root):
    """It would wait for the pipe when it asks DVC what has changed."""
    stages = "{code: {cmd: 'true'}, prepare: {foreach: [odd], do: {cmd: 'true', deps: [data/odd]}}}"
    (root / "dvc.yaml").write_text(f"stages: {stages}")
    os.mkfifo(root / "data/odd/pipe")
    with pytest.raises(UserError, match="data/odd/pipe: is a pipe"):
        Plan.read(root, [])


@pytest.mark.slow
def test_dvc_hashes_what_passes(root):
    """And fails on what does not; a pipe it would wait for."""
    (root / "dvc.yaml").write_text("stages: {prepare: {cmd: 'true', deps: [data/odd]}}")
    command, cats = [*dvc.COMMAND, "repro", "--force"], root / "data/odd/cats"
    for name in GOOD:
        (cats / name).touch()
    subprocess.run(command, cwd=root, check=True)
    for name, make, _ in TROUBLES.values():
        if name not in ("pipe", "link", os.fsdecode(b"caf\xe9")):
            make(cats / name)
            assert subprocess.run(command, cwd=root, capture_output=True).returncode, name
            (cats / name).unlink()
