import copy
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from ae_lightning.config import layers
from ae_lightning.config.datasets import AnyDataset
from ae_lightning.config.environment import environment
from ae_lightning.config.params import load, parse, pick
from ae_lightning.config.variants import VariantKind
from ae_lightning.data import prepare
from ae_lightning.errors import UserError
from ae_lightning.evaluation import baselines, evaluate
from ae_lightning.nn.activations import ACTIVATIONS, OUTPUTS
from ae_lightning.nn.corruption import CORRUPTIONS
from ae_lightning.nn.layers.conv import UNPOOLINGS
from ae_lightning.nn.losses import LOSSES
from ae_lightning.nn.optim import OPTIMIZERS, SCHEDULES
from ae_lightning.nn.term_weighting import WEIGHTS
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.greedy import KINDS

ROOT = Path(__file__).parents[2]
GOOD = {
    "datasets": {
        "digits": {"kind": "idx", "path": "data/digits"},
        "letters": {"kind": "idx", "path": "data/letters"},
    },
    "layers": {
        "digits-1": {"data": "digits", "input": "prepared/digits", "units": 8},
        "digits-2": {"data": "digits", "input": "layers/digits-1", "units": 4},
    },
    "variants": {
        "deep": {"data": "digits", "input": "layers/digits-2"},
        "pca": {"data": "digits", "input": "prepared/digits", "kind": "pca", "sizes": [2]},
    },
}


def changed(path, value):
    """GOOD with the entry under a dotted path set to a value."""
    content = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    table = content
    for key in parents:
        table = table.setdefault(key, {})
    table[last] = value
    return content


MISTAKES = {
    "unknown key": ("layers.digits-1.unit", 3, ["layers.digits-1.unit", "unknown key"]),
    "unknown section": ("layer", {}, ["layer: unknown key"]),
    "unknown key of training": (
        "variants.deep.train",
        {"lr": 1},
        ["variants.deep.train.lr", "unknown key"],
    ),
    "wrong type": ("layers.digits-1.units", "many", ["layers.digits-1.units", "'many'"]),
    "unknown activation": ("layers.digits-1.activation", "gellu", ["'gelu'", "'gellu'"]),
    "negative l1": ("layers.digits-1.l1", -1, ["layers.digits-1.l1", "-1"]),
    "unknown dataset": (
        "layers.digits-1.data",
        "digit",
        ["layers.digits-1.data", "dataset 'digit'", "there is digits"],
    ),
    "unknown layer": (
        "variants.deep.input",
        "layers/digits-3",
        ["variants.deep.input", "layer 'digits-3'", "digits-1", "digits-2"],
    ),
    "unknown layer far from all names": (
        "variants.deep.input",
        "layers/zzz",
        ["there is digits-1, digits-2"],
    ),
    "input that is no folder of ours": (
        "variants.deep.input",
        "models/deep",
        ["variants.deep.input", "prepared/digits or layers/LAYER", "'models/deep'"],
    ),
    "another dataset's examples": (
        "variants.deep.input",
        "prepared/letters",
        ["variants.deep.input", "'prepared/letters'"],
    ),
    "another dataset's layer": (
        "variants.deep.data",
        "letters",
        ["variants.deep.input", "'digits-2'", "'letters'"],
    ),
    "circle of one": ("layers.digits-1.input", "layers/digits-1", ["digits-1.input", "circle"]),
    "circle of two": ("layers.digits-1.input", "layers/digits-2", ["digits-", "circle"]),
    "wider without l1": ("layers.digits-2.units", 9, ["layers.digits-2.l1", "9 > 8", "found 0"]),
    "pca of two sizes": (
        "variants.pca.sizes",
        [3, 2],
        ["variants.pca", "1 size", "2 sizes"],
    ),
    "pca of no size": ("variants.pca.sizes", [], ["variants.pca", "1 size", "0 sizes"]),
    "pca on a layer": ("variants.pca.input", "layers/digits-1", ["variants.pca", "prepared/"]),
    "nothing to train": ("variants.deep.input", "prepared/digits", ["variants.deep.sizes"]),
    "unknown corruption": (
        "layers.digits-1.corruption",
        {"blur": 0.5},
        ["layers.digits-1.corruption.blur", "'mask'", "'blur'"],
    ),
    "corruption beyond everything": (
        "variants.deep.corruption",
        {"mask": 1.5},
        ["variants.deep.corruption.mask", "1.5"],
    ),
    "a field of another kind of layer": (
        "layers.digits-1.kernel",
        3,
        ["layers.digits-1: kernel", "only kind conv", "found kind dense"],
    ),
    "an even kernel": (
        "layers.digits-1",
        {"data": "digits", "input": "prepared/digits", "kind": "conv", "units": 4, "kernel": 4},
        ["layers.digits-1: kernel", "odd", "found 4"],
    ),
    "a machine of no units that it has": (
        "layers.digits-1.kind",
        "rbm",
        ["layers.digits-1: activation", "sigmoid", "found 'gelu'"],
    ),
    "a machine with a penalty": (
        "layers.digits-1",
        {
            "data": "digits",
            "input": "prepared/digits",
            "kind": "rbm",
            "units": 4,
            "activation": "sigmoid",
            "l2": 0.1,
        },
        ["layers.digits-1", "no penalty, corruption or views"],
    ),
    "pca with a penalty": ("variants.pca.l2", 0.1, ["variants.pca", "takes no penalties"]),
    "repeats of no variant": (
        "repeats",
        {"variants": ["depp"]},
        ["repeats.variants", "variant 'depp'", "there is deep"],
    ),
    "codes cannot be moved": (
        "layers.digits-2.train",
        {"shift": 1},
        ["layers.digits-2.train.shift", "found 1"],
    ),
    "codes have no views": (
        "layers.digits-2.views",
        {"flip": True},
        ["layers.digits-2.views", "only images can be moved"],
    ),
    "codes are not whitened": (
        "layers.digits-2.whiten",
        0.25,
        ["layers.digits-2.whiten", "only the lowest layer", "found 0.25 for layers/digits-1"],
    ),
    "whitened images are no probabilities": (
        "layers.digits-1.whiten",
        0.25,
        ["layers.digits-1.output", "found sigmoid outputs", "use linear"],
    ),
    "codes of unit length in the middle": (
        "layers.digits-1.activation",
        "unit",
        ["layers.digits-2.input", "unit length", "layer 'digits-1'"],
    ),
    "a share beyond all": ("layers.digits-1.views", {"crop": 2}, ["layers.digits-1.views.crop"]),
    "pca of moved copies": (
        "variants.pca.views",
        {"flip": True},
        ["variants.pca", "takes no penalties, corruption, views"],
    ),
}


