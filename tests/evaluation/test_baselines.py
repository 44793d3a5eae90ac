"""Each closed form is computed once, and every variant has its own."""

import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

from ae_lightning.config.environment import Environment
from ae_lightning.config.params import CodeShape
from ae_lightning.errors import UserError
from ae_lightning.evaluation import baselines, images
from ae_lightning.evaluation.types import Baseline

ENVIRONMENT = Environment(accelerator="cpu", devices="1", precision="32-true")


def written(data, folder, **codes):
    baselines.write_baselines(data, codes, ENVIRONMENT, folder)
    return {name: Baseline.open(folder / name) for name in codes}


def test_every_variant_has_pca_of_its_size(tiny, tmp_path):
    codes = {"two": CodeShape(2), "five": CodeShape(5), "places": CodeShape(1, 4)}
    found = written(tiny, tmp_path / "tiny", **codes)
    sizes = {"two": 2, "five": 5, "places": 4}  # images of 8 x 8: 2 x 2 places are left of them
    seen = np.concatenate([tiny.inputs(split) for split in ("train", "validation")])
    seen, x = (images.reshape(-1, 64) / 255 for images in (seen, tiny.inputs("test")))
    for name, size in sizes.items():
        pca = PCA(size).fit(seen)
        error = ((pca.inverse_transform(pca.transform(x)) - x) ** 2).sum(1).mean()
        scores = found[name].metrics["pca"]["reconstruction"]
        assert scores["sse"] == pytest.approx(error, rel=1e-4)
        assert found[name].solved.units == size
        assert found[name].metrics["pixels"] == found["two"].metrics["pixels"]


def test_pca_of_one_size_is_computed_once(tiny, tmp_path, monkeypatch):
    sizes, solve = [], images.pca_stack
    monkeypatch.setattr(images, "pca_stack", lambda data, n: sizes.append(n) or solve(data, n))
    written(tiny, tmp_path / "tiny", a=CodeShape(3), b=CodeShape(2), c=CodeShape(3))
    assert sorted(sizes) == [2, 3]


def test_pca_of_all_numbers_finds_what_pixels_find(tiny, tmp_path):
    metrics = written(tiny, tmp_path / "tiny", all=CodeShape(100))["all"].metrics
    assert metrics["pca"]["reconstruction"]["sse"] == pytest.approx(0, abs=1e-6)
    assert {key: metrics["pca"][key] for key in ("knn", "retrieval")} == metrics["pixels"]


def test_another_variant_changes_no_file_of_the_others(tiny, tmp_path):
    written(tiny, tmp_path / "tiny", a=CodeShape(3))
    before = {path: path.read_bytes() for path in (tmp_path / "tiny").rglob("*.*")}
    written(tiny, tmp_path / "tiny", b=CodeShape(9), a=CodeShape(3))
    assert {path: path.read_bytes() for path in before} == before


def test_examples_that_are_the_code_are_compared_with_themselves_alone(tiny, notes, tmp_path):
    assert set(written(tiny, tmp_path / "tiny", raw=CodeShape(0))["raw"].metrics) == {"pixels"}
    found = written(notes, tmp_path / "notes", bag=CodeShape(0), semantic=CodeShape(2))
    assert set(found["bag"].metrics) == {"binary", "tfidf"}
    assert set(found["semantic"].metrics) == {"binary", "tfidf", "lsa"}


@pytest.mark.parametrize("content", [None, "{"])
def test_an_absent_or_broken_baseline_is_told_in_one_line(tmp_path, content):
    if content:
        (tmp_path / "mnist" / "deep").mkdir(parents=True)
        (tmp_path / "mnist" / "deep" / "metrics.json").write_text(content)
    with pytest.raises(UserError, match=r"no baseline here .* dvc repro baseline@mnist"):
        Baseline.open(tmp_path / "mnist" / "deep")


def test_scores_are_rounded_as_in_metrics_json(tiny, tmp_path):
    found = written(tiny, tmp_path / "tiny", a=CodeShape(3))["a"].metrics
    text = json.dumps(found["pca"]["reconstruction"]["sse"])
    assert len(text.replace(".", "").lstrip("0")) <= 6
