"""What stages wrote as JSON, read again."""

import json
from pathlib import Path
from typing import Any

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


def _broken(path: Path, why: str, stage: str) -> UserError:
    return UserError(f"{path}: cannot be read ({why}); run: dvc repro {stage}")
