"""Readers of the metrics that stages wrote as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ae_lightning.artifacts import GRADES
from ae_lightning.errors import UserError
from ae_lightning.files import Fields, read_json


def read_measured(path: Path, stage: str) -> dict[str, Any]:
    """A JSON object that ``stage`` wrote; {} if it is not there.

    Raises:
        UserError: it is no JSON object, or an empty one.
    """
    remedy = f"run: git checkout {path}, or dvc repro {stage}"
    found = read_json(path, remedy) if path.exists() else Fields({}, path, remedy)
    if not found and path.exists():
        raise UserError(f"{path}: cannot be read (it holds nothing); {remedy}")
    return found


def read_metrics(folder: Path) -> dict[str, Any]:
    """The ``metrics.json`` of a variant (``evaluation/NAME``) or classifier (``grades/NAME``).

    {} if there is none.

    Raises:
        UserError: it is no JSON object; says what makes it anew.
    """
    stage = "grade" if folder.parent.name == GRADES.name else "evaluate"
    return read_measured(folder / "metrics.json", f"{stage}@{folder.name}")


def look_up(metrics: Mapping[str, Any], path: str) -> Any:
    """The value under a dotted path of nested mappings, or None."""
    found: Any = metrics
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def number(metrics: Mapping[str, Any], path: str) -> float | None:
    """The number under a dotted path, or None if there is none."""
    found = look_up(metrics, path)
    return found if isinstance(found, int | float) else None
