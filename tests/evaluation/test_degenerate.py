"""Codes that say little, and few examples: everything is written, finite, and told of in a line."""

import json
import math
from dataclasses import replace
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.manifold import TSNE

from ae_lightning.config.classifiers import Run
from ae_lightning.config.environment import Environment
from ae_lightning.config.params import CodeShape
from ae_lightning.evaluation.baselines import write_baselines
from ae_lightning.evaluation.classifiers import by_start
from ae_lightning.evaluation.collection import Collection
from ae_lightning.evaluation.documents import keywords, retrieval
from ae_lightning.evaluation.errors_by_labels import differences
from ae_lightning.evaluation.evaluate import evaluate
from ae_lightning.evaluation.figures import image_pages, plots
from ae_lightning.evaluation.figures.documents import precision_recall, topics
from ae_lightning.evaluation.figures.galleries import decoder_grids, filters, samples_nearest
from ae_lightning.evaluation.figures.image_pages import embedding
from ae_lightning.evaluation.figures.label_budget import error_curves
from ae_lightning.evaluation.image_scores import EncodedImages
from ae_lightning.evaluation.metrics.hamming import medians, score_hamming
from ae_lightning.evaluation.metrics.overcomplete import activity
from ae_lightning.evaluation.metrics.ranking import score
from ae_lightning.evaluation.metrics.retrieval import score_retrieval
from ae_lightning.evaluation.metrics.stability import rms_distance, spread
from ae_lightning.evaluation.metrics.subspace import largest_angle
from ae_lightning.evaluation.metrics.trust import trust
from ae_lightning.evaluation.types import Baseline
from ae_lightning.files import rounded, unmeasured
from ae_lightning.inference.artifacts import saved_codes
from ae_lightning.nn import checkpoint
from ae_lightning.nn.finite import LARGEST, finite
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.search.index import nearest
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.input_transform import weighting
from tests.evaluation.conftest import write
from tests.inference.conftest import sequence_stack
from tests.training.test_limits import documents

ENVIRONMENT = Environment(accelerator="cpu", devices="1", precision="32-true")
RANDOM = np.random.default_rng(0)
ALIKE = "all codes are alike; lower the penalty or train.learning_rate"
WILD = "codes must be finite and at most 1e+15, found others for"


@pytest.fixture(autouse=True)
def _few_steps_and_small_pictures(monkeypatch):
    monkeypatch.setattr(image_pages, "TSNE_STEPS", 250)
    with mpl.rc_context({"savefig.dpi": 15}):
        yield


def few(folder, test, classes=("red", "green", "blue", "grey")):
    """Prepared colour images of which ``test`` are tested, all of the first class with one."""
    data = write(folder, "npy", (8, 8, 3), classes)
    for name in ("inputs", "labels"):
        path = folder / f"test_{name}.npy"
        np.save(path, np.load(path)[:test])
    for split in ("train", "validation", "test") if len(classes) == 1 else ():
        np.save(folder / f"{split}_labels.npy", np.zeros(len(data.inputs(split)), np.uint8))
    return data


def filled(stack, value):
    """``stack`` with a constant in place of its code's weights."""
    layer = stack.layers[-1].encoder
    torch.nn.init.constant_(layer.weight, value)
    return stack


def deep(features, sizes, output="sigmoid", code="linear"):
    torch.manual_seed(0)
    specs = chain_specs(features, sizes, hidden="relu", code=code, output=output)
    return checkpoint.build(specs)


def outcome(stack, data, tmp_path, capsys):
    """Metrics and printed lines of a whole evaluation, after checks of all that it wrote."""
    write_baselines(data, {"odd": CodeShape(stack.units)}, ENVIRONMENT, tmp_path / "baselines")
    folder, baseline = tmp_path / "odd", Baseline.open(tmp_path / "baselines" / "odd")
    LearningCurve().write(tmp_path / "curve.csv")
    options = {"baseline": baseline, "curve": tmp_path / "curve.csv", "folder": folder}
    capsys.readouterr()
    metrics = evaluate("odd", stack, data, ENVIRONMENT, **options)

    def refuse(constant):
        raise AssertionError(constant)

    for path in (folder / "metrics.json", folder / "plane" / "plane.json"):
        content = json.loads(path.read_text(), parse_constant=refuse)
        assert content
    assert (folder / "figures" / "codes.png").read_bytes().startswith(b"\x89PNG")
    with np.load(folder / "codes.npz") as codes:
        assert all(np.isfinite(rows).all() for rows in codes.values())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("evaluate")]
    return metrics, lines


