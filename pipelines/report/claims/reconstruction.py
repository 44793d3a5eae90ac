"""Claims of how well codes reconstruct: linear and deep, tied, wider than the input."""

from pipelines.report.claims.judging import (
    CHANCE,
    Claim,
    Criterion,
    Judgement,
    decimals,
    evaluated,
    figure_of,
    judgement,
    numbers,
    percent,
    share,
    sse,
    tabled,
    whole,
)
from pipelines.report.results import Results

SAME = 0.01
DEGREES = 5
FAR = 0.5
HALF = 0.05
COPIER = 0.5


def linear(results: Results) -> Judgement:
    """Gradient descent finds PCA's error and PCA's subspace."""
    pca, descent = (results.figure(name, "reconstruction.sse") for name in ("pca-30", "linear-30"))
    angle = results.figure("linear-30", "subspace.largest_angle")
    parts = [
        Criterion(
            f"the linear autoencoder's test error is within {percent(SAME)} of PCA's",
            [abs(descent - pca) <= SAME * pca],
            f"{descent:.3f} and {pca:.3f}",
        ),
        Criterion(
            f"no principal angle between their two subspaces is over {DEGREES}°",
            [angle <= DEGREES],
            f"the largest is {angle:.1f}°",
        ),
    ]
    columns = {
        "test SSE": ("reconstruction.sse", decimals(4)),
        "largest angle to PCA's subspace, °": ("subspace.largest_angle", sse),
        "parameters": ("model.parameters", numbers),
    }
    return judgement(parts, tabled(results, ["pca-30", "linear-30"], columns))


def deep(results: Results) -> Judgement:
    """A deep code of 30 numbers against PCA's."""
    pca, ours = (results.figure(name, "reconstruction.sse") for name in ("pca-30", "deep-30"))
    part = Criterion(
        "the deep net's test error is at most half of PCA's from as many numbers",
        [ours <= FAR * pca],
        f"{ours:.2f} and {pca:.2f}",
    )
    columns = {
        "test SSE": ("reconstruction.sse", sse),
        "numbers in the code": ("code.size", numbers),
        "parameters": ("model.parameters", numbers),
    }
    return judgement([part], tabled(results, ["pca-30", "deep-30", "deep-30-long"], columns))


def tied(results: Results) -> Judgement:
    """Tied weights: half of the parameters, less overfitting, no need of it.

    How far gaps differ by chance is seen from two untied nets that differ in their start alone.
    """
    names = ("deep-30", "tied-30", "scratch-30")
    size, tied_size = (results.figure(name, "model.parameters") for name in names[:2])
    gap, tied_gap, other = (results.figure(name, "overfitting.gap") for name in names)
    error, tied_error = (results.figure(name, "reconstruction.sse") for name in names[:2])
    parts = [
        Criterion(
            f"the tied net has half of the parameters, within {percent(HALF)}",
            [abs(tied_size / size - 0.5) <= HALF],
            f"{numbers(tied_size)} of {numbers(size)}",
        ),
        Criterion(
            "its gap between test and training error is smaller than the untied net's by more "
            "than the gaps of two untied nets that only start differently lie apart",
            [gap - tied_gap > abs(gap - other)],
            f"{tied_gap:.3f} for {gap:.3f}, and {other:.3f} untied from random weights",
        ),
        Criterion(
            f"the untied net's test error is no more than {percent(CHANCE)} above the tied one's",
            [error <= (1 + CHANCE) * tied_error],
            f"{error:.2f} for {tied_error:.2f}",
        ),
    ]
    columns = {
        "parameters": ("model.parameters", numbers),
        "training SSE": ("train.reconstruction.sse", sse),
        "test SSE": ("reconstruction.sse", sse),
        "gap": ("overfitting.gap", share),
    }
    return judgement(parts, tabled(results, names, columns))


def wide(results: Results) -> Judgement:
    """A wide layer may copy: uniform noise shows it; with an L1 penalty it should not."""
    names = ("overcomplete", "overcomplete-l1")
    plain, sparse = (results.figure(name, "copying.noise_explained") for name in names)
    many, few = (results.figure(name, "activity.share") for name in names)
    copies, prevented = plain > COPIER, sparse <= COPIER
    part = Criterion(
        "without the penalty the layer gives back more than half of the variance of uniform "
        "noise, as only a copier does, and with it no longer",
        [copies and prevented],
        f"{share(plain)} without, {share(sparse)} with it, where a copier has 1 and less than 0 "
        "is worse than answering with grey",
    )
    note = f"the penalty leaves {percent(few)} of the units active for a digit, of {percent(many)}"
    columns = {
        "units active for a digit": ("activity.share", percent),
        "SSE of digits": ("reconstruction.sse", sse),
        "SSE of uniform noise": ("copying.noise_sse", whole),
        "noise over digits": ("copying.ratio", whole),
        "share of the noise's variance given back": ("copying.noise_explained", sse),
    }
    return judgement([part], tabled(results, names, columns), note)


CLAIMS = (
    Claim(
        "1",
        "PCA is a linear autoencoder with one bottleneck layer: gradient descent finds the same "
        "answer.",
        evaluated("pca-30", "linear-30"),
        linear,
        (
            figure_of("pca-30", "reconstructions", "Test digits from PCA's 30 numbers"),
            figure_of(
                "linear-30", "reconstructions", "The same from the linear autoencoder's 30 numbers"
            ),
        ),
    ),
    Claim(
        "2",
        "From the same 30 numbers a deep autoencoder reconstructs digits far better than PCA.",
        evaluated("pca-30", "deep-30"),
        deep,
        (figure_of("deep-30", "reconstructions", "Test digits, the deep net's answer, PCA's"),),
    ),
    Claim(
        "3",
        "Encoder and decoder may share their weights: half of the parameters and less "
        "overfitting, but it is not needed.",
        evaluated("deep-30", "tied-30", "scratch-30"),
        tied,
        (
            figure_of("tied-30", "reconstructions", "Test digits, the tied net's answer, PCA's"),
            figure_of("deep-30", "reconstructions", "The same with the untied net"),
        ),
    ),
    Claim(
        "9",
        "A layer wider than its input may just copy it, and an L1 penalty on its output prevents "
        "that.",
        evaluated("overcomplete", "overcomplete-l1"),
        wide,
        (
            figure_of(
                "overcomplete",
                "corruption",
                "Spoilt digits and what the wide layer makes of them: a copier would give back "
                "the noise",
            ),
            figure_of("overcomplete-l1", "filters", "What units look for in the layer with L1"),
        ),
    ),
)
