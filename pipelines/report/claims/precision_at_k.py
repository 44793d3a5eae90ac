"""Precision at several depths of a ranking, side by side."""

from collections.abc import Sequence

from pipelines.report.claims.judging import POINT, share
from pipelines.report.results import Results

DEPTHS = (10, 100)
FIRST_TOO = (1, *DEPTHS)
PRECISION = {f"P@{k}": (f"retrieval.precision@{k}", share) for k in FIRST_TOO}


def precisions(results: Results, variant: str, depths: Sequence[int] = DEPTHS) -> list[float]:
    """Precision at each of ``depths``."""
    return [results.figure(variant, f"retrieval.precision@{k}") for k in depths]


def ahead(ours: Sequence[float], theirs: Sequence[float], by: float = POINT) -> list[bool]:
    """Whether ours is ahead by more than a margin, at each depth."""
    return [one - other > by for one, other in zip(ours, theirs, strict=True)]


def said(values: Sequence[float]) -> str:
    """Precisions as text, in the order of their depths."""
    return " / ".join(map(share, values))