def told(lines, begin):
    """Check the first line, after which there is at most one of what was left out."""
    assert lines[:1] == [line for line in lines[:1] if line.startswith(f"evaluate odd: {begin}")]
    assert bool(lines) == bool(begin)
    assert all(line.startswith("evaluate odd: left out") for line in lines[1:])


IMAGES = {
    "alike": (0.0, 3, 12, ALIKE),
    "alike and two numbers": (0.0, 2, 12, ALIKE),
    "not a number": (math.nan, 2, 12, WILD),
    "beyond": (1e30, 3, 5, WILD),
    "one example of two numbers": (None, 2, 1, "left out, as not measurable: embedding.trust"),
    "one number": (None, 1, 3, None),
}


@pytest.mark.parametrize("case", IMAGES)
def test_images_are_evaluated_whatever_their_codes(tmp_path, capsys, case):
    value, units, test, wanted = IMAGES[case]
    data = few(tmp_path / "few", test, ("red",) if units == 3 else ("red", "green", "blue", "grey"))
    stack = deep(192, (4, units))
    metrics, lines = outcome(
        stack if value is None else filled(stack, value), data, tmp_path, capsys
    )
    assert metrics["code"]["size"] == units
    assert 0 <= metrics["retrieval"]["map"] <= 1
    told(lines, wanted)


def test_a_linear_net_that_diverged_is_evaluated_beside_pca(tmp_path, capsys):
    stack = deep(192, (5,), "linear")
    torch.nn.init.constant_(stack.layers[0].decoder.weight, math.inf)
    metrics, lines = outcome(stack, few(tmp_path / "few", 2), tmp_path, capsys)
    assert metrics["reconstruction"] == metrics["subspace"] == {}
    told(lines, "left out, as not measurable: reconstruction.sse, reconstruction.mse, train.")


TEXTS = {
    "alike": (0.0, (4, 3), "linear", ALIKE),
    "not a number": (math.nan, (4, 2), "linear", WILD),
    "beyond": (1e30, (4, 2), "linear", WILD),
    "wider than the terms": (None, (64,), "linear", None),
    "bits that are all alike": (0.0, (16,), "binary", ALIKE),
}


@pytest.mark.parametrize("case", TEXTS)
def test_documents_are_evaluated_whatever_their_codes(notes, tmp_path, capsys, case):
    value, sizes, code, wanted = TEXTS[case]
    layers = deep(notes.features, sizes, "softmax", code)
    stack = Stack((layers if value is None else filled(layers, value)).layers, weights(notes))
    metrics, lines = outcome(stack, notes, tmp_path, capsys)
    assert 0 <= metrics["retrieval"]["hamming"]["precision@100"] <= 1
    told(lines, wanted)


def weights(data):
    return weighting("tfidf", data)


@pytest.mark.parametrize(("value", "begin"), [(0.0, ALIKE), (math.nan, WILD)])
def test_sequences_are_evaluated_whatever_their_codes(notes, tmp_path, capsys, value, begin):
    stack = sequence_stack(notes)
    for parameter in stack.parameters():
        torch.nn.init.constant_(parameter, value)
    _, lines = outcome(stack, notes, tmp_path, capsys)
    told(lines, begin)


FEW_TEXTS = {
    "three documents": (["river boat", "river bridge", "boat river"], (3, 2)),
    "four documents": (["river boat", "river bridge", "boat river", "river"], (3,)),
    "one term": (["river"] * 4, (2,)),
    "one term, one number": (["river"] * 9, (1,)),
}


@pytest.mark.parametrize("case", FEW_TEXTS)
def test_few_documents_are_evaluated(tmp_path, capsys, case):
    texts, sizes = FEW_TEXTS[case]
    data = documents(tmp_path / "few.jsonl", texts)
    stack = Stack(deep(data.features, sizes, "softmax").layers, weights(data))
    metrics, _ = outcome(stack, data, tmp_path, capsys)
    assert metrics["reconstruction"]["cross_entropy"] >= 0


