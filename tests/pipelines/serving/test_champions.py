"""The rule: by validation figures alone, among codes of the task's size, bare codes only."""

import json

import pytest

from ae_lightning.config.params import load
from pipelines.serving import champions
from pipelines.serving.champions import TASKS, winners


def images(sse, *, size=30, positions=False, precision=0.5, data="mnist", **other):
    return {
        "data": data,
        "code.size": str(size),
        "code.positions": str(positions).lower(),
        "code.bits": "false",
        "validation.reconstruction.sse": str(sse),
        "validation.retrieval.precision_at_10": str(precision),
        **other,
    }


def champion(task, **variants):
    return winners(variants).get(task)


def test_the_least_error_wins_among_codes_of_one_size():
    variants = {"a": images(2.5), "b": images(2.25), "wide": images(0.5, size=1000)}
    assert champion("mnist-reconstruct-30", **variants) == "b"


def test_the_greatest_precision_wins():
    variants = {"a": images(1, precision=0.75), "b": images(2, precision=0.875)}
    assert champion("mnist-search-30", **variants) == "b"


def test_what_gets_more_than_the_code_wins_no_reconstruction_but_may_win_a_search():
    variants = {"a": images(2.5), "switches": images(1.25, positions=True, precision=0.9)}
    assert champion("mnist-reconstruct-30", **variants) == "a"
    assert champion("mnist-search-30", **variants) == "switches"


@pytest.mark.parametrize("figure", ["nan", "inf", "-inf"])
def test_what_is_no_number_wins_nothing(figure):
    assert champion("mnist-reconstruct-30", a=images(figure), b=images(9)) == "b"
    assert champion("mnist-reconstruct-30", a=images(figure)) is None


def test_of_equals_the_first_by_name():
    assert champion("mnist-reconstruct-30", b=images(1), a=images(1)) == "a"


def test_other_data_and_variants_without_figures_stay_out():
    variants = {"own": images(0.1, data="photos"), "new": {"data": "mnist", "code.bits": "false"}}
    assert winners(variants) == {}


def write(folder, measured):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(measured))


@pytest.fixture
def folders(tmp_path):
    model, evaluation = tmp_path / "models/one", tmp_path / "evaluation/one"
    model.mkdir(parents=True)
    evaluation.mkdir(parents=True)
    (model / "model.json").write_text(
        json.dumps(
            {"data": "reuters", "layers": [{"activation": "gelu"}, {"activation": "binary"}]}
        )
    )
    return model, evaluation


def test_facts_are_of_validation_and_never_of_test(folders):
    retrieval = {"precision@100": 0.75, "hamming": {"precision@100": 0.5}}
    measured = {
        "code": {"size": 10},
        "retrieval": {"precision@100": 0.9},
        "validation": {"retrieval": retrieval, "reconstruction": {"cross_entropy": 5.0}},
    }
    write(folders[1], measured)
    assert champions.facts(*folders) == {
        "data": "reuters",
        "code.bits": "true",
        "code.size": "10",
        "code.positions": "false",
        "validation.retrieval.precision_at_100": "0.75",
        "validation.retrieval.hamming.precision_at_100": "0.5",
    }


def test_a_variant_that_was_not_evaluated_has_no_figures(folders):
    assert champions.facts(*folders) == {"data": "reuters", "code.bits": "true"}


def test_every_task_looks_at_validation():
    assert all(task.tag.startswith("validation.") for task in TASKS.values())


def test_what_is_shown_needs_metrics_alone(tmp_path):
    measured = {
        "code": {"size": 2},
        "knn": {"accuracy@5": 0.84},
        "validation": {"knn": {"accuracy@5": 0.5}},
    }
    for name, accuracy in (("pca-2", 0.42), ("deep-2", 0.86)):
        measured["validation"]["knn"]["accuracy@5"] = accuracy
        write(tmp_path / "evaluation" / name, measured)
    for name, error in (("classifier", 0.0081), ("classifier-dn", 0.0068)):
        figures = {"pretrained": {"error@all": {"mean": error}}}
        write(tmp_path / "grades" / name, {"validation": figures})
    assert champions.chosen(load(), tmp_path / "evaluation", tmp_path / "grades") == [
        {
            "task": "mnist-plane",
            "title": "See digits in the plane",
            "variant": "deep-2",
            "rule": "greatest knn.accuracy@5 on validation: 0.86",
            "test": "0.84",
        },
        {
            "task": "mnist-classify",
            "title": "Tell digits apart, all labels known",
            "variant": "classifier-dn",
            "rule": "least pretrained.error@all.mean on validation: 0.0068",
            "test": "",
        },
    ]


def test_a_classifier_is_known_by_its_grades(tmp_path):
    model = tmp_path / "classifiers/one"
    model.mkdir(parents=True)
    (model / "model.json").write_text('{"data": "mnist", "classes": ["0", "1"], "best": "a"}')
    known = champions.facts(model, tmp_path / "grades/one")
    assert known == {"data": "mnist"}
    figures = {"pretrained": {"error@all": {"mean": 0.25}}}
    write(tmp_path / "grades/one", {**figures, "validation": figures})
    known = champions.facts(model, tmp_path / "grades/one")
    assert known == {"data": "mnist", "validation.pretrained.error_at_all.mean": "0.25"}
    assert champion("mnist-classify", one=known) == "one"
    assert champion("mnist-classify", variant=images(0.1)) is None
