"""All variants side by side."""

from ae_lightning.config import load
from ae_lightning.evaluation.report import report
from pipelines.paths import CURVES, EVALUATION, PREPARED, REPORT


def run() -> None:
    """Write the table and learning curves of every variant that has been evaluated."""
    report(load(), EVALUATION, CURVES, PREPARED, REPORT)
