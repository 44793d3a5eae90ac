"""The Lightning logger of a tracked run."""

from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch.loggers import Logger


class EpochLogger(Logger):
    """Hands on what a module logs, with the epoch as step.

    Lightning adds the entry ``epoch`` to whatever it logs; its own step counts batches, which
    says nothing across batch sizes.
    """

    def __init__(
        self, name: str, run: str | None, record: Callable[[Mapping[str, Any], int], None]
    ) -> None:
        super().__init__()
        self._name, self._run, self._record = name, run, record

    @property
    def name(self) -> str:
        """The run's name."""
        return self._name

    @property
    def version(self) -> str:
        """The run's id, empty where nothing is recorded."""
        return self._run or ""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record the metrics of an epoch."""
        values = dict(metrics)
        self._record(values, int(values.pop("epoch", step or 0)))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: a run has its resolved parameters from the start."""
