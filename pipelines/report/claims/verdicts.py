"""The lecture's claims in its order, each with the verdict that the measured figures give it."""

from dataclasses import asdict
from typing import Any

from pipelines.report.claims import (
    convolution,
    documents,
    image_retrieval,
    noise,
    plane,
    reconstruction,
    starts,
)
from pipelines.report.claims.judging import Claim
from pipelines.report.results import MissingResult, Results

THEMES = (reconstruction, plane, documents, image_retrieval, starts, noise, convolution)

NOT_MEASURED = "not measured"


def place(claim: Claim) -> float:
    """Numbers in their order, then what the lecture only mentions (``+``)."""
    return float(claim.number) if claim.number.isdigit() else float("inf")


CLAIMS = tuple(sorted((claim for theme in THEMES for claim in theme.CLAIMS), key=place))


def judged(results: Results) -> list[dict[str, Any]]:
    """Every claim as plain values, with verdict, reason, deciding figures and pictures.

    Where metrics are missing the verdict is ``not measured`` and ``missing`` names the stages that
    make them. Files of pictures are relative to ``artifacts/``; they may be absent.
    """
    return [_judged(claim, results) for claim in CLAIMS]


def _judged(claim: Claim, results: Results) -> dict[str, Any]:
    missing = results.lacking(claim.stages)
    found: dict[str, Any] = {}
    try:
        found = {} if missing else asdict(claim.judge(results))
    except MissingResult as error:
        missing = [error.stage]
    return {
        "number": claim.number,
        "claim": claim.claim,
        **(found or _not_measured(missing)),
        "pictures": [asdict(picture) for picture in claim.pictures],
        "missing": missing,
    }


def _not_measured(stages: list[str]) -> dict[str, Any]:
    because = f"Its figures come from {', '.join(stages)}, which has not run here."
    return {"verdict": NOT_MEASURED, "because": because, "columns": [], "rows": []}