@pytest.mark.parametrize("bare", ["test", "train", "validation"])
def test_documents_without_a_label_are_not_scored(notes, tmp_path, capsys, bare):
    for split in ("train", "validation") if bare == "train" else (bare,):
        path = notes.folder / f"{split}_labels.npy"
        np.save(path, np.zeros_like(np.load(path)))
    stack = Stack(deep(notes.features, (3,), "softmax").layers, weights(notes))
    metrics, lines = outcome(stack, notes, tmp_path, capsys)
    assert ("retrieval" in metrics) == (bare == "validation")
    assert ("queries" in metrics) == (bare != "train")
    where = "validation.retrieval" if bare == "validation" else "retrieval"
    told(lines, f"left out, as not measurable: {where}")


def test_queries_without_a_main_topic_have_no_precision_by_these(notes):
    classes = tuple(f"topic {number}" for number in range(25))
    found = Collection.of(Stack(deep(notes.features, (3,)).layers), notes, ENVIRONMENT)
    labels = {split: np.zeros((len(rows), 25), bool) for split, rows in found.codes.items()}
    for split, rows in labels.items():
        rows[:, 24 if split == "test" else slice(0, 20)] = True
    notes = replace(notes, classes=classes)
    there = retrieval(replace(found, labels=labels), "test", ("train",))["retrieval"]["hamming"]
    assert math.isnan(there["main"]["precision@100"])
    assert there["precision@100"] == 0
    assert keywords(replace(found, labels={})) == {}


CODES = {
    "zeros": np.zeros((8, 3)),
    "ones": np.ones((8, 3)),
    "alike": np.full((8, 4), 0.1),
    "hardly different": np.array([[1.0, 1, 1], [np.nextafter(np.float32(1), 2), 1, 1]] * 4),
    "one is another": np.vstack([np.zeros((7, 3)), np.ones((1, 3))]),
    "a constant number": np.column_stack([RANDOM.random((8, 2)), np.ones(8)]),
    "tiny": np.full((8, 3), 1e-40) * np.arange(8)[:, None],
    "huge": RANDOM.normal(size=(8, 3)) * 1e38,
    "infinite": np.array([[np.inf, -np.inf, 0], [1, 2, 3]]),
    "no number": np.full((5, 3), np.nan),
    "some no number": np.array([[np.nan, 1, 2], [3, 4, 5], [6, 7, np.nan]]),
    "one example": RANDOM.random((1, 3)),
    "two examples": RANDOM.random((2, 3)),
    "three examples": RANDOM.random((3, 7)),
    "one number": RANDOM.random((6, 1)),
    "two numbers alike": np.ones((6, 2)),
    "two numbers of one": RANDOM.random((1, 2)),
    "two huge numbers": RANDOM.normal(size=(6, 2)) * 3e38,
    "bytes alike": np.full((6, 9), 7, np.uint8),
}


def check(codes):
    """Every metric and figure of codes alone is finite, or NaN where it is not defined."""
    with np.errstate(over="ignore"):
        codes = finite(codes.astype(np.float32) if codes.dtype.kind == "f" else codes)
    assert np.isfinite(codes).all()
    count, size = codes.shape
    labels, several = np.arange(count) % 2, np.ones((count, 2), dtype=bool)
    points, title = embedding(codes)
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()
    assert f"{count} test images" in title
    assert np.isnan(trust(codes, codes)) == (count < 3)
    measured = EncodedImages(Stack([]), None, {"test": codes})
    values = [rms_distance(codes), *spread(measured).values(), *activity(measured).values()]
    assert np.isfinite(values).all()
    thresholds = medians(codes)
    assert thresholds.shape == (size,)
    assert np.isfinite(thresholds).all()
    shares = [
        *score(codes, labels, codes, labels)["retrieval"].values(),
        *(score_retrieval(codes, several, codes, several)[key] for key in ("map", "precision@10")),
        score_hamming(codes, codes, several, codes, several)["precision@100"],
    ]
    assert 0 <= min(shares) <= max(shares) <= 1
    return points, labels, several, title


@pytest.mark.parametrize("name", CODES)
@pytest.mark.filterwarnings("error::RuntimeWarning:ae_lightning")
def test_codes_alone_are_measured_and_drawn(name):
    points, labels, several, title = check(CODES[name])
    classes = ["a", "b"] if len(points) % 2 else []
    drawn(plots.scatter(points, labels if classes else np.zeros(len(points)), classes, title))
    drawn(topics(points, several[:, : len(classes)], classes, title))


ANY = st.floats(width=32, allow_nan=True, allow_infinity=True)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 4))


