import csv
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ae_lightning import sealed
from ae_lightning.data.sources.normalize import write_npy
from ae_lightning.errors import UserError
from ae_lightning.files import csv_table, inert, replaced, replaced_file, write_json
from ae_lightning.inference.output_folder import output_folder
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.training.curve import LearningCurve

FULL = r"^\S+/(model|file): cannot be written \(File too large\); make room, or make the folder"


class Interrupted(BaseException):
    pass


def tree(folder):
    """Every file under a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@contextmanager
def disk_full_after(size):
    """No file may grow beyond ``size`` bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_replaced_takes_the_place_of_the_old_folder(tmp_path):
    folder = tmp_path / "new" / "model"
    for content in ("first", "second"):
        with replaced(folder) as partial:
            (partial / content).write_text(content)
            assert partial != folder
        assert tree(tmp_path) == {
            "new": None,
            "new/model": None,
            f"new/model/{content}": content.encode(),
        }
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Interrupted])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path, error):
    folder = tmp_path / "model"
    with replaced(folder) as partial:
        (partial / "weights").write_text("old")
    before = tree(tmp_path)
    with pytest.raises(error), replaced(folder) as partial:  # noqa: PT012
        (partial / "weights").write_text("new")
        raise error
    assert tree(tmp_path) == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Interrupted])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "metrics.json"
    write_json({"old": 1}, path)
    before = tree(tmp_path)
    with pytest.raises(error), replaced_file(path) as partial:  # noqa: PT012
        partial.write_text("new")
        raise error
    assert tree(tmp_path) == before


def test_what_a_killed_process_left_is_swept(tmp_path):
    folder = tmp_path / "model"
    program = f"""
import os, pathlib
from ae_lightning.files import replaced
with replaced(pathlib.Path({str(folder)!r})) as partial:
    (partial / "weights").write_text("half")
    os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == 9
    assert len(list(tmp_path.iterdir())) == 1
    assert not folder.exists()

    with replaced(folder) as partial:
        (partial / "weights").write_text("whole")
    assert tree(tmp_path) == {"model": None, "model/weights": b"whole"}


def test_json_is_written_whole(tmp_path):
    path = tmp_path / "deep" / "metrics.json"
    write_json({"knn": {"accuracy@1": 0.5}}, path)
    assert path.read_text() == '{\n  "knn": {\n    "accuracy@1": 0.5\n  }\n}\n'
    with pytest.raises(TypeError):
        write_json({"knn": object()}, path)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("there_before", [False, True])
def test_a_full_disk_while_saving_a_model_leaves_nothing(tmp_path, there_before):
    folder = tmp_path / "model"
    specs = [DenseSpec(inputs=40, units=60, activation="linear", output="linear")]
    if there_before:
        checkpoint.save(checkpoint.build(specs), folder, "tiny")
    before = tree(tmp_path)
    stack = checkpoint.build(specs)
    with disk_full_after(4096), pytest.raises(UserError, match=FULL):
        checkpoint.save(stack, folder, "tiny")
    assert tree(tmp_path) == before

    checkpoint.save(stack, folder, "tiny")  # and once there is room, all is well
    assert torch.equal(
        checkpoint.load(folder).layers[0].encoder.weight, stack.layers[0].encoder.weight
    )


FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "=", "--text:0")
HARMLESS = ("", "a", "1.5", "-1.5", "+2", "-1e-9", "-inf", "a=1", "'=1", "ü-1", -1, -1.5, None)


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_spreadsheet_runs_no_cell(cell):
    assert inert(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", HARMLESS)
def test_numbers_and_plain_text_stay_what_they_are(cell):
    assert inert(cell) is cell


def test_a_table_for_people(tmp_path):
    with csv_table(tmp_path / "t.csv", ("name", "=figure")) as add:
        add(("=1", -2))
        add(("a\nb", "-2.5"))
        add(("\udcff", None))
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert [*csv.reader(file)] == [
            ["name", "'=figure"],
            ["'=1", "-2"],
            ["a\nb", "-2.5"],
            ["\\udcff", ""],
        ]


def figure(path):
    from matplotlib.figure import Figure

    Figure((20, 20)).savefig(path, format="png", dpi=600)


RANDOM = np.random.default_rng(0).random((300, 40))
WRITERS = {
    "json": lambda path: path.write_text("x" * 9999),
    "npy": lambda path: write_npy(path, RANDOM.astype(np.uint8)),
    "npz": lambda path: np.savez(path.open("wb"), codes=RANDOM),
    "safetensors": lambda path: save_file({"x": torch.from_numpy(RANDOM)}, path),
    "png": figure,
    "picture": lambda path: Image.fromarray((255 * RANDOM).astype("u1")).save(path, format="PNG"),
    "csv": lambda path: pd.DataFrame(RANDOM).to_csv(path),
    "parquet": lambda path: pd.DataFrame(RANDOM).to_parquet(path),
    "sealed": lambda path: sealed.save({"weights": torch.from_numpy(RANDOM)}, path),
    "curve": lambda path: LearningCurve([{"epoch": k} for k in range(3000)]).write(path),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", [replaced, replaced_file, output_folder])
def test_a_full_disk_is_one_line_with_the_place(tmp_path, kind, writer):
    place = tmp_path / "file"
    with kind(place) as partial:
        (partial / "old" if partial.is_dir() else partial).write_text("old")
    before = tree(tmp_path)
    with disk_full_after(4096), pytest.raises(UserError, match=FULL), kind(place) as partial:
        WRITERS[writer](partial / "new" if partial.is_dir() else partial)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (lambda place: OSError(28, "No space left on device"), "No space left on device"),
        (lambda place: OSError(122, "Disk quota exceeded"), "Disk quota exceeded"),
        (lambda place: OSError(30, "Read-only file system", "/proc/x"), "Read-only file system: /"),
        (lambda place: OSError(13, "Permission denied", str(place.parent / "x")), "Permission den"),
        (lambda place: OSError(20, "Not a directory", str(place.parent)), "Not a directory"),
        (lambda place: RuntimeError("I/O error (os error 28)"), "No space left on device"),
    ],
)
def test_what_a_disk_refuses_is_told(tmp_path, error, why):
    place = tmp_path / "file"
    with pytest.raises(UserError) as caught, replaced_file(place):
        raise error(place)
    assert str(caught.value).startswith(f"{place}: cannot be written ({why}")


@pytest.mark.parametrize(
    "error",
    [OSError(13, "Permission denied", "/data/raw"), OSError(2, "No such file", "/data/raw"),
     RuntimeError("not enough"), UserError("params.yaml: no")],
)  # fmt: skip
def test_other_errors_pass(tmp_path, error):
    with pytest.raises(type(error)) as caught, replaced_file(tmp_path / "file"):
        raise error
    assert caught.value is error


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "models").write_text("")
    for kind in (replaced, replaced_file, output_folder):
        with (
            pytest.raises(UserError, match=r"/models/x/y: cannot be written \((Not a dir|File ex)"),
            kind(tmp_path / "models" / "x" / "y"),
        ):
            pass
