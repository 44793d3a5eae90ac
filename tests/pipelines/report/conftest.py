import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ae_lightning.config.params import load
from ae_lightning.evaluation.figures.embedding import POINTS, SIDE, Plane
from ae_lightning.evaluation.metrics.generation import Grid
from ae_lightning.training.curve import LearningCurve
from pipelines.report.build import write_page
from tests.pipelines.report.samples import CHAMPIONS

ROOT = Path(__file__).parents[3]
SHAPE = (28, 28)


def shade(place):
    """Grey of a test image, so that a picture of it tells which it is."""
    return 20 + 200 * place // POINTS


def decoded():
    """A grid of flat images: brighter to the right, and upwards by another step."""
    codes = np.stack(np.meshgrid(np.linspace(-2, 2, SIDE), np.linspace(-4, 4, SIDE)), axis=-1)
    grey = 0.1 + 0.1 * (codes[..., 0] + 2) + 0.05 * (codes[..., 1] + 4)
    return Grid(codes, np.repeat(grey[..., None], 28 * 28, axis=2))


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory):
    """What was measured of every variant, with codes, images and curves of our own making."""
    folder = tmp_path_factory.mktemp("page") / "artifacts"
    for what in ("evaluation", "grades", "labels", "comparison"):
        shutil.copytree(ROOT / "artifacts" / what, folder / what, ignore=only("metrics.json"))
    figures = folder / "evaluation" / "deep-30" / "figures"
    shutil.copytree(
        ROOT / "artifacts" / "evaluation" / "deep-30" / "figures", figures, dirs_exist_ok=True
    )
    rng = np.random.default_rng(0)
    for name, grid in (("pca-2", None), ("deep-2-l2", decoded())):
        points = rng.permutation(np.stack(np.divmod(np.arange(POINTS), 25), axis=1)) / 10 - 1.2
        labels = np.arange(POINTS) % 10
        digits = [str(digit) for digit in range(10)]
        place = folder / "evaluation" / name / "plane"
        shutil.rmtree(place, ignore_errors=True)
        Plane("2-D codes", points, labels, digits, grid, SHAPE).write(place)
    prepared = folder / "prepared" / "mnist"
    prepared.mkdir(parents=True)
    greys = shade(np.arange(POINTS)).astype(np.uint8)
    np.save(
        prepared / "test_inputs.npy", np.ones((POINTS, *SHAPE), np.uint8) * greys[:, None, None]
    )
    meta = {"kind": "idx", "shape": SHAPE, "classes": digits}
    (prepared / "meta.json").write_text(json.dumps(meta))
    for place, path in enumerate(("finetune/deep-30", "pretrain/mnist-1", "pretrain/mnist-2")):
        curve(folder / "curves" / f"{path}.csv", place)
    for layer in ("mnist-3", "mnist-30"):
        curve(folder / "curves" / "pretrain" / f"{layer}.csv", 3)
    return folder


def curve(path, place):
    """Three epochs of ten seconds each."""
    row = {"train/loss": 9.0, "val/loss": 9.0}
    rows = [
        {"epoch": epoch, "seconds": 10.0 * epoch, "val/sse": 8.0 / epoch + place, **row}
        for epoch in (1, 2, 3)
    ]
    LearningCurve(rows).write(path)


def only(name):
    """Ignore all files but those of this name."""

    def ignored(folder, entries):
        return [one for one in entries if one != name and not (Path(folder) / one).is_dir()]

    return ignored


@pytest.fixture(scope="session")
def page(artifacts, tmp_path_factory):
    """The page of them, without the script that draws plots."""
    path = tmp_path_factory.mktemp("report") / "index.html"
    write_page(load(ROOT / "params.yaml"), artifacts, CHAMPIONS, "", path)
    return path