@pytest.mark.parametrize(("path", "value", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_gets_one_line_that_says_where(path, value, said):
    with pytest.raises(UserError) as caught:
        parse(changed(path, value), "params.yaml")
    line = str(caught.value)
    assert line.startswith("params.yaml: ")
    assert "\n" not in line
    assert [part for part in said if part not in line] == []


def test_all_mistakes_are_counted():
    content = changed("layers.digits-1.unit", 3)
    content["variants"]["deep"]["size"] = 3
    with pytest.raises(UserError, match=r"unknown key.* \(and 1 more\)$"):
        parse(content)


def test_the_example_without_a_mistake_is_accepted():
    params = parse(GOOD)
    assert params.chain("layers/digits-2") == ["digits-1", "digits-2"]
    assert params.chain("prepared/digits") == []


def test_a_layer_may_be_wider_with_a_penalty():
    content = changed("layers.digits-2.units", 9)
    content["layers"]["digits-2"]["l1"] = 0.1
    assert parse(content).layers["digits-2"].units == 9


def test_feature_maps_are_no_widths():
    content = changed("layers.digits-1.kind", "conv")
    content["layers"]["digits-2"] |= {"kind": "conv", "units": 64}
    assert parse(content).layers["digits-2"].units == 64


def test_a_broken_link_is_reported_at_the_layer_that_has_it():
    content = changed("layers.digits-1.input", "layers/gone")
    content["layers"] = dict(reversed(content["layers"].items()))  # digits-2 is checked first
    with pytest.raises(UserError, match=r"layers\.digits-1\.input: unknown layer 'gone'"):
        parse(content)


@pytest.mark.parametrize(
    "content", [b"layers: [1, 2", b"a: b: c", b"\xff\xfe\xfd", b"", b"- 1\n- 2\n"]
)
def test_a_file_that_is_not_a_mapping_gets_one_line(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(UserError, match="not found") as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_the_projects_own_params_are_valid():
    params = load(ROOT / "params.yaml")
    assert params.variants


def test_pick_offers_the_nearest_name():
    variants = parse(GOOD).variants
    assert pick(variants, "deep", "variant") is variants["deep"]
    with pytest.raises(UserError, match=r"params\.yaml: variants: unknown variant 'dep'.* deep$"):
        pick(variants, "dep", "variant")


ON_NOTES = {"data": "notes", "input": "prepared/notes", "sizes": [3], "weights": "tfidf"}
BAG = ON_NOTES | {"output": "softmax"}
OF_DOCUMENTS = {
    "no weights": (BAG | {"weights": None}, "weights: must be one of binary, counts, .* none"),
    "weights above": (
        {"data": "notes", "input": "layers/notes-1", "weights": "counts"},
        "weights: only the lowest layer on documents .* found counts",
    ),
    "weights of images": (
        {"data": "digits", "input": "layers/digits-1", "weights": "counts"},
        "weights: only the lowest layer on documents .* found counts",
    ),
    "sigmoid": (ON_NOTES, "output: sigmoid answers with probabilities, found tfidf weights"),
    "pca": (BAG | {"kind": "pca"}, r"kind: pca is not for documents \(notes\)"),
    "images by lsa": (
        {"data": "digits", "input": "prepared/digits", "kind": "lsa", "sizes": [3]},
        r"kind: lsa is not for images \(digits\)",
    ),
    "softmax images": (
        {"data": "digits", "input": "prepared/digits", "sizes": [3], "output": "softmax"},
        "output: softmax is for documents, found images",
    ),
    "neighbours of images": (
        {"data": "digits", "input": "layers/digits-1", "neighbours": {"count": 3, "share": 1}},
        "neighbours: only documents have them, found images",
    ),
    "moved": (BAG | {"train": {"shift": 1}}, "train.shift: only images can be moved, found 1"),
    "noise": (BAG | {"corruption": {"gaussian": 0.1}}, "corruption: .* found gaussian; use mask"),
    "noise above": (
        {"data": "notes", "input": "layers/notes-1", "corruption": {"gaussian": 0.1}},
        "corruption: .* found gaussian; use mask",
    ),
    "two codes of sequences": (
        {"data": "notes", "input": "prepared/notes", "kind": "sequence", "sizes": [3, 2]},
        "kind sequence needs .* 1 size, .* 2 sizes",
    ),
    "noisy sequences": (
        {"data": "notes", "input": "prepared/notes", "kind": "sequence", "sizes": [3], "l1": 1},
        "kind sequence takes no penalties",
    ),
    "sizes of vectors": (BAG | {"kind": "vectors"}, "kind vectors needs .* no sizes, .* 1 sizes"),
    "sequence of a bag": (BAG | {"sequence": {"width": 8}}, "sequence: only kind sequence has it"),
}


@pytest.mark.parametrize(("variant", "said"), OF_DOCUMENTS.values(), ids=OF_DOCUMENTS)
def test_what_documents_and_images_do_not_share_is_told(variant, said):
    content = copy.deepcopy(GOOD)
    content["datasets"]["notes"] = {"kind": "documents", "path": "data/notes.jsonl"}
    layer = {key: value for key, value in BAG.items() if key != "sizes"} | {"units": 4}
    content["layers"]["notes-1"] = layer
    content["variants"]["good"] = BAG
    parse(content)
    content["variants"]["wrong"] = variant
    with pytest.raises(UserError, match=rf"^params\.yaml: variants\.wrong.*{said}"):
        parse(content)


def test_a_day_without_quotes_is_told():
    content = copy.deepcopy(GOOD)
    notes = {"kind": "documents", "path": "data/notes.jsonl", "until": date(1987, 4, 7)}
    content["datasets"]["notes"] = notes
    with pytest.raises(UserError, match=r'datasets\.notes.*until: .* write "1987-04-07" in quotes'):
        parse(content)


def test_params_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        parse(GOOD).layers["digits-1"].units = 3


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (layers.ActivationName, ACTIVATIONS),
        (layers.OutputName, OUTPUTS),
        (layers.LossName, {"matching", *LOSSES}),
        (layers.OptimizerName, OPTIMIZERS),
        (layers.ScheduleName, SCHEDULES),
        (VariantKind, FITTERS),
        (layers.LayerKind, KINDS),
        (layers.CorruptionName, CORRUPTIONS),
        (layers.UnpoolingName, UNPOOLINGS),
        (layers.WeightsName, WEIGHTS),
    ],
)
def test_every_name_that_may_be_configured_has_a_row(names, table):
    assert set(get_args(names)) == set(table)


def test_every_kind_of_dataset_has_a_row_wherever_kinds_are_told_apart():
    kinds = {name for model in get_args(get_args(AnyDataset)[0]) for name in kind_of(model)}
    tables = (prepare.KINDS, evaluate.KINDS, baselines.BASELINES)
    assert all(set(table) == kinds for table in tables)


def kind_of(model):
    return get_args(model.model_fields["kind"].annotation)


def test_environment_comes_from_variables(monkeypatch):
    monkeypatch.setenv("AE_WORKERS", "3")
    monkeypatch.setenv("AE_PRECISION", "32-true")
    assert environment().workers == 3
    assert environment().precision == "32-true"


@pytest.mark.parametrize(
    ("name", "value"),
    [("AE_WORKERS", "many"), ("AE_WORKERS", "-1"), ("AE_MEMORY_LIMIT_MB", "0")],
)
def test_a_bad_variable_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as caught:
        environment()
    assert str(caught.value).startswith(f"{name}: ")
    assert repr(value) in str(caught.value)
    assert "\n" not in str(caught.value)
