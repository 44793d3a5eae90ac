"""Claims of noise: a net that removes it, and a code that hardly changes with it."""

from pipelines.report.claims.judging import (
    CHANCE,
    Claim,
    Criterion,
    Judgement,
    Picture,
    below,
    evaluated,
    figure_of,
    judgement,
    percent,
    share,
    sse,
    tabled,
)
from pipelines.report.results import Results

STEADIER = 0.1

PLAIN, DENOISING, CONTRACTIVE = "deep-30", "denoising-30", "contractive-30"


def denoising(results: Results) -> Judgement:
    """Denoised images against the corrupted ones, and against a plain net's reconstructions."""
    found = {
        (kind, strength): (
            results.figure(DENOISING, f"corruption.{kind}.input@{strength}"),
            results.figure(PLAIN, f"corruption.{kind}.sse@{strength}"),
            results.figure(DENOISING, f"corruption.{kind}.sse@{strength}"),
        )
        for kind, errors in results.section(DENOISING, "corruption").items()
        for strength in (key.removeprefix("sse@") for key in errors if key.startswith("sse@"))
    }
    removed = [after < spoilt for spoilt, _, after in found.values()]
    ahead = {case: below(after, other) for case, (_, other, after) in found.items()}
    behind = [f"{kind} {strength} %" for (kind, strength), yes in ahead.items() if not yes]
    parts = [
        Criterion(
            "for each kind and strength of corruption what it makes of a spoilt test image is "
            "nearer to the clean one than the spoilt one was",
            removed,
            f"{sum(removed)} of {len(removed)}",
        ),
        Criterion(
            f"it is by more than {percent(CHANCE)} nearer than what the plain net, never shown "
            "noise, makes of it",
            [*ahead.values()],
            f"{sum(ahead.values())} of {len(ahead)}"
            + (f", not for {' and '.join(behind)}" if behind else ""),
        ),
    ]
    columns = ["corruption", "strength", "spoilt image", PLAIN, DENOISING]
    rows = [[kind, f"{strength} %", *map(sse, of)] for (kind, strength), of in found.items()]
    clean = " for ".join(sse(results.figure(n, "reconstruction.sse")) for n in (DENOISING, PLAIN))
    note = f"from clean images its error is {clean}"
    return judgement(parts, (columns, rows), note)


def contractive(results: Results) -> Judgement:
    """Changes of the code are measured by the spread of the codes, which may shrink as a whole."""
    paths = ("jacobian.relative", "shift.relative")
    plain, ours, akin = (
        [results.figure(name, path) for path in paths] for name in (PLAIN, CONTRACTIVE, DENOISING)
    )
    norms = [results.figure(name, "jacobian.norm") for name in (PLAIN, CONTRACTIVE, DENOISING)]
    rule = "and its shift under small noise"
    parts = [
        Criterion(
            "the Jacobian of the contractive code by the codes' spread, "
            f"{rule}, are at least {percent(STEADIER)} smaller than the plain code's",
            _steadier(ours, plain),
            f"{_both(ours)} for {_both(plain)}",
        ),
        Criterion("those of the denoising code are so, too", _steadier(akin, plain), _both(akin)),
    ]
    note = "the norms themselves are {:.2f} plain, {:.2f} contractive and {:.2f} denoising"
    columns = {
        "Jacobian's norm": ("jacobian.norm", sse),
        "the same by the codes' spread": ("jacobian.relative", sse),
        "shift under small noise by the codes' spread": ("shift.relative", share),
        "test SSE": ("reconstruction.sse", sse),
    }
    table = tabled(results, [PLAIN, CONTRACTIVE, DENOISING], columns)
    return judgement(parts, table, note.format(*norms))


def _steadier(ours: list[float], plain: list[float]) -> list[bool]:
    return [one <= (1 - STEADIER) * other for one, other in zip(ours, plain, strict=True)]


def _both(values: list[float]) -> str:
    return f"{values[0]:.2f} and {values[1]:.3f}"


CLAIMS = (
    Claim(
        "11",
        "A denoising autoencoder, asked for the clean input, learns to remove noise.",
        evaluated(PLAIN, DENOISING),
        denoising,
        (
            figure_of(DENOISING, "corruption", "Spoilt digits and what the denoising net answers"),
            figure_of(PLAIN, "corruption", "What a net answers that was never shown noise"),
            Picture(
                "report/corruption_denoising-30.png",
                "Error against the clean image, by kind and strength of corruption",
            ),
        ),
    ),
    Claim(
        "12",
        "A contractive autoencoder's code changes little when its input does; denoising is akin "
        "to it.",
        evaluated(PLAIN, CONTRACTIVE, DENOISING),
        contractive,
        (
            figure_of(CONTRACTIVE, "corruption", "Spoilt digits by way of the contractive code"),
            figure_of(PLAIN, "corruption", "The same by way of the plain code"),
        ),
    ),
)
