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
