"""Damaged files of ours: one line with the file and what to do, never a traceback."""

import json
import os
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ae_lightning import sealed
from ae_lightning.artifacts import remedy
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError
from ae_lightning.evaluation.results import read_metrics
from ae_lightning.files import read_yaml
from ae_lightning.inference.artifacts import saved_codes
from ae_lightning.inference.load import load
from ae_lightning.inference.verify import check_recorded
from ae_lightning.metrics import figures_of
from ae_lightning.nn import checkpoint
from ae_lightning.nn.classifier import ClassifierCheckpoint
from ae_lightning.nn.stack import chain_specs
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.run_record import read_epochs
from pipelines.code_digest import digests
from pipelines.orchestration.lock import _holder
from pipelines.orchestration.plan import has_code_stage
from pipelines.report.embed import picture
from pipelines.tracking import provenance
from tests.conftest import prepared_bars
from tests.damage import damaged, flipped

PARAMS = """\
datasets:
  tiny: {kind: idx, path: data/tiny}
layers:
  one: {data: tiny, input: prepared/tiny, units: 8, train: {epochs: 2, learning_rate: 0.1}}
variants:
  small: {data: tiny, input: prepared/tiny, kind: pca, sizes: [4]}
repeats: {variants: [small], seeds: [0], epochs: 1}
"""
LOCK = """\
schema: '2.0'
stages:
  finetune@small:
    cmd: ae finetune small
    deps:
    - path: artifacts/prepared/tiny
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
    outs:
    - path: artifacts/models/other
      hash: md5
      md5: fedcba9876543210fedcba9876543210.dir
"""
ROWS = [
    {"epoch": epoch, "seconds": 0.5 * epoch, "train/loss": 3.25 / epoch, "val/sse": 2.5 / epoch}
    for epoch in range(1, 6)
]
RUNS = [
    {"start": start, "labels": labels, "seed": 0} | row
    for start, labels in (("random", 100), ("frozen", "all"))
    for row in ROWS
]


def lock_of(path):
    """All that reads a dvc.lock."""
    model = path.parent / "artifacts" / "models" / "small"
    check_recorded(model, "finetune@small")
    with chdir(path.parent):
        provenance.dvc_hashes([Path("artifacts/models/small")])
        provenance.stage_inputs("finetune@small")


def arrays_of(path):
    data = PreparedDataset.open(path.parent)
    for split in ("train", "test"):
        images, labels = data.inputs(split), data.labels(split)
        assert images.shape == (len(labels), *data.shape)
        assert images.dtype == np.uint8
        assert max(labels) < len(data.classes)


def model_of(path):
    stack = checkpoint.load(path.parent)
    assert stack.units == 4


def epochs_of(path):
    for rows in read_epochs(path).values():
        assert all(isinstance(value, float) for row in rows for value in row.values())


def curve_of(path):
    curve = LearningCurve.read(path)
    assert all(len(values) == len(curve.rows) for values in curve.columns.values())


def digest_of(path):
    digests.check("sha256:no", "prepare", "tiny", path)


