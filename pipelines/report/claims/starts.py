"""Claims of where a training begins: pretrained greedily or at random, with labels or without."""

from collections.abc import Mapping
from functools import partial
from math import inf
from typing import Any

from pipelines.report.claims.judging import (
    ABSENT,
    CHANCE,
    ERRORS,
    Claim,
    Criterion,
    Judgement,
    Picture,
    Table,
    below,
    evaluated,
    figure_of,
    judgement,
    lower,
    percent,
    signed,
    sse,
)
from pipelines.report.results import MissingResult, Results

RANDOM = "scratch-30"
PRETRAINED = ("deep-30", "rbm-30")
CLASSIFIERS = {"classifier": "plain layers", "classifier-dn": "denoising layers"}
EVERY = "all"


def start(results: Results, ours: str) -> Judgement:
    """A pretrained start against random weights: by epochs, by seconds, and in the end."""
    mean, random = (_spread(results, name, "reconstruction.sse") for name in (ours, RANDOM))
    full, other = (results.figure(name, "reconstruction.sse") for name in (ours, RANDOM))
    epochs = len(results.comparison[ours]["by_epoch"])
    parts = [
        Criterion(
            f"after {epochs} equal epochs its mean test error over {results.seeds} seeds is lower "
            "than from random weights by more than two standard errors",
            [lower(mean, random, results.seeds)],
            f"{_with_sd(mean)} and {_with_sd(random)}",
        ),
        _within(results, ours),
        Criterion(
            f"trained in full, one seed each, its test error is more than {percent(CHANCE)} lower",
            [below(full, other)],
            f"{sse(full)} and {sse(other)}",
        ),
    ]
    return judgement(parts, _starts(results, (*PRETRAINED, RANDOM)))


def _within(results: Results, ours: str) -> Criterion:
    """The criterion at equal seconds, on validation errors, as only these are known over time."""
    seconds = results.repeated(RANDOM, "within.seconds")
    random = _spread(results, RANDOM, "within.sse")
    begun = "sse" in results.comparison[ours]["within"]
    mean = _spread(results, ours, "within.sse") if begun else (inf, 0.0)
    found = _with_sd(mean) if begun else "its layers were still being pretrained"
    return Criterion(
        f"after the same {seconds:.0f} s, pretraining counted, its validation error is so too",
        [begun and lower(mean, random, results.seeds)],
        f"{found}, from random weights {_with_sd(random)}",
    )


def _starts(results: Results, names: tuple[str, ...]) -> Table:
    epochs = len(results.comparison[RANDOM]["by_epoch"])
    columns = [
        "variant",
        *(f"validation SSE, epoch {epoch}" for epoch in range(1, epochs + 1)),
        f"test SSE, {epochs} epochs",
        "seconds in all",
        "test SSE, trained in full",
    ]
    rows = []
    for name in filter(results.comparison.__contains__, names):
        full = results.optional(name, "reconstruction.sse")
        rows.append(
            [
                name,
                *(sse(value) for value in results.comparison[name]["by_epoch"].values()),
                _with_sd(_spread(results, name, "reconstruction.sse")),
                f"{results.repeated(name, 'seconds.mean'):.0f}",
                ABSENT if full is None else sse(full),
            ]
        )
    return columns, rows


def _spread(results: Results, name: str, path: str) -> tuple[float, float]:
    return results.repeated(name, f"{path}.mean"), results.repeated(name, f"{path}.sd")


def _with_sd(spread: tuple[float, float]) -> str:
    return f"{spread[0]:.2f} ± {spread[1]:.2f}"


def labels(results: Results) -> Judgement:
    """A pretrained start against the random one, seed by seed, by number of labels."""
    taught = {name: results.taught(name, "pretrained") for name in CLASSIFIERS}
    parts = [part for name, found in taught.items() for part in _few_and_all(name, found)]
    random = results.taught("classifier", "random")
    rows = [
        [CLASSIFIERS[name], number, *_errors(random.get(number, {}), value)]
        for name, found in taught.items()
        for number, value in found.items()
    ]
    columns = ["layers", "labels", "error from random weights", "pretrained", "ahead, points", "p"]
    return judgement(parts, (columns, rows))


def _few_and_all(name: str, found: Mapping[str, Mapping[str, Any]]) -> list[Criterion]:
    if any("ahead" not in value for value in found.values()):
        raise MissingResult("grade@classifier")
    few = {number: value for number, value in found.items() if number != EVERY}
    parts = [
        Criterion(
            f"{CLASSIFIERS[name]} put the error with few labels more than two standard errors "
            "below that from random weights",
            [_ahead(value) for value in few.values()],
            ", ".join(f"{number} labels {_points(value)}" for number, value in few.items())
            + " points",
        )
    ]
    if every := found.get(EVERY):
        rule = "with all labels they do not"
        parts.append(Criterion(rule, [not _ahead(every)], f"{_points(every)} points"))
    return parts


def _ahead(value: Mapping[str, Any]) -> bool:
    return value["ahead"] > ERRORS * _standard_error(value)


def _standard_error(value: Mapping[str, Any]) -> float:
    """Standard error of a mean difference; infinite for a single seed."""
    found = value.get("se")
    return found if isinstance(found, float) else inf


def _points(value: Mapping[str, Any]) -> str:
    found = _standard_error(value)
    error = "" if found == inf else f" ± {100 * found:.2f}"
    return f"{signed(100 * value['ahead'])}{error}"


def _errors(random: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Errors of both with their standard deviation, by how much ours is ahead, and p."""
    shown = [
        f"{100 * each['error']:.2f}" + (f" ± {100 * each['sd']:.2f} %" if each["sd"] else " %")
        if each
        else ABSENT
        for each in (random, ours)
    ]
    p = ours.get("p")
    return [*shown, _points(ours), f"{p:.2g}" if isinstance(p, float) else ABSENT]


RACE = Picture("comparison/race.png", "Three seeds of each start, by epoch and by seconds in all")

CLAIMS = (
    Claim(
        "8",
        "Layers pretrained greedily, each as an autoencoder of the codes below, are a better start "
        "for fine-tuning than random weights.",
        (*evaluated("deep-30", RANDOM), "compare"),
        partial(start, ours="deep-30"),
        (
            RACE,
            Picture(
                "report/learning_curves_mnist_30.png",
                "All nets with a code of 30 numbers, trained in full, by epoch and by seconds",
            ),
        ),
    ),
    Claim(
        "10",
        "Pretraining a classifier's layers helps when labels are few, and with many it is not "
        "needed.",
        ("tabulate",),
        labels,
        (Picture("labels/figures/mnist.png", "Test error by number of labels and by start"),),
    ),
    Claim(
        "+",
        "Layers pretrained as restricted Boltzmann machines, as in 2006, are a better start for "
        "fine-tuning than random weights.",
        (*evaluated("rbm-30", RANDOM), "compare"),
        partial(start, ours="rbm-30"),
        (RACE, figure_of("rbm-30", "filters", "What units of the lowest machine look for")),
    ),
)
