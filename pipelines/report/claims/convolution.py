"""Claims of convolutional autoencoders: that they work, two ways to unpool, deconvolution."""

from pipelines.report.claims.judging import (
    ABSENT,
    CHANCE,
    Claim,
    Criterion,
    Judgement,
    evaluated,
    figure_of,
    judgement,
    numbers,
    percent,
    sse,
    tabled,
    whole,
)
from pipelines.report.results import Results

ROUNDING = 1e-12
BITS = 32
"""Bits of one number of a code."""

COLUMNS = {
    "test SSE": ("reconstruction.sse", sse),
    "numbers in the code": ("code.size", numbers),
    "bits beside the code": ("positions.bits", whole),
    "parameters": ("model.parameters", numbers),
    "training, s": ("training.seconds", whole),
}


def convolutional(results: Results) -> Judgement:
    """Convolutions at the dense net's code size, without remembered positions."""
    dense, *errors = (results.figure(name, "reconstruction.sse") for name in DENSE_AND_CONV)
    size, *sizes = (results.figure(name, "model.parameters") for name in DENSE_AND_CONV)
    parts = [
        Criterion(
            "with deconvolution and with unpooling the test error is no more than "
            f"{percent(CHANCE)} above the dense net's from as many numbers",
            [error <= (1 + CHANCE) * dense for error in errors],
            f"{' and '.join(map(sse, errors))} for {sse(dense)}",
        ),
        Criterion(
            "there are no more parameters",
            [each <= size for each in sizes],
            f"{' and '.join(map(numbers, sizes))} for {numbers(size)}",
        ),
    ]
    seconds = [results.optional(name, "training.seconds") for name in DENSE_AND_CONV]
    took = " and ".join(ABSENT if value is None else f"{value:.0f}" for value in seconds[1:])
    base = ABSENT if seconds[0] is None else f"{seconds[0]:.0f}"
    note = f"fine-tuning took {took} s, the dense net's {base} s"
    return judgement(parts, tabled(results, [*DENSE_AND_CONV, "conv-switches"], COLUMNS), note)


def unpooling(results: Results) -> Judgement:
    """Unpooling with switches and by repeating: both must reconstruct, from the code alone."""
    names = ("conv-switches", "conv-repeat")
    dense, *errors = (results.figure(name, "reconstruction.sse") for name in ("deep-30", *names))
    bits = [results.optional(name, "positions.bits") or 0 for name in names]
    size = results.figure("conv-switches", "code.size")
    parts = [
        Criterion(
            "both ways reconstruct at least as well as the dense net with as many numbers",
            [error <= dense for error in errors],
            f"switches {sse(errors[0])}, repeating {sse(errors[1])}, dense {sse(dense)}",
        ),
        Criterion(
            "both decode from the code alone, with no positions passed beside it",
            [not many for many in bits],
            f"{bits[0]:,.0f} bits with switches, {bits[1]:,.0f} with repeating, where the code "
            f"itself has {size * BITS:,.0f}",
        ),
    ]
    return judgement(parts, tabled(results, [*names, "deep-30"], COLUMNS))


def deconvolution(_: Results) -> Judgement:
    """Deconvolution against convolution, both computed now, in double precision."""
    from pipelines.report.claims.deconvolution import SHAPES, largest_differences

    differences = largest_differences()
    part = Criterion(
        "a convolution with the weights reversed, over the input with zeros put between and "
        f"around, differs from the deconvolution by rounding alone, at most {ROUNDING:.0e} of the "
        "largest output",
        [difference <= ROUNDING for difference in differences],
        f"{max(differences):.1e} over {len(differences)} shapes, computed for this page",
    )
    columns = ["window", "stride", "padding", "output padding", "largest relative difference"]
    rows = [
        [*map(str, shape), f"{difference:.1e}"]
        for shape, difference in zip(SHAPES, differences, strict=True)
    ]
    return judgement([part], (columns, rows))


DENSE_AND_CONV = ("deep-30", "conv-transposed", "conv-repeat")

CLAIMS = (
    Claim(
        "13",
        "An autoencoder can be convolutional: convolution and pooling down, unpooling and "
        "deconvolution up.",
        evaluated(*DENSE_AND_CONV),
        convolutional,
        (
            figure_of(
                "conv-repeat", "reconstructions", "Test digits, a convolutional net's, PCA's"
            ),
            figure_of("conv-repeat", "filters", "What the first layer's windows look for"),
        ),
    ),
    Claim(
        "14",
        "Unpooling puts a value back where the maximum was, by remembered switches, or simply "
        "repeats it.",
        evaluated("deep-30", "conv-switches", "conv-repeat"),
        unpooling,
        (
            figure_of("conv-switches", "reconstructions", "Test digits, with switches, PCA's"),
            figure_of("conv-repeat", "reconstructions", "The same by repeating"),
        ),
    ),
    Claim(
        "15",
        "Deconvolution is a convolution, with the weights reversed and zeros put between.",
        (),
        deconvolution,
        (
            figure_of(
                "conv-transposed",
                "reconstructions",
                "Test digits, the answer of a decoder that ends in deconvolutions, PCA's",
            ),
        ),
    ),
)