READERS = {
    "artifacts/prepared/tiny/meta.json": arrays_of,
    "artifacts/prepared/tiny/test_inputs.npy": arrays_of,
    "artifacts/prepared/tiny/train_labels.npy": arrays_of,
    "artifacts/models/small/model.json": model_of,
    "artifacts/models/small/layer-1.safetensors": model_of,
    "artifacts/curves/finetune/small.csv": curve_of,
    "artifacts/curves/supervise/judge.csv": epochs_of,
    "artifacts/evaluation/small/metrics.json": lambda p: figures_of(read_metrics(p.parent)),
    "artifacts/evaluation/small/codes.npz": lambda p: saved_codes(p, {"test": 5}, 4,
                                                                   examples="images",
                                                                   optional=("train",
                                                                             "validation")),
    "artifacts/evaluation/small/figures/nearest.png": lambda p: picture(p, ""),
    "artifacts/classifiers/judge/model.json": lambda p: ClassifierCheckpoint.open(p.parent),
    "dvc.lock": lock_of,
    "params.yaml": digests.Project.load,
    "code.yaml": digest_of,
}  # fmt: skip
"""What reads each file, and fails by assertion if it took what is not usable."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a file of each kind."""
    import PIL.Image

    root = tmp_path_factory.mktemp("project")
    artifacts = root / "artifacts"
    prepared_bars(artifacts / "prepared" / "tiny")
    torch.manual_seed(0)
    specs = chain_specs(64, (4,), hidden="gelu", code="linear", output="sigmoid")
    checkpoint.save(checkpoint.build(specs), artifacts / "models" / "small", "tiny")
    LearningCurve(ROWS).write(artifacts / "curves" / "finetune" / "small.csv")
    LearningCurve(RUNS).write(artifacts / "curves" / "supervise" / "judge.csv")
    (figures := artifacts / "evaluation" / "small" / "figures").mkdir(parents=True)
    PIL.Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 48)).save(
        figures / "nearest.png"
    )
    np.savez(figures.parent / "codes.npz", test=np.ones((5, 4), np.float32))
    (figures.parent / "metrics.json").write_text(
        json.dumps({"code": {"size": 4}, "reconstruction": {"sse": 2.5}, "knn": {"accuracy@1": 1}})
    )
    (judge := artifacts / "classifiers" / "judge").mkdir(parents=True)
    run = {"start": "random", "labels": 8, "seed": 0}
    stored = ClassifierCheckpoint(judge, "tiny", ("a", "b"), "random-8-0", {"random-8-0": run})
    stored.describe()
    (root / "params.yaml").write_text(PARAMS)
    (root / "dvc.lock").write_text(LOCK)
    (root / "code.yaml").write_text("prepare:\n  tiny: sha256:no\n")
    return root


def spoiled(path, content, read):
    """The one line that reading the damaged file gives; None where it is still usable."""
    whole = path.read_bytes()
    try:
        path.write_bytes(content)
        read(path)
    except UserError as error:
        return str(error)
    finally:
        path.write_bytes(whole)
    return None


@pytest.mark.parametrize("name", READERS)
def test_an_undamaged_file_is_read(project, name):
    assert spoiled(project / name, (project / name).read_bytes(), READERS[name]) is None


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture,
                                                  HealthCheck.too_slow])  # fmt: skip
@given(data=st.data())
def test_damage_of_any_kind_is_one_line_or_none(project, name, data):
    path = project / name
    line = spoiled(path, data.draw(damaged(path.read_bytes())), READERS[name])
    assert line is None or ("\n" not in line and line.count("; ") >= 1 and len(line) < 900)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"null"])
def test_another_kind_of_file_is_told_with_its_name(project, name, content):
    line = spoiled(project / name, content, READERS[name])
    assert line is not None
    assert path_of(name) in line


def path_of(name):
    """Where a line says that the damage is: models, classifiers and data by their folder."""
    folders = ("models", "prepared", "classifiers")
    whole = Path(name)
    return str(whole.parent if len(whole.parts) > 1 and whole.parts[1] in folders else whole)


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_in_half_is_told(project, name):
    content = (project / name).read_bytes()
    assert spoiled(project / name, content[: len(content) // 2], READERS[name]) is not None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{}", "'kind' is missing"),
        ('{"kind": "idx", "shape": null, "classes": []}', "shape: Input should be"),
        ('{"kind": "idx", "shape": [8, -8], "classes": []}', "greater than 0"),
        ('{"kind": "idx", "shape": [8, 8], "classes": 5}', "classes: Input should be"),
        ('{"kind": "idx", "shape": [8, 8]}', "'classes' is missing"),
        ("[1, 2]", "must be an object, found a list"),
        ('{"kind": "idx", "shape": [8, 8], "classes": ["0", "1", "2"]}', "labels that meta.json"),
        ('{"kind": "idx", "shape": [4, 16], "classes": ["0", "1", "2", "3"]}', "images: must be"),
    ],
)
def test_meta_json_must_fit_the_arrays(project, content, why):
    path = project / "artifacts/prepared/tiny/meta.json"
    line = spoiled(path, content.encode(), arrays_of)
    assert why in line
    assert "prepare@tiny" in line


