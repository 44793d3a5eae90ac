import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from ae_lightning.config.environment import Environment
from ae_lightning.config.params import CodeShape
from ae_lightning.data.prepared import SPLITS
from ae_lightning.evaluation.baselines import write_baselines
from ae_lightning.evaluation.evaluate import evaluate
from ae_lightning.evaluation.figures import image_pages
from ae_lightning.evaluation.figures.embedding import POINTS
from ae_lightning.evaluation.image_scores import (
    EncodedImages,
    embedding_scores,
    is_linear,
    pixel_scores,
    scores,
)
from ae_lightning.evaluation.images import STROKES, pca_baseline
from ae_lightning.evaluation.metrics.robustness import PERCENTS
from ae_lightning.evaluation.types import Baseline, EvaluationInput
from ae_lightning.nn import checkpoint
from ae_lightning.nn.corruption import CORRUPTIONS
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import chain_specs
from ae_lightning.training.closed_form import pca_stack
from ae_lightning.training.curve import LearningCurve

ENVIRONMENT = Environment(accelerator="cpu", devices="1", precision="32-true")
SCORES = {
    "knn": {"accuracy@1", "accuracy@5"},
    "retrieval": {"precision@1", "precision@10", "precision@100", "map"},
}
ERRORS = {"reconstruction": {"sse", "mse"}}


def unit(data, *splits):
    arrays = [data.inputs(split).reshape(-1, data.features) for split in splits]
    return np.concatenate(arrays).astype(np.float64) / 255


CLAIMS = {
    "corruption": {
        kind: {f"{what}@{percent}" for what in ("sse", "input") for percent in PERCENTS}
        for kind in CORRUPTIONS
    },
    "jacobian": {"norm", "relative"},
    "shift": {"absolute", "relative"},
    "activity": {"share", "dead"},
    "copying": {"noise_sse", "ratio", "noise_explained"},
    "spread": {"rms", "offset", "within_box"},
    "generation": {name: {"distance"} for name in ("own", "box", "reference")},
    "axes": {name: {"slant", "hole"} for name in ("first", "second")},
}
FIGURES = (
    "codes",
    "corruption",
    "decoder_grid",
    "filters",
    "learning_curves",
    "nearest",
    "reconstructions",
)


def names(metrics):
    """Nested mappings as nested names, the innermost as a set."""
    if all(isinstance(value, dict) for value in metrics.values()):
        return {key: names(value) for key, value in metrics.items()}
    return set(metrics)


@pytest.fixture
def evaluated(tiny, tmp_path):
    """A stack with a 2-D code, its metrics and the folder they lie in."""
    torch.manual_seed(0)
    specs = chain_specs(64, (6, 2), hidden="gelu", code="linear", output="sigmoid")
    stack, curve, folder = (
        checkpoint.build(specs),
        tmp_path / "curve.csv",
        tmp_path / "out" / "deep",
    )
    row = {"seconds": 0.5, "train/loss": 3.0, "val/loss": 2.0, "val/sse": 2.0}
    LearningCurve([{"epoch": epoch, **row} for epoch in (1, 2)]).write(curve)
    write_baselines(tiny, {"deep": CodeShape(2)}, ENVIRONMENT, tmp_path / "baselines")
    baseline = Baseline.open(tmp_path / "baselines" / "deep")
    options = {"baseline": baseline, "curve": curve, "folder": folder}
    return stack, evaluate("deep", stack, tiny, ENVIRONMENT, **options), folder


