"""Verdicts on figures made by hand, whose truth one can see; a figure turned turns the verdict."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import pytest

from pipelines.report.claims.judging import Criterion, below, judgement, lower
from tests.pipelines.report.samples import claim, made, nested

HOLDS, NOT, DEPENDS = "holds", "does not hold", "depends"


def precisions(*values: float) -> dict[str, float]:
    return {
        f"retrieval.precision@{k}": value for k, value in zip((1, 10, 100), values, strict=True)
    }


@pytest.mark.parametrize(
    ("met", "verdict"),
    [
        ([[True], [True, True]], HOLDS),
        ([[False], [False]], NOT),
        ([[True], [False]], DEPENDS),
        ([[True, False]], DEPENDS),
    ],
)
def test_parts_make_the_verdict(met: list[list[bool]], verdict: str) -> None:
    parts = [Criterion("a rule", each, "1 and 2") for each in met]
    assert judgement(parts, ([], [])).verdict == verdict


def test_the_sentence_says_every_rule_its_answer_and_its_figures() -> None:
    parts = [
        Criterion("a < b", [True], "1, 2"),
        Criterion("c", [True, False], "3"),
        Criterion("d", [False], "4"),
    ]
    because = judgement(parts, ([], []), "by the way").because
    assert because == (
        "It holds if a < b (yes: 1, 2), and if c (in part: 3), and if d (no: 4); by the way."
    )


def test_means_differ_by_more_than_two_standard_errors() -> None:
    error = sqrt((0.3**2 + 0.4**2) / 4)  # 0.25
    assert lower((1.0, 0.3), (1.0 + 2.01 * error, 0.4), seeds=4)
    assert not lower((1.0, 0.3), (1.0 + 1.99 * error, 0.4), seeds=4)
    assert not lower((2.0, 0.0), (1.0, 0.0), seeds=4)


def test_single_trainings_differ_by_more_than_chance() -> None:
    assert below(0.96, 1.0)
    assert not below(0.98, 1.0)


LINEAR = {
    "pca-30": {"reconstruction.sse": 10.0},
    "linear-30": {"reconstruction.sse": 10.05, "subspace.largest_angle": 3.0},
}
DEEP = {"pca-30": {"reconstruction.sse": 10.0}, "deep-30": {"reconstruction.sse": 4.0}}
TIED = {
    "deep-30": {
        "model.parameters": 200,
        "overfitting.gap": 1.0,
        "reconstruction.sse": 3.0,
    },
    "tied-30": {"model.parameters": 101, "overfitting.gap": 0.5, "reconstruction.sse": 3.1},
    "scratch-30": {"overfitting.gap": 0.8},
}
PLANE = {
    "pca-2": {"knn.accuracy@5": 0.4, "embedding.trustworthiness": 0.7},
    "deep-2": {"knn.accuracy@5": 0.9, "embedding.trustworthiness": 0.9},
}
WORDS = {
    "binary": precisions(0.5, 0.4, 0.3),
    "tfidf": precisions(0.6, 0.5, 0.4),
    "lsa-128": precisions(0.7, 0.5, 0.5),
    "text-128": precisions(0.6, 0.6, 0.4),
}
TOPICS = {
    "lsa-2": precisions(0.4, 0.4, 0.4),
    "text-2": precisions(0.7, 0.7, 0.7) | {"queries.share@10": 0.8},
    "lsa-10": precisions(0.6, 0.6, 0.6),
    "text-10": precisions(0.8, 0.8, 0.8) | {"queries.share@10": 0.9},
    "lsa-128": precisions(0.7, 0.7, 0.7),
    "text-128": precisions(0.8, 0.8, 0.8) | {"queries.share@10": 0.9},
}
IMAGES = {
    "pixels": precisions(0.3, 0.2, 0.2),
    "pca-256": precisions(0.3, 0.3, 0.2),
    "image-256": precisions(0.5, 0.4, 0.3),
}
WIDE = {
    "overcomplete": {"copying.noise_explained": 0.9, "activity.share": 0.8},
    "overcomplete-l1": {"copying.noise_explained": 0.1, "activity.share": 0.1},
}
NOISE = {
    "deep-30": {
        "corruption.mask.sse@10": 5.0,
        "corruption.mask.sse@20": 9.0,
        "reconstruction.sse": 2.0,
    },
    "denoising-30": {
        "corruption.mask.sse@10": 4.0,
        "corruption.mask.input@10": 8.0,
        "corruption.mask.sse@20": 5.0,
        "corruption.mask.input@20": 16.0,
        "reconstruction.sse": 3.0,
    },
}
STEADY = {
    name: {"jacobian.norm": 1.0, "jacobian.relative": relative, "shift.relative": shift}
    for name, relative, shift in (
        ("deep-30", 2.0, 0.2),
        ("contractive-30", 1.0, 0.1),
        ("denoising-30", 1.0, 0.1),
    )
}
CONV = {
    "deep-30": {"reconstruction.sse": 3.0, "model.parameters": 100},
    "conv-transposed": {"reconstruction.sse": 2.0, "model.parameters": 90},
    "conv-repeat": {"reconstruction.sse": 2.5, "model.parameters": 90},
}
UNPOOLED = {
    "deep-30": {"reconstruction.sse": 3.0},
    "conv-switches": {"reconstruction.sse": 1.0, "code.size": 30},
    "conv-repeat": {"reconstruction.sse": 2.5},
}
DRAWN = {"deep-2": {"generation.own.distance": 3.0, "generation.reference.distance": 4.0}}
HELD = {
    "deep-2": {"spread.within_box": 0.4, "generation.box.distance": 5.0},
    "deep-2-l2": {
        "spread.within_box": 0.95,
        "generation.box.distance": 3.0,
        "generation.reference.distance": 4.0,
    },
}
AXES = {
    "deep-2-l2": {
        "axes.first.slant": -0.7,
        "axes.first.hole": 0.1,
        "axes.second.slant": 0.2,
        "axes.second.hole": 0.6,
    }
}
ORDER = {
    "seq2seq": precisions(0.8, 0.8, 0.7)
    | {"order.pairs": 100, "order.matched": 0.9, "order.exact": 0.6},
    "binary": precisions(0.8, 0.8, 0.7),
}


@pytest.mark.parametrize(
    ("number", "figures", "variant", "path", "value", "turned"),
    [
        ("1", LINEAR, "linear-30", "reconstruction.sse", 10.2, DEPENDS),
        ("1", LINEAR, "linear-30", "subspace.largest_angle", 40.0, DEPENDS),
        ("2", DEEP, "deep-30", "reconstruction.sse", 6.0, NOT),
        ("3", TIED, "tied-30", "model.parameters", 150, DEPENDS),
        ("3", TIED, "tied-30", "overfitting.gap", 0.9, DEPENDS),
        ("3", TIED, "tied-30", "reconstruction.sse", 2.5, DEPENDS),
        ("4", PLANE, "pca-2", "knn.accuracy@5", 0.6, DEPENDS),
        ("4", PLANE, "deep-2", "knn.accuracy@5", 0.7, DEPENDS),
        ("5", WORDS, "lsa-128", "retrieval.precision@1", 0.605, DEPENDS),
        ("6", TOPICS, "text-2", "retrieval.precision@10", 0.45, DEPENDS),
        ("6", TOPICS, "text-2", "queries.share@10", 0.3, DEPENDS),
        ("7", IMAGES, "pixels", "retrieval.precision@10", 0.6, DEPENDS),
        ("7", IMAGES, "image-256", "retrieval.precision@100", 0.205, DEPENDS),
        ("9", WIDE, "overcomplete", "copying.noise_explained", -1.0, NOT),
        ("9", WIDE, "overcomplete-l1", "copying.noise_explained", 0.9, NOT),
        ("11", NOISE, "denoising-30", "corruption.mask.sse@10", 4.9, DEPENDS),
        ("12", STEADY, "contractive-30", "shift.relative", 0.19, DEPENDS),
        ("12", STEADY, "denoising-30", "jacobian.relative", 3.0, DEPENDS),
        ("13", CONV, "conv-repeat", "reconstruction.sse", 3.5, DEPENDS),
        ("14", UNPOOLED, "conv-switches", "positions.bits", 9408, DEPENDS),
        ("16", DRAWN, "deep-2", "generation.own.distance", 4.5, NOT),
        ("17", HELD, "deep-2-l2", "spread.within_box", 0.6, DEPENDS),
        ("17", HELD, "deep-2-l2", "generation.box.distance", 4.5, DEPENDS),
        ("18", AXES, "deep-2-l2", "axes.first.slant", -0.3, DEPENDS),
        ("19", ORDER, "seq2seq", "order.matched", 0.55, DEPENDS),
        ("19", ORDER, "seq2seq", "order.exact", 0.3, DEPENDS),
        ("19", ORDER, "seq2seq", "retrieval.precision@10", 0.7, DEPENDS),
    ],
)
def test_a_figure_turns_the_verdict(
    number: str,
    figures: Mapping[str, Mapping[str, float]],
    variant: str,
    path: str,
    value: float,
    turned: str,
) -> None:
    assert claim(number, made(figures))["verdict"] == HOLDS
    changed = {**figures, variant: {**figures[variant], path: value}}
    assert claim(number, made(changed))["verdict"] == turned


def start(test: float, within: float | None, full: float, sd: float = 0.01) -> dict[str, Any]:
    """Claim 8 with random weights at 5 after equal epochs, at 6 in equal seconds, 3 in full."""
    ours = {"reconstruction.sse.mean": test, "seconds.mean": 50.0, "by_epoch.sse@1": test}
    other = {"reconstruction.sse.mean": 5.0, "seconds.mean": 30.0, "by_epoch.sse@1": 5.0}
    other |= {"within.seconds": 27.0, "within.sse.mean": 6.0, "within.sse.sd": 0.1}
    ours |= {"within.seconds": 27.0}
    if within is not None:
        ours |= {"within.sse.mean": within, "within.sse.sd": 0.1}
    for each in (ours, other):
        each["reconstruction.sse.sd"] = sd
    comparison = {"deep-30": ours, "scratch-30": other}
    figures = {
        "deep-30": {"reconstruction.sse": full},
        "scratch-30": {"reconstruction.sse": 3.0},
    }
    return claim("8", made(figures, comparison, seeds=4))


def test_a_better_start_is_ahead_by_epochs_by_seconds_and_in_the_end() -> None:
    assert start(4.0, 5.0, 2.0)["verdict"] == HOLDS
    assert start(4.0, 5.0, 3.0)["verdict"] == DEPENDS
    assert start(5.5, 7.0, 3.5)["verdict"] == NOT


def test_who_is_still_being_pretrained_is_not_ahead() -> None:
    found = start(4.0, None, 2.0)
    assert found["verdict"] == DEPENDS
    assert "(no: its layers were still being pretrained" in found["because"]


def test_a_lead_within_two_standard_errors_is_none() -> None:
    # sd 1 of both, four seeds: the difference has a standard error of 0.71.
    assert start(4.0, 7.0, 3.0, sd=1.0)["verdict"] == NOT
    assert start(3.5, 7.0, 3.0, sd=1.0)["verdict"] == DEPENDS


def labels(plain: Mapping[str, tuple[float, Any]], dn: Mapping[str, tuple[float, Any]]) -> Any:
    def taught(found: Mapping[str, tuple[float, Any]]) -> dict[str, Any]:
        return {
            f"labels@{number}": {"error": 0.1, "sd": 0.01, "ahead": ahead, "se": se}
            for number, (ahead, se) in found.items()
        }

    random = {"labels@100": {"error": 0.1, "sd": ""}}
    both = {
        "classifier": {"pretrained": taught(plain), "random": random},
        "classifier-dn": {"pretrained": taught(dn)},
    }
    return claim("10", made({}, labels=both))


HELPS = {"100": (0.02, 0.005), "all": (0.001, 0.001)}


def test_pretraining_helps_with_few_labels_and_not_with_all() -> None:
    assert labels(HELPS, HELPS)["verdict"] == HOLDS
    assert labels(HELPS, HELPS | {"100": (0.009, 0.005)})["verdict"] == DEPENDS
    assert labels(HELPS, HELPS | {"all": (0.003, 0.001)})["verdict"] == DEPENDS
    useless = {"100": (-0.02, 0.005), "all": (0.02, 0.001)}
    assert labels(useless, useless)["verdict"] == NOT


def test_a_single_seed_decides_nothing() -> None:
    found = labels({"100": (0.5, "")}, {"100": (0.5, "")})
    assert found["verdict"] == NOT
    assert "100 labels +50.00 points" in found["because"]


def test_figures_stand_in_the_sentence_and_in_the_table() -> None:
    found = claim("2", made(DEEP))
    assert "4.00 and 10.00" in found["because"]
    assert found["columns"][:2] == ["variant", "test SSE"]
    assert found["rows"][0][:2] == ["pca-30", "10.00"]


def test_nested_figures() -> None:
    assert nested({"a.b": 1, "a.c": 2}) == {"a": {"b": 1, "c": 2}}