def npy(array):
    from io import BytesIO

    np.save(buffer := BytesIO(), array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        npy(np.zeros((32, 8, 8), np.int8)),
        npy(np.zeros((32, 8, 8), np.float32)),
        npy(np.zeros((32, 64), np.uint8)),
        npy(np.zeros((31, 8, 8), np.uint8)),  # another number than of labels
        npy(np.zeros((0, 8, 8), np.uint8)),
        npy(np.zeros((32, 8, 8), np.uint8)) + b"more",
        npy(np.zeros((32, 8, 8), np.uint8))[:-1],
        npy(np.zeros((32, 8, 8), np.uint8)).replace(b"(32, 8, 8)", b"(16, 8, 8)"),
        npy(np.array([{"a": 1}], dtype=object)),
    ],
)
def test_an_array_must_be_the_one_that_was_written(project, content):
    path = project / "artifacts/prepared/tiny/test_inputs.npy"
    assert "dvc repro --force prepare@tiny" in spoiled(path, content, arrays_of)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text[:-1], "its last line is cut"),
        (lambda text: text[: text.rindex(",")], "its last line is cut"),
        (lambda text: text.replace("\n2,", "\n7,"), "must have the next epoch after 1"),
        (lambda text: text.replace("\n3,", "\n3x,"), "could not convert"),
        (lambda text: text.replace("epoch", "epooh"), "must have the columns epoch and seconds"),
        (lambda text: text.replace("\n4,2.0", "\n4"), "line 5: must have as many cells"),
        (lambda text: text.replace("\n4,2.0,", "\n4,2.0,,"), "line 5: must have as many cells"),
        (lambda text: text.replace("\n4,2.0,", "\n4,,"), "must have the next epoch after 3"),
        (lambda text: "", "its last line is cut"),
    ],
)
def test_a_learning_curve_is_whole_or_told(project, change, why):
    path = project / "artifacts/curves/finetune/small.csv"
    line = spoiled(path, change(path.read_text()).encode(), curve_of)
    assert why in line
    assert line.endswith(f"; run: git checkout {path}, or dvc repro finetune@small")


def test_a_column_that_a_curve_lacks_is_told(project):
    path = project / "artifacts/curves/finetune/small.csv"
    with pytest.raises(UserError, match=r"small.csv: cannot be read \('val/error' is missing\)"):
        LearningCurve.read(path).columns["val/error"]
    metrics = read_metrics(project / "artifacts/evaluation/small")
    with pytest.raises(UserError, match=r"metrics.json: cannot be read \('bits' is missing\); run"):
        metrics["code"]["bits"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"datasets:\n\ttiny: 1\n", "line 2: found character"),
        (PARAMS.encode() + b"layers: {}\n", "line 8: 'layers' stands twice"),
        (PARAMS.replace("units: 8", "units: 8, units: 9").encode(), "line 4: 'units' stands twice"),
        (PARAMS.encode("utf-16"), "must be UTF-8 text, found 0xff at byte 0"),
        (
            PARAMS.replace("small", "gr\xf6\xdfe").encode("latin-1"),
            "must be UTF-8 text, found 0xf6",
        ),
        (b"datasets: 2020-13-45\n", "month must be in 1..12"),
        (b"a: {" * 9999, "recursion"),
        (b"datasets: [\n", "line 2"),
        (b"", "found None; correct it"),
        (b"datasets: 5\n", "datasets: Input should be"),
    ],
)
def test_params_yaml_says_what_is_wrong_in_it(project, content, why):
    line = spoiled(project / "params.yaml", content, digests.Project.load)
    assert line.startswith(f"{project / 'params.yaml'}: ")
    assert why in line
    assert "correct it" in line


def test_a_byte_order_mark_and_merged_keys_are_fine(tmp_path):
    (path := tmp_path / "params.yaml").write_bytes(
        b"\xef\xbb\xbfa: &a {b: 1}\nc: {<<: *a, b: 2}\nd: {<<: *a}\n"
    )
    assert read_yaml(path, "") == {"a": {"b": 1}, "c": {"b": 2}, "d": {"b": 1}}


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"null", b'{"pid": 5}', b"[" * 99999])
def test_a_flows_note_that_is_damaged_is_as_none(tmp_path, content):
    (note := tmp_path / "ae-flow.json").write_bytes(content)
    assert _holder(note) == "(it has only just begun): wait for it to end"


