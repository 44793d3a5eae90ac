"""Readers of the metrics that stages wrote as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ae_lightning.artifacts import GRADES
from ae_lightning.errors import UserError


def read_measured(path: Path, stage: str) -> dict[str, Any]:
    """A JSON object that ``stage`` wrote; {} if it is not there.

    Raises:
        UserError: it is no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _broken(path, " ".join(str(error).split()), stage) from error
    if not isinstance(found, dict):
        raise _broken(path, f"must be an object, found a {type(found).__name__}", stage)
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


def _broken(path: Path, why: str, stage: str) -> UserError:
    return UserError(f"{path}: cannot be read ({why}); run: dvc repro {stage}")
