"""The section ``classifiers`` of params.yaml: what it means, and the one line for a mistake."""

import pytest

from ae_lightning.config.classifiers import Classifier, Run, classifiers, merged
from ae_lightning.config.params import parse
from ae_lightning.errors import UserError

PARAMS = {
    "datasets": {
        "digits": {"kind": "idx", "path": "raw"},
        "letters": {"kind": "idx", "path": "raw"},
        "notes": {"kind": "documents", "path": "notes.csv"},
    },
    "layers": {
        "one": {"data": "digits", "input": "prepared/digits", "units": 5},
        "other": {"data": "letters", "input": "prepared/letters", "units": 5},
    },
    "variants": {"plain": {"data": "digits", "input": "layers/one"}},
}
GOOD = {"data": "digits", "input": "layers/one"}


def read(name="judge", **changes):
    return classifiers(parse(PARAMS | {"classifiers": {name: GOOD | changes}}))[name]


def test_runs_are_all_combinations_with_the_fewest_labels_first():
    one = read(
        labels=["all", 20, 10], starts=["random", "pretrained"], seeds=2, seeds_of_all=1,
        train={"seed": 5},
    )  # fmt: skip
    assert [str(run) for run in one.runs] == [
        "random-10-5", "pretrained-10-5", "random-10-6", "pretrained-10-6",
        "random-20-5", "pretrained-20-5", "random-20-6", "pretrained-20-6",
        "random-all-5", "pretrained-all-5",
    ]  # fmt: skip
    assert one.best == Run("random", "all", 5)
    assert read(labels=[20, 10]).best == Run("pretrained", 20, 0)


def test_what_means_nothing_to_a_classifier_is_not_among_its_parameters():
    train = merged(read().model_dump(mode="json"))["train"]
    assert {"learning_rate", "draws", "seed"} <= set(train)
    assert not {"loss", "shift", "patience"} & set(train)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"name": "plain"}, "classifiers.plain.name: a variant is called so; choose another name"),
        ({"data": "digit"}, "judge.data: unknown dataset 'digit'; there is digits"),
        ({"data": "notes"}, "judge.data: .* found documents \\(notes\\); use images"),
        ({"input": "prepared/digits"}, "judge.input: must be layers/LAYER, found 'prepared/digi"),
        ({"input": "layers/on"}, "judge.input: unknown layer 'on'; there is one"),
        ({"input": "layers/other"}, "judge.input: layer 'other' was trained on 'letters', not on"),
        ({"labels": [10, 10]}, "judge.labels: each only once, found 10 twice; remove one"),
        ({"labels": []}, "judge.labels: .*at least 1 item"),
        ({"labels": ["some"]}, "judge.labels.0.*found 'some'"),
        ({"starts": ["cold"]}, "judge.starts.0: .*'pretrained', 'random' or 'frozen', found 'col"),
        ({"unlabelled": {}}, "judge.starts: frozen layers learn nothing .*; remove frozen"),
        ({"unlabelled": {"confidence": 1}}, "unlabelled.confidence: .*less than 1, found 1"),
        ({"moves": {"scale": 1.0}}, "judge.moves.scale: .*less than 1, found 1.0"),
        ({"dropout": 1.0}, "judge.dropout: .*less than 1, found 1.0"),
        ({"train": {"shift": 2}}, "judge.train: shift: .*moved by moves.shift; remove it"),
        ({"train": {"patience": 2}}, "judge.train: patience: nothing is chosen .*; remove it"),
        ({"depth": 3}, "judge.depth: unknown key; remove it or correct its name"),
    ],
)
def test_a_mistake_gets_one_line(changes, line):
    with pytest.raises(UserError, match=line) as caught:
        read(**changes)
    assert str(caught.value).startswith("params.yaml: classifiers.")
    assert "\n" not in str(caught.value)


def test_the_defaults_are_a_whole_configuration():
    one = Classifier.model_validate(GOOD)
    assert len({*one.runs}) == 3 * (4 * 5 + 3)
