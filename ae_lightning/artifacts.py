"""Paths of the stages' artifacts; dvc.yaml names the same ones."""

from pathlib import Path

ARTIFACTS = Path("artifacts")
PREPARED = ARTIFACTS / "prepared"
BASELINES = ARTIFACTS / "baselines"
LAYERS = ARTIFACTS / "layers"
MODELS = ARTIFACTS / "models"
CLASSIFIERS = ARTIFACTS / "classifiers"
CURVES = ARTIFACTS / "curves"
REPEATS = ARTIFACTS / "repeats"
EVALUATION = ARTIFACTS / "evaluation"
COMPARISON = ARTIFACTS / "comparison"
REPORT = ARTIFACTS / "report"
GRADES = ARTIFACTS / "grades"
LABELS = ARTIFACTS / "labels"
RESUME = ARTIFACTS / "resume"


def within(root: Path, folder: Path) -> Path:
    """The ``folder`` of a project whose artifacts are in ``root``."""
    return root / folder.relative_to(ARTIFACTS)
