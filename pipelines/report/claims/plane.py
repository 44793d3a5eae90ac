"""Claims of codes of two numbers: neighbours in the plane, and decoded images."""

from pipelines.report.claims.judging import (
    POINT,
    Claim,
    Criterion,
    Judgement,
    evaluated,
    figure_of,
    judgement,
    percent,
    share,
    signed,
    sse,
    tabled,
    tenths,
)
from pipelines.report.results import Results

MIXED, SEPARATE = 0.5, 0.8
INSIDE = 0.9
MEANS = 0.5

PLANES = ("pca-2", "deep-2", "deep-2-l2")
AXES = ("first", "second")
SHAPES = ("slant", "hole")


def digits(results: Results) -> Judgement:
    """PCA's nearest neighbours are mostly of other digits, the deep code's are not."""
    pca, deep = (results.figure(name, "knn.accuracy@5") for name in PLANES[:2])
    trust = [results.figure(name, "embedding.trustworthiness") for name in PLANES[:2]]
    parts = [
        Criterion(
            "by their five nearest in PCA's plane most test digits are taken for another",
            [pca < MIXED],
            f"{tenths(pca)} are right",
        ),
        Criterion(
            f"in the deep code's plane at least {percent(SEPARATE)} are right",
            [deep >= SEPARATE],
            tenths(deep),
        ),
        Criterion(
            "the deep plane is the more trustworthy one, by more than a hundredth",
            [trust[1] - trust[0] > POINT],
            f"{trust[1]:.3f} for {trust[0]:.3f}",
        ),
    ]
    columns = {
        "5-NN accuracy": ("knn.accuracy@5", tenths),
        "trustworthiness": ("embedding.trustworthiness", share),
        "test SSE": ("reconstruction.sse", sse),
    }
    return judgement(parts, tabled(results, PLANES, columns))


DISTANCES = {
    "grid over the codes' own range": ("generation.own.distance", sse),
    "grid from −2 to 2": ("generation.box.distance", sse),
    "real test digits": ("generation.reference.distance", sse),
}


def generates(results: Results) -> Judgement:
    """Images decoded on a grid over the codes' range are as near to digits as digits are."""
    grid = results.figure("deep-2", "generation.own.distance")
    real = results.figure("deep-2", "generation.reference.distance")
    part = Criterion(
        "images decoded on an even grid over the codes' range lie on average no further from their "
        "nearest training image than real test digits do",
        [grid <= real],
        f"{sse(grid)} and {sse(real)}",
    )
    plain = results.optional("pca-2", "generation.own.distance")
    note = f"in PCA's plane the same measure is {sse(plain)}" if plain else ""
    return judgement([part], tabled(results, PLANES, DISTANCES), note)


def near_zero(results: Results) -> Judgement:
    """With L2 the codes fill a fixed box around 0, and the box decodes to digits."""
    names = ("deep-2", "deep-2-l2")
    free, held = (results.figure(name, "spread.within_box") for name in names)
    loose, box = (results.figure(name, "generation.box.distance") for name in names)
    real = results.figure("deep-2-l2", "generation.reference.distance")
    parts = [
        Criterion(
            f"with L2 at least {percent(INSIDE)} of the test codes lie from −2 to 2 in both "
            "numbers, and without it fewer",
            [held >= INSIDE and held - free > POINT],
            f"{percent(held)} with, {percent(free)} without it",
        ),
        Criterion(
            "images decoded on an even grid over that box lie on average no further from their "
            "nearest training image than real test digits do",
            [box <= real],
            f"{sse(box)} and {sse(real)}",
        ),
    ]
    columns = {
        "codes from −2 to 2": ("spread.within_box", percent),
        "codes' distance from their mean": ("spread.rms", sse),
        "mean's distance from 0": ("spread.offset", sse),
        **DISTANCES,
        "test SSE": ("reconstruction.sse", sse),
    }
    note = f"without L2 the same box gives {sse(loose)}"
    return judgement(parts, tabled(results, names, columns), note)


def axes(results: Results) -> Judgement:
    """Each number of the code should go with a shape of the decoded digit."""
    found = {
        axis: {of: results.figure("deep-2-l2", f"axes.{axis}.{of}") for of in SHAPES}
        for axis in AXES
    }
    best = {axis: max(of, key=lambda name: abs(of[name])) for axis, of in found.items()}
    part = Criterion(
        "over the box from −2 to 2 each number of the code correlates with slant or with hole area "
        f"by at least {MEANS} or at most −{MEANS}",
        [abs(found[axis][best[axis]]) >= MEANS for axis in AXES],
        ", ".join(
            f"the {axis} with {of} by {signed(found[axis][of])}" for axis, of in best.items()
        ),
    )
    columns = {
        f"{axis} number, {of}": (f"axes.{axis}.{of}", signed) for axis in AXES for of in SHAPES
    }
    return judgement([part], tabled(results, PLANES, columns))


GRID = "What the decoder draws on even grids over the code plane"

CLAIMS = (
    Claim(
        "4",
        "In a plane of two numbers PCA mixes the digits, and the deep autoencoder separates them.",
        evaluated("pca-2", "deep-2"),
        digits,
        (
            figure_of("pca-2", "codes", "Test digits in PCA's plane"),
            figure_of("deep-2", "codes", "Test digits in the deep code's plane"),
        ),
    ),
    Claim(
        "16",
        "A decoder alone generates: points on an even grid in the code plane become digits.",
        evaluated("deep-2"),
        generates,
        (
            figure_of("deep-2", "decoder_grid", GRID),
            figure_of("deep-2", "nearest", "Decoded images and their nearest training images"),
        ),
    ),
    Claim(
        "17",
        "An L2 penalty keeps codes near 0, so that sampling around 0 gives digits.",
        evaluated("deep-2", "deep-2-l2"),
        near_zero,
        (
            figure_of("deep-2-l2", "codes", "Test digits in the plane of the code held near 0"),
            figure_of("deep-2-l2", "decoder_grid", f"{GRID}, with L2"),
            figure_of("deep-2", "decoder_grid", f"{GRID}, without L2"),
        ),
    ),
    Claim(
        "18",
        "The two axes of such a code mean something: circle to stroke, upright to slanted.",
        evaluated("deep-2-l2"),
        axes,
        (figure_of("deep-2-l2", "decoder_grid", f"{GRID}, with L2"),),
    ),
)
