"""Images in colour, photographs, without labels, and the image itself as the code."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from ae_lightning.config.environment import Environment
from ae_lightning.config.params import CodeShape
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation import image_scores
from ae_lightning.evaluation.baselines import BASELINES, write_baselines
from ae_lightning.evaluation.evaluate import KINDS, evaluate
from ae_lightning.evaluation.figures import image_pages
from ae_lightning.evaluation.image_scores import EncodedImages, is_linear, spread_out
from ae_lightning.evaluation.metrics.sampling import one_of_each
from ae_lightning.evaluation.types import Baseline
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.training.closed_form import pca_stack
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.input_transform import whitening

ENVIRONMENT = Environment(accelerator="cpu", devices="1", precision="32-true")
FIGURES = {"codes", "corruption", "filters", "neighbours", "reconstructions"}


def deep(data, *sizes):
    torch.manual_seed(0)
    return checkpoint.build(
        chain_specs(data.features, sizes, hidden="gelu", code="linear", output="sigmoid")
    )


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    """Evaluate a stack; gives its metrics, the names of its figures, and its codes."""
    monkeypatch.setattr(image_pages, "TSNE_EXAMPLES", 16)

    def of(stack, data):
        LearningCurve().write(tmp_path / "curve.csv")
        options = {"curve": tmp_path / "curve.csv", "folder": tmp_path / "out"}
        codes = {"deep": CodeShape(stack.units)}
        write_baselines(data, codes, ENVIRONMENT, tmp_path / "baselines")
        baseline = Baseline.open(tmp_path / "baselines" / "deep")
        metrics = evaluate("deep", stack, data, ENVIRONMENT, baseline=baseline, **options)
        assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics
        drawn = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
        with np.load(tmp_path / "out" / "codes.npz") as codes:
            return metrics, drawn, dict(codes)

    return of


def test_pictures_have_their_neighbours_drawn_and_all_codes_kept(colours, evaluated):
    assert KINDS["npy"] == KINDS["folder"]
    assert BASELINES["npy"] == BASELINES["folder"]
    stack = deep(colours, 6, 3)
    metrics, drawn, codes = evaluated(stack, colours)
    assert drawn == FIGURES
    for split in ("train", "validation", "test"):
        x = torch.from_numpy(colours.inputs(split).reshape(-1, 192) / 255).float()
        expected = stack.encode(x).detach().numpy()
        np.testing.assert_allclose(codes[split], expected, atol=1e-5)
        assert codes[split].dtype == np.float32
    assert set(metrics["baseline"]) == {"pixels", "pca"}
    assert metrics["knn"].keys() == metrics["baseline"]["pixels"]["knn"].keys()


def test_the_plane_of_a_colour_decoder_is_drawn(colours, evaluated):
    metrics, drawn, _ = evaluated(deep(colours, 6, 2), colours)
    assert drawn == FIGURES | {"decoder_grid", "nearest"}
    assert set(metrics["generation"]) == {"own", "box", "reference"}
    assert set(metrics["embedding"]) == {"trustworthiness", "knn@5"}


@pytest.mark.parametrize("size", [2, 3])
def test_without_labels_what_needs_them_is_left_out(unlabelled, evaluated, size):
    metrics, drawn, codes = evaluated(deep(unlabelled, 6, size), unlabelled)
    assert not {"knn", "retrieval"} & (set(metrics) | set(metrics["validation"]))
    assert metrics["baseline"].keys() == {"pca"}
    assert metrics["baseline"]["pca"].keys() == {"reconstruction"}
    assert metrics["reconstruction"]["sse"] > 0
    assert drawn == FIGURES | ({"decoder_grid", "nearest"} if size == 2 else set())
    assert set(metrics.get("embedding", {})) == ({"trustworthiness"} if size == 2 else set())
    assert len(codes["train"]) == 96


def test_strokes_without_labels_are_evaluated_too(unlabelled, evaluated):
    data = replace(unlabelled, kind="idx")
    metrics, drawn, _ = evaluated(deep(data, 6, 3), data)
    assert "knn" not in metrics
    assert drawn == FIGURES - {"neighbours"}


def test_pixels_as_the_code_score_as_their_baseline(colours, evaluated):
    metrics, drawn, codes = evaluated(Stack([]), colours)
    pixels = metrics["baseline"].pop("pixels")
    assert {name: metrics[name] for name in pixels} == pixels
    assert not metrics["baseline"]
    assert metrics["reconstruction"] == {"sse": 0, "mse": 0}
    assert metrics["code"] == {"size": 192}
    assert metrics["model"] == {"parameters": 0}
    assert drawn == {"codes"}
    assert not codes
    assert not {"corruption", "jacobian", "shift", "activity", "spread"} & set(metrics)

    flat = [colours.inputs(split).reshape(-1, 192) for split in ("train", "validation", "test")]
    labels = np.concatenate([colours.labels(split) for split in ("train", "validation")])
    reference = KNeighborsClassifier(1).fit(np.concatenate(flat[:2]), labels)
    expected = reference.score(flat[2], colours.labels("test"))
    assert metrics["knn"]["accuracy@1"] == pytest.approx(expected)


def test_pixels_stay_bytes_on_disk(colours):
    codes = EncodedImages.of(Stack([]), colours, ENVIRONMENT).codes["train"]
    assert codes.dtype == np.uint8
    assert np.shares_memory(codes, codes.base)
    assert isinstance(codes, np.memmap)


def test_errors_of_a_whitened_stack_are_those_of_pixels(colours):
    stack = pca_stack(colours, 5, whitening(colours, 0.25))
    assert not is_linear(stack)  # PCA of the pixels is better at pixels
    found = EncodedImages.of(stack, colours, ENVIRONMENT).errors["test"]
    x = torch.from_numpy(colours.inputs("test").reshape(-1, 192) / 255).float()
    expected = (stack(x) - x).square().sum(1).mean().item()
    assert found["sse"] == pytest.approx(expected, rel=1e-4)
    assert found["mse"] == pytest.approx(expected / 192, rel=1e-4)


@pytest.mark.parametrize(("most", "kept"), [(None, 10), (10, 10), (12, 10), (5, 5), (4, 4), (3, 3)])
def test_a_part_is_spread_over_all(most, kept):
    found = spread_out(np.arange(10), most)
    assert len(found) == kept
    assert len(set(np.diff(found))) == 1


def test_most_queries_are_asked_evenly(colours, monkeypatch):
    codes = {split: colours.inputs(split).reshape(-1, 192) for split in image_scores.SPLITS}
    monkeypatch.setattr(image_scores, "QUERIES", 11)
    asked = codes | {"test": codes["test"][::3]}
    labels = {split: colours.labels(split) for split in image_scores.SPLITS}
    few = image_scores.score_test(codes, colours)
    labels["test"] = labels["test"][::3]
    monkeypatch.setattr(type(colours), "labels", lambda _, split: labels[split])
    assert image_scores.score_test(asked, colours) == few


def test_errors_on_training_images_may_be_those_of_a_part(colours, evaluated, monkeypatch):
    stack = deep(colours, 6, 3)
    measured = EncodedImages.of(stack, colours, ENVIRONMENT, image_scores.SPLITS, seen=50)
    x = torch.from_numpy(colours.inputs("train")[::2].reshape(-1, 192) / 255).float()
    expected = (stack(x) - x).square().sum(1).mean().item()
    found = image_scores.scores(measured, {}, None)
    assert found["train"]["reconstruction"]["sse"] == pytest.approx(expected, rel=1e-5)


def test_ten_classes_of_many_are_shown_and_ten_images_without_labels(colours, unlabelled):
    labels = np.arange(32, dtype=np.uint8) % 23
    np.save(colours.folder / "test_labels.npy", labels)
    meta = json.loads((colours.folder / "meta.json").read_text())
    meta["classes"] = [str(number) for number in range(23)]
    (colours.folder / "meta.json").write_text(json.dumps(meta))
    shown = labels[one_of_each(PreparedDataset.open(colours.folder))]
    assert (len(shown), shown[0], shown[-1]) == (10, 0, 22)
    assert set(np.diff(shown)) <= {2, 3}
    assert one_of_each(unlabelled).tolist() == list(range(10))


def test_photographs_are_drawn_as_they_are_and_strokes_as_ink(unlabelled, tiny):
    for data, greys in ((unlabelled, "gray"), (tiny, "gray_r")):
        kind = KINDS[data.kind].evaluate.__self__
        shown = image_pages.FigureInput(None, None, {}, kind.greys)
        assert shown.greys == greys


def test_a_code_larger_than_the_data_has_pca_as_large_as_they_allow(colours, evaluated):
    for part in ("train_inputs.npy", "train_labels.npy"):
        few = np.array(colours.array(part)[:20])
        np.save(colours.folder / part, few)
    metrics, _, _ = evaluated(deep(colours, 60), colours)
    assert metrics["code"] == {"size": 60}  # 44 images span fewer numbers
    assert metrics["baseline"]["pca"]["reconstruction"]["sse"] > 0
