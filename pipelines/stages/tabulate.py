"""Comparison of all classifiers."""

from ae_lightning.artifacts import GRADES, LABELS
from ae_lightning.config.classifiers import load_classifiers
from ae_lightning.evaluation.classifier_table import tabulate


def run() -> None:
    """Write the table and figures of every classifier that has been graded."""
    tabulate(load_classifiers(), GRADES, LABELS)
