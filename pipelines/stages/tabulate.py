"""All classifiers side by side."""

from ae_lightning.classifiers import load_classifiers
from ae_lightning.evaluation.tabulate import tabulate
from pipelines.paths import GRADES, LABELS


def run() -> None:
    """Write the table and figures of every classifier that has been graded."""
    tabulate(load_classifiers(), GRADES, LABELS)
