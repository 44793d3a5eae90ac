"""Verdicts on claims: parts of a claim, each a rule with the measured figures.

All parts met: the claim holds; none: it does not; some: it depends. Rules are stated in the
sentence that the page shows. Where there are seeds, means differ if they are more than two standard
errors apart; single trainings need a margin that their seeds would not bridge.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, sqrt
from typing import Literal

from pipelines.report.results import Results

Verdict = Literal["holds", "does not hold", "depends"]

CHANCE = 0.03
"""Share by which errors of two single trainings must differ: several times what seeds change."""

POINT = 0.01
"""How far apart two accuracies or precisions must lie: two standard errors, at most, of a share of
10,000 queries."""

ERRORS = 2
"""Standard errors by which means over seeds must differ."""

ABSENT = "–"


@dataclass(frozen=True)
class Criterion:
    """One part of a claim: its rule, whether it is met (each time it is asked), what was found."""

    rule: str
    met: Sequence[bool]
    measured: str

    def __str__(self) -> str:
        answer = "yes" if all(self.met) else "in part" if any(self.met) else "no"
        return f"{self.rule} ({answer}: {self.measured})"


@dataclass(frozen=True)
class Judgement:
    """A verdict, the sentence that states rule and figures, and the figures as a table of text."""

    verdict: Verdict
    because: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Picture:
    """A file below ``artifacts/`` that shows a claim, and its caption."""

    file: str
    caption: str


@dataclass(frozen=True)
class Claim:
    """A row of the lecture's claims; ``stages`` are those whose metrics its rule must have."""

    number: str
    claim: str
    stages: tuple[str, ...]
    judge: Callable[[Results], Judgement]
    pictures: tuple[Picture, ...] = field(default=())


Table = tuple[list[str], list[list[str]]]


def judgement(parts: Sequence[Criterion], table: Table, note: str = "") -> Judgement:
    """Judge by ``parts``; ``note`` is a remark that decides nothing."""
    met = [one for part in parts for one in part.met]
    verdict: Verdict = "holds" if all(met) else "depends" if any(met) else "does not hold"
    because = "It holds if " + ", and if ".join(str(part) for part in parts)
    return Judgement(verdict, because + (f"; {note}." if note else "."), *table)


def evaluated(*variants: str) -> tuple[str, ...]:
    """The stages that measure ``variants``."""
    return tuple(f"evaluate@{variant}" for variant in variants)


def figure_of(variant: str, name: str, caption: str) -> Picture:
    """A figure that ``evaluate`` drew of a variant."""
    return Picture(f"evaluation/{variant}/figures/{name}.png", caption)


def tabled(
    results: Results,
    variants: Sequence[str],
    columns: Mapping[str, tuple[str, Callable[[float], str]]],
) -> Table:
    """A row of text for each of ``variants``; a column is a dotted path and its format."""
    rows = []
    for variant in variants:
        found = [(results.optional(variant, path), form) for path, form in columns.values()]
        rows.append([variant, *(ABSENT if v is None else form(v) for v, form in found)])
    return ["variant", *columns], rows


def below(ours: float, theirs: float) -> bool:
    """An error is smaller than another single training's by more than chance."""
    return ours < theirs * (1 - CHANCE)


def lower(ours: tuple[float, float], theirs: tuple[float, float], seeds: int) -> bool:
    """A mean (with standard deviation) of ``seeds`` runs lies below another by over two errors."""
    error = hypot(ours[1], theirs[1]) / sqrt(max(1, seeds))
    return theirs[0] - ours[0] > ERRORS * error


def decimals(digits: int) -> Callable[[float], str]:
    """A format with that many digits after the point, and commas between thousands."""
    return lambda value: f"{value:,.{digits}f}".replace("-", "−")


def percent(value: float, digits: int = 0) -> str:
    """A share in per cent."""
    return f"{100 * value:.{digits}f}\u00a0%".replace("-", "−")


def signed(value: float) -> str:
    """A correlation, with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def numbers(value: float) -> str:
    """How many, in thousands or millions where they are that many."""
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value:,.0f}"


def tenths(value: float) -> str:
    """A share in per cent, with one digit after the point."""
    return percent(value, 1)


whole, sse, share = decimals(0), decimals(2), decimals(3)
