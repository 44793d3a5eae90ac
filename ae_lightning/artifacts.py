"""Paths of the stages' artifacts; dvc.yaml names the same ones."""

from itertools import pairwise
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

MADE_BY = {
    "evaluation": "evaluate@",
    "grades": "grade@",
    "repeats": "repeat@",
    "pretrain": "pretrain@",
    "finetune": "finetune@",
    "supervise": "supervise@",
    "comparison": "compare",
    "labels": "tabulate",
}
"""Stages by the folder of what they write and git has; ``@``: the next part of a path is added."""


def within(root: Path, folder: Path) -> Path:
    """The ``folder`` of a project whose artifacts are in ``root``."""
    return root / folder.relative_to(ARTIFACTS)


def remedy(path: Path) -> str:
    """What to do about a damaged file that git has: figures, learning curves, metrics, planes."""
    found = [
        stage + (item.removesuffix(".csv") if stage.endswith("@") else "")
        for folder, item in pairwise(path.parts)
        if (stage := MADE_BY.get(folder))
    ]
    return f"run: git checkout {path}, or dvc repro {found[-1] if found else ''}".rstrip()
