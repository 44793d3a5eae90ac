"""Paths of the stages' artifacts; dvc.yaml names the same ones."""

import re
from itertools import pairwise
from pathlib import Path

from ae_lightning.errors import UserError

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

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Names of datasets, layers, variants, classifiers and runs: a shell and a path take them as they
are, and none leaves its folder."""


def checked_name(name: object, where: str = "name") -> str:
    """``name`` itself, if it is one that a command and a path may hold.

    Raises:
        UserError: it is not; ``where`` begins the line.
    """
    if isinstance(name, str) and NAME.fullmatch(name):
        return name
    raise UserError(
        f"{where}: must be letters (a to z), digits, '.', '_' and '-', beginning with a letter or "
        f"digit, at most 100 of them, found {shortened(name)}; choose another name"
    )


def shortened(value: object, most: int = 80) -> str:
    """``repr`` of a value that may be of any length."""
    text = repr(value[:most] if isinstance(value, str) else value)
    return text if len(text) <= most else f"{text[:most]}..."


def within(root: Path, folder: Path, *names: str) -> Path:
    """The ``folder`` of a project whose artifacts are in ``root``, or what ``names`` in it.

    Raises:
        UserError: a name could lead elsewhere; see :func:`checked_name`.
    """
    return (root / folder.relative_to(ARTIFACTS)).joinpath(*map(checked_name, names))


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


def remedy(path: Path) -> str:
    """What to do about a damaged file that git has: figures, learning curves, metrics, planes."""
    found = [
        stage + (item.removesuffix(".csv") if stage.endswith("@") else "")
        for folder, item in pairwise(path.parts)
        if (stage := MADE_BY.get(folder))
    ]
    return f"run: git checkout {path}, or dvc repro {found[-1] if found else ''}".rstrip()
