"""What the evaluation of one variant gives."""

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray


@dataclass(frozen=True)
class Found:
    """Metrics, figures by file name, and codes by split ``(examples, code)``."""

    metrics: dict[str, Any]
    figures: dict[str, Figure]
    codes: dict[str, NDArray[Any]]