@pytest.mark.parametrize("content", [b"", b"stages: [code]", b"stages: {code: {}}", b"a: [" * 9999])
def test_a_damaged_graph_is_dvcs_to_tell(tmp_path, content):
    (tmp_path / "dvc.yaml").write_bytes(content)
    assert has_code_stage(tmp_path) == (b"code" in content)


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("artifacts/curves/pretrain/mnist-1.csv", "pretrain@mnist-1"),
        ("artifacts/curves/supervise/v1.5.csv", "supervise@v1.5"),
        ("artifacts/repeats/deep-30-2/curve.csv", "repeat@deep-30-2"),
        ("/home/evaluation/p/artifacts/grades/judge/figures/errors.png", "grade@judge"),
        ("artifacts/comparison/race.png", "compare"),
    ],
)
def test_the_remedy_names_the_stage(path, stage):
    assert remedy(Path(path)) == f"run: git checkout {path}, or dvc repro {stage}"


@pytest.fixture(scope="module")
def point(tmp_path_factory):
    """A resume point, its bytes."""
    path = tmp_path_factory.mktemp("resume") / "last.ckpt"
    sealed.save({"weights": torch.arange(100.0), "rows": [{"epoch": 1}]}, path)
    return path, path.read_bytes()


def test_a_resume_point_is_read_by_torch(point):
    path, content = point
    path.write_bytes(content)
    assert sealed.is_whole(path)
    for options in ({}, {"mmap": True}):
        assert torch.equal(torch.load(path, **options)["weights"], torch.arange(100.0))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_of_a_resume_point_passes(point, data):
    path, content = point
    path.write_bytes(data.draw(damaged(content)))
    assert not sealed.is_whole(path)
    assert not path.exists()


@pytest.mark.parametrize("bit", range(8))
def test_no_single_bit_of_a_resume_point_passes(point, bit):
    path, content = point
    for byte in range(bit, len(content), 29):
        path.write_bytes(flipped(content, [8 * byte + bit]))
        assert not sealed.is_whole(path)


@pytest.mark.parametrize(
    "put",
    [
        Path.mkdir,
        lambda path: (path.mkdir(), (path / "sha256").write_bytes(b"no")),
        lambda path: path.symlink_to("nowhere"),
        os.mkfifo,
    ],
)
def test_what_is_no_file_at_all_is_removed(tmp_path, put, capsys):
    put(path := tmp_path / "last.ckpt")
    assert not sealed.is_whole(path)
    assert not os.path.lexists(path)
    assert capsys.readouterr().err == (
        f"{path}: damaged; it is removed and the training begins anew\n"
    )


def test_a_sealed_folder_is_known_by_all_its_files(tmp_path):
    def fresh():
        (folder := tmp_path / "run").mkdir()
        (folder / "weights").write_bytes(bytes(50))
        (folder / "epochs.csv").write_text("epoch\n1\n")
        sealed.seal(folder)
        return folder

    assert sealed.is_whole(fresh())
    for spoil in (
        lambda folder: (folder / "weights").write_bytes(bytes(49)),
        lambda folder: (folder / "weights").unlink(),
        lambda folder: (folder / "more").write_text(""),
        lambda folder: (folder / "epochs.csv").rename(folder / "epoch.csv"),
        lambda folder: (folder / "sha256").unlink(),
        lambda folder: (folder / "sha256").write_bytes(bytes(32)),
    ):
        if not (folder := tmp_path / "run").exists():
            fresh()
        spoil(folder)
        assert not sealed.is_whole(folder)
        assert not folder.exists()


@pytest.mark.parametrize("content", [b"{}", b"\xff\xfe", b"null", b"[" * 100_000])
def test_load_tells_damage_of_prepared_data(project, content):
    path = project / "artifacts/prepared/tiny/meta.json"
    line = spoiled(path, content, lambda _: load("small", project / "artifacts"))
    assert line.startswith(f"{path.parent}: no usable prepared data here (")
    assert line.endswith("); run: dvc repro --force prepare@tiny")
