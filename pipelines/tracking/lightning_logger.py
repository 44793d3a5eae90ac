"""The Lightning logger of a tracked run."""

from collections.abc import Mapping
from typing import Any, Protocol

from lightning.pytorch.loggers import Logger


class Recorder(Protocol):
    """Interface of a run that the logger needs."""

    name: str
    id: str | None

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Record metrics at a step."""


class EpochLogger(Logger):
    """Records what a module logs, with the epoch as step.

    Lightning adds the entry ``epoch`` to whatever it logs; its own step counts batches, which
    says nothing across batch sizes.
    """

    def __init__(self, run: Recorder) -> None:
        super().__init__()
        self._run = run

    @property
    def name(self) -> str:
        """The run's name."""
        return self._run.name

    @property
    def version(self) -> str:
        """The run's id, empty where nothing is recorded."""
        return self._run.id or ""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record the metrics of an epoch."""
        values = dict(metrics)
        epoch = values.pop("epoch", step or 0)
        self._run.log_metrics(values, step=int(epoch))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: a run has its resolved parameters from the start."""