@given(arrays(np.float32, SHAPES, elements=ANY, fill=st.sampled_from([0.0, 1.0, np.nan, 1e30])))
@settings(max_examples=25)
def test_any_codes_are_measured(codes):
    check(codes)


def drawn(figure):
    """A figure as a file."""
    with BytesIO() as file:
        figure.savefig(file)
        assert file.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "codes",
    [
        RANDOM.random((50, 7), np.float32),
        RANDOM.random((9, 40), np.float32),
        RANDOM.integers(0, 256, (30, 12), np.uint8),
        (RANDOM.random((30, 5)) < 0.5).astype(np.float32),
    ],
)
def test_the_points_are_those_of_scikit_learns_own_start(codes):
    how = {"perplexity": min(30, len(codes) / 4), "max_iter": 250, "random_state": 0}
    np.testing.assert_array_equal(embedding(codes)[0], TSNE(init="pca", **how).fit_transform(codes))


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize("value", [0.0, NAN, INF, 1e30])
def test_figures_are_drawn_of_any_value(value):
    errors = {"epoch": np.array([1.0]), "seconds": np.array([0.0]), "val/sse": np.array([value])}
    drawn(plots.learning_curves({"odd": errors}))
    drawn(plots.race({"odd": [errors]}, {"odd": 0.0}))
    by_strength = {f"{what}@{percent}": value for what in ("sse", "input") for percent in (10, 20)}
    drawn(plots.corruption_curves({"odd": {"mask": by_strength}}))
    drawn(precision_recall({"odd": {"0.1": value}}))
    for shape in ((4, 4), (4, 4, 3)):
        rows = np.full((3, math.prod(shape)), value)
        drawn(plots.reconstructions({"odd": rows}, shape))
        drawn(samples_nearest(rows, rows, rows[:, 0], shape))
        drawn(decoder_grids([rows.reshape(1, 3, *shape)], ["odd"], [((0.0, 0.0), (0.0, 0.0))]))
        drawn(filters(rows.reshape(3, *shape), "odd"))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_runs_that_do_not_differ_are_compared(value):
    errors = {Run(start, 1, seed): value for start in ("random", "frozen") for seed in range(2)}
    assert differences(errors) == {"frozen": {"error@1": {"mean": 0, "seeds": 2, "se": 0}}}
    assert by_start(errors)["random"] == {"error@1": {"mean": value, "sd": 0}}
    drawn(error_curves({"random": {1: (value, 0.0)}}, "none"))


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [
        (np.zeros((2, 5)), np.eye(5)[:2], 90),
        (np.eye(5)[:2], np.zeros((1, 5)), 90),
        (np.zeros((1, 5)), np.zeros((1, 5)), 90),
        (np.eye(5)[:1], np.eye(5)[:3], 0),
        (np.full((2, 5), np.nan), np.eye(5)[:2], np.nan),
        (np.eye(5)[:2], np.full((2, 5), np.inf), np.nan),
    ],
)
def test_subspaces_of_nothing(first, second, degrees):
    assert largest_angle(first, second) == pytest.approx(degrees, abs=1e-6, nan_ok=True)


def test_what_is_not_finite_is_left_out_and_named():
    content = {"a": NAN, "b": {"c": -INF, "d": 1.23456789, "e": {"f": NAN}}, "g": "nan", "h": 3}
    assert unmeasured(content) == ["a", "b.c", "b.e.f"]
    assert rounded(content) == {"b": {"d": 1.23457, "e": {}}, "g": "nan", "h": 3}


@pytest.mark.parametrize("value", [NAN, INF, -INF, 3e38])
def test_codes_that_were_stored_before_are_searched(tmp_path, value):
    stored = np.array([[value, 1.0], [0.5, 2.0], [0.0, 0.0]], np.float32)
    np.savez(tmp_path / "codes.npz", test=stored)
    only = saved_codes(
        tmp_path / "codes.npz", {"test": 3}, 2, examples="images", optional=["train", "validation"]
    )
    found, distances = nearest(np.array([[0.5, 2.0]], np.float32), only["test"], 3)
    assert found[0, 0] == 1
    assert np.isfinite(distances).all()


def test_codes_are_cut_at_the_largest():
    codes = np.array([[NAN, INF, -INF, 1e16, -1e16, 2.5]], np.float32)
    most = np.float32(LARGEST)
    np.testing.assert_array_equal(finite(codes), [[0, most, -most, most, -most, 2.5]])
    fine = np.array([[1.0, -2]])
    assert finite(fine) is fine