def test_everything_documented_is_written(evaluated):
    _, metrics, folder = evaluated
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert names(metrics) == {
        **ERRORS,
        **SCORES,
        "code": {"size"},
        "model": {"parameters"},
        "train": ERRORS,
        "training": {"seconds"},
        "validation": ERRORS | SCORES,
        "baseline": {"pixels": SCORES, "pca": ERRORS | SCORES},
        "embedding": {"trustworthiness", "knn@5"},
        "overfitting": {"gap"},
        **CLAIMS,
    }
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "codes.npz",
        *(f"figures/{name}.png" for name in FIGURES),
        "metrics.json",
        "plane/decoded.webp",
        "plane/plane.json",
    ]
    for path in folder.glob("figures/*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    assert list(folder.parent.iterdir()) == [folder]


def test_figures_have_their_independent_values(evaluated, tiny):
    stack, metrics, folder = evaluated
    codes = np.load(folder / "codes.npz")
    with torch.no_grad():
        for split in ("validation", "test"):
            expected = stack.encode(torch.from_numpy(unit(tiny, split)).float()).numpy()
            np.testing.assert_allclose(codes[split], expected, atol=1e-5)
        x = unit(tiny, "test")
        output = stack(torch.from_numpy(x).float()).numpy()
        database = stack.encode(torch.from_numpy(unit(tiny, "train", "validation")).float())
    assert metrics["reconstruction"]["sse"] == pytest.approx(((output - x) ** 2).sum(1).mean())
    seen = unit(tiny, "train")
    with torch.no_grad():
        remembered = stack(torch.from_numpy(seen).float()).numpy()
    gap = metrics["reconstruction"]["sse"] - ((remembered - seen) ** 2).sum(1).mean()
    assert metrics["overfitting"]["gap"] == pytest.approx(gap, rel=1e-3)
    labels = np.concatenate([tiny.labels("train"), tiny.labels("validation")])
    for k in (1, 5):
        reference = KNeighborsClassifier(k).fit(database.numpy(), labels)
        expected = reference.score(codes["test"], tiny.labels("test"))
        assert metrics["knn"][f"accuracy@{k}"] == pytest.approx(expected)
    assert metrics["embedding"]["knn@5"] == metrics["knn"]["accuracy@5"]
    weights, biases = 2 * (64 * 6 + 6 * 2), (64 + 6) + (6 + 2)
    assert metrics["model"]["parameters"] == weights + biases
    assert metrics["code"]["size"] == 2

    pca = PCA(2).fit(unit(tiny, "train", "validation"))
    restored = pca.inverse_transform(pca.transform(x))
    assert metrics["baseline"]["pca"]["reconstruction"]["sse"] == pytest.approx(
        ((restored - x) ** 2).sum(1).mean(), rel=1e-4
    )


def test_bars_are_told_apart_by_their_pixels(tiny):
    found = pixel_scores(tiny)
    assert found["knn"] == {"accuracy@1": 1, "accuracy@5": 1}
    labels = np.concatenate([tiny.labels("train"), tiny.labels("validation")])
    fewest = np.bincount(labels).min()  # every one of a class comes before any other
    assert fewest >= 10
    assert found["retrieval"]["precision@10"] == 1
    assert found["retrieval"]["map"] == pytest.approx(1)
    share = np.bincount(labels)[tiny.labels("test")].mean() / 100
    assert found["retrieval"]["precision@100"] == pytest.approx(share)


def test_trustworthiness_by_its_definition(tiny):
    torch.manual_seed(1)
    spec = DenseSpec(inputs=64, units=2, activation="linear", output="linear")
    measured = EncodedImages.of(checkpoint.build([spec]), tiny, ENVIRONMENT)
    found = embedding_scores(measured)
    x, codes, k = unit(tiny, "test"), measured.codes["test"].astype(np.float64), 5
    far, near = (((a[:, None] - a) ** 2).sum(2) for a in (x, codes))
    n, ranks = len(x), far.argsort(1).argsort(1)  # a point itself has rank 0
    intruders = near.argsort(1)[:, 1 : k + 1]
    excess = np.maximum(np.take_along_axis(ranks, intruders, 1) - k, 0).sum()
    expected = 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * excess
    assert found == {"trustworthiness": pytest.approx(expected)}


def test_a_linear_stack_is_compared_with_pcas_subspace(tiny):
    stack = pca_stack(tiny, 3)
    assert is_linear(stack)
    rotated = pca_stack(tiny, 3)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    with torch.no_grad():
        layer = rotated.layers[0]
        layer.encoder.weight.copy_(turn @ layer.encoder.weight)
        layer.encoder.bias.copy_(turn @ layer.encoder.bias)
        layer.decoder.weight.copy_(layer.decoder.weight @ turn.T)
    baseline = pca_baseline(tiny, 3, ENVIRONMENT)
    measured = EncodedImages.of(rotated, tiny, ENVIRONMENT, SPLITS)
    metrics = scores(measured, baseline.metrics, baseline.solved)
    assert metrics["subspace"]["largest_angle"] == pytest.approx(0, abs=0.01)
    assert "embedding" not in metrics
    pca_metrics = metrics["baseline"]["pca"]
    assert metrics["reconstruction"] == pytest.approx(pca_metrics["reconstruction"], rel=1e-4)
    assert metrics["retrieval"] == pytest.approx(pca_metrics["retrieval"], rel=1e-3)


def test_codes_of_two_numbers_are_drawn_as_they_are_and_longer_ones_by_tsne():
    codes = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    points, title = image_pages.embedding(codes)
    assert np.array_equal(points, codes)
    assert "20 test images" in title
    points, title = image_pages.embedding(np.hstack([codes, codes[:, :1]]))
    assert points.shape == (20, 2)
    assert title.startswith("t-SNE")


def test_a_page_shows_the_embedding_that_the_picture_shows():
    assert image_pages.TSNE_EXAMPLES == POINTS


def test_tsne_keeps_neighbours_together():
    random = np.random.default_rng(0)
    centres = random.normal(size=(4, 10))
    groups = random.integers(0, 4, 200)
    codes = centres[groups] + 0.1 * random.normal(size=(200, 10))
    points, _ = image_pages.embedding(codes.astype(np.float32))
    assert cross_val_score(KNeighborsClassifier(5), points, groups).mean() > 0.99


def test_pictures_of_a_closed_form_have_no_curve_and_may_lack_a_class(tiny, tmp_path):
    LearningCurve().write(tmp_path / "curve.csv")
    images, labels = tiny.inputs("test"), tiny.labels("test")
    for name, rows in {"inputs": images, "labels": labels}.items():
        np.save(tiny.folder / f"test_{name}.npy", rows[labels != 2])
    measured = EncodedImages.of(pca_stack(tiny, 2), replace(tiny), ENVIRONMENT)
    baseline = Baseline({}, measured.stack)
    case = EvaluationInput(
        "pca-2", measured.stack, tiny, ENVIRONMENT, baseline, tmp_path / "curve.csv"
    )
    drawn = image_pages.pictures(image_pages.FigureInput(case, measured, {}), STROKES.pages)
    assert set(drawn) == set(FIGURES) - {"learning_curves"}
    (axes,) = drawn["reconstructions"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["original", "pca-2"]
    assert len(axes.get_xticks()) == 3  # one image of each class that is there
