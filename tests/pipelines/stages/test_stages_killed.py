"""Stages as the processes they are: killed in the middle, on a full disk, with bad input."""

import csv
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipelines.cli.main import main
from tests.conftest import bars

AE = str(Path(sys.executable).with_name("ae"))
SLOW_ENOUGH = {"epochs": 60, "batch_size": 8}


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture
def make_project(empty_store: Path) -> Callable[..., Path]:
    """Make a project with 96 images of bars, two layers and a deep variant on them."""

    def make(folder: Path, **training: object) -> Path:
        raw = folder / "raw"
        raw.mkdir(parents=True)
        for seed, (prefix, examples) in enumerate({"train": 120, "t10k": 32}.items()):
            images, labels = bars(examples, seed)
            write_idx(raw / f"{prefix}-images-idx3-ubyte", images)
            write_idx(raw / f"{prefix}-labels-idx1-ubyte", labels)
        train = SLOW_ENOUGH | training
        params = {
            "datasets": {"tiny": {"kind": "idx", "path": "raw", "validation": 24}},
            "layers": {
                "one": {"data": "tiny", "input": "prepared/tiny", "units": 16, "train": train},
                "two": {"data": "tiny", "input": "layers/one", "units": 4, "train": train},
            },
            "variants": {"deep": {"data": "tiny", "input": "layers/two", "train": train}},
        }
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
        (folder / "dvc.yaml").write_text("stages: {}\n")
        shutil.copy(empty_store, folder / "runs.db")
        return folder

    return make


def start(
    folder: Path, *words: str, prepare: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/runs.db"}
    return subprocess.Popen(
        [AE, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )


def stage(folder: Path, *words: str) -> None:
    """The command line in this process, to a good end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/runs.db")
        patch.setattr(sys, "argv", ["ae", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code


def process(folder: Path, *words: str) -> str:
    """The command line as a process, to a good end; what it printed."""
    started = start(folder, *words)
    output, errors = started.communicate()
    assert started.returncode == 0, errors
    return output


def kill_in_epoch(folder: Path, epoch: int, *words: str) -> None:
    started = start(folder, *words)
    assert started.stdout is not None
    for line in started.stdout:
        if f"epoch {epoch}/" in line:
            break
    os.kill(started.pid, signal.SIGKILL)
    started.communicate()
    assert started.returncode == -signal.SIGKILL


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".csv"
    }


def curve(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_killed_stages_end_with_the_files_of_undisturbed_ones(
    tmp_path: Path, make_project: Callable[..., Path]
) -> None:
    calm, killed = make_project(tmp_path / "calm"), tmp_path / "killed"
    for words in (("prepare", "tiny"), ("pretrain", "one")):
        stage(calm, *words)
    shutil.copytree(calm, killed)
    for words in (("pretrain", "two"), ("finetune", "deep")):
        process(calm, *words)
        kill_in_epoch(killed, 7, *words)
        output = process(killed, *words)
        assert "epoch 6/" not in output  # it went on, it did not start again
        place = Path("artifacts/curves") / words[0] / f"{words[1]}.csv"
        assert curve(killed / place) == curve(calm / place)
    for kind in ("layers", "models"):
        assert files(killed / "artifacts" / kind) == files(calm / "artifacts" / kind)
    assert not list((killed / "artifacts" / "resume").glob("*"))


@pytest.mark.slow
def test_a_diverging_training_says_so_in_one_line(
    tmp_path: Path, make_project: Callable[..., Path]
) -> None:
    folder = make_project(tmp_path / "it", optimizer="sgd", learning_rate=1e38, momentum=0.0)
    stage(folder, "prepare", "tiny")
    started = start(folder, "pretrain", "one")
    _, errors = started.communicate()
    assert started.returncode == 2
    assert "pretrain one: epoch 1: loss must be finite" in errors.splitlines()[-1]
    assert not (folder / "artifacts" / "layers" / "one").exists()


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, make_project: Callable[..., Path]
) -> None:
    folder = make_project(tmp_path / "it")

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    started = start(folder, "prepare", "tiny", prepare=little_room)
    _, errors = started.communicate()
    assert started.returncode == 2
    assert len(errors.strip().splitlines()) == 1
    assert not list((folder / "artifacts" / "prepared").iterdir())


def test_an_unknown_variant_gets_the_nearest_names(
    tmp_path: Path,
    make_project: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(make_project(tmp_path / "it"))
    monkeypatch.setattr(sys, "argv", ["ae", "finetune", "dep"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    line = "ae: params.yaml: variants: unknown variant 'dep'; there is deep\n"
    assert capsys.readouterr().err == line
