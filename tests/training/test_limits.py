"""Data that are too few are told of in one line, before anything is trained."""

import json

import numpy as np
import pytest

from ae_lightning.config.classifiers import Classifier
from ae_lightning.config.datasets import Documents
from ae_lightning.config.variants import Variant
from ae_lightning.data.prepare import prepare
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError
from ae_lightning.training.closed_form import lsa_stack, pca_stack
from ae_lightning.training.input_transform import weighting
from ae_lightning.training.limits import check_classifier, check_variant
from pipelines.cli import stages
from pipelines.code_digest import digests


def images(folder, examples, shape=(2, 3)):
    """Prepared noise: one image is for validation, one to test."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for split, count in {"train": examples - 1, "validation": 1, "test": 1}.items():
        np.save(folder / f"{split}_inputs.npy", random.integers(0, 256, (count, *shape), "u1"))
        np.save(folder / f"{split}_labels.npy", (np.arange(count) % 2).astype(np.uint8))
    (folder / "meta.json").write_text(
        json.dumps({"kind": "npy", "shape": shape, "classes": ["a", "b"]})
    )
    return PreparedDataset.open(folder)


def documents(path, texts):
    """Prepared documents: one is for validation, one to test."""
    path.write_text("".join(json.dumps({"id": n, "body": t}) + "\n" for n, t in enumerate(texts)))
    dataset = Documents(kind="documents", path=path, validation=1, test=1 / len(texts))
    prepare("few", dataset, path.with_suffix(""))
    return PreparedDataset.open(path.with_suffix(""))


@pytest.mark.parametrize(("examples", "most"), [(2, 2), (3, 3), (5, 5), (6, 6), (9, 6)])
def test_pca_has_as_many_components_as_examples_and_numbers_and_no_more(tmp_path, examples, most):
    data = images(tmp_path / "few", examples)
    variant = Variant(data="few", input="prepared/few", kind="pca", sizes=(most,))
    check_variant("pca", variant, data)
    assert pca_stack(data, most).units == most
    wide = variant.model_copy(update={"sizes": (most + 1,)})
    line = f"variants.pca.sizes: at most {most} for {examples} images to learn from, of 6 numbers"
    with pytest.raises(UserError, match=f"{line} each, found {most + 1}; make it smaller or add"):
        check_variant("pca", wide, data)


WORDS = "river bridge water boat harbour"


@pytest.mark.parametrize(
    ("texts", "most"),
    [([WORDS] * 3, 2), ([WORDS] * 9, 5), (["river bridge"] * 9, 2), (["river", "boat"] * 2, 2)],
)
def test_lsa_has_as_many_components_as_documents_and_terms_and_no_more(tmp_path, texts, most):
    data = documents(tmp_path / "few.jsonl", texts)
    settings = {"data": "few", "input": "prepared/few", "kind": "lsa", "weights": "tfidf"}
    check_variant("lsa", Variant(**settings, sizes=(most,)), data)
    assert lsa_stack(data, weighting("tfidf", data), most).units == most
    with pytest.raises(UserError, match=rf"variants.lsa.sizes: at most {most} for .* documents"):
        check_variant("lsa", Variant(**settings, sizes=(most + 1,)), data)


def test_lsa_needs_two_terms(tmp_path):
    data = documents(tmp_path / "few.jsonl", ["river"] * 5)
    settings = {"data": "few", "input": "prepared/few", "kind": "lsa", "weights": "tfidf"}
    with pytest.raises(UserError, match=r"variants.lsa.kind: lsa needs two terms or more, found 1"):
        check_variant("lsa", Variant(**settings, sizes=(1,)), data)


@pytest.mark.parametrize("labels", [(2, 9), (8,), (2, "all", 100)])
def test_a_classifier_needs_enough_labels_for_its_last_run_too(tmp_path, labels):
    data = images(tmp_path / "few", 7)
    check_classifier(Classifier(data="few", input="layers/one", labels=(2, 6, "all")), data)
    with pytest.raises(UserError, match=r"classifiers: labels: must find .*; use fewer labels"):
        check_classifier(Classifier(data="few", input="layers/one", labels=labels), data)


PARAMS = """
datasets: {few: {kind: npy, path: data/few}}
layers: {pca-9: {data: few, input: prepared/few, units: 3}}
variants: {pca-9: {data: few, input: prepared/few, kind: pca, sizes: [9]}}
classifiers: {many: {data: few, input: layers/pca-9, labels: [2, 50]}}
"""


@pytest.mark.parametrize(
    ("stage", "names", "line"),
    [
        ("finetune", ["pca-9"], "variants.pca-9.sizes: at most 5"),
        ("repeat", ["pca-9", 3], "variants.pca-9.sizes: at most 5"),
        ("supervise", ["many"], "classifiers: labels: must find 25 labelled images of each class"),
    ],
)
def test_a_stage_checks_before_it_trains(tmp_path, monkeypatch, stage, names, line):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digests, "running", lambda *_: None)
    images(tmp_path / "artifacts" / "prepared" / "few", 5)
    (tmp_path / "params.yaml").write_text(PARAMS)
    with pytest.raises(UserError, match=line):
        stages._stage(stage, *names)
    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == ["prepared"]
