"""Training setup: objective, identity, runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning import LightningModule
from lightning.pytorch.loggers import Logger

from ae_lightning.artifacts import RESUME
from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Layer, Objective, Training
from ae_lightning.config.variants import Variant
from ae_lightning.nn.stack import Stack


@dataclass(frozen=True)
class Fit:
    """Training setup without stack and data: objective, identity, runtime.

    ``item`` is the configured layer or variant, ``module`` makes the LightningModule that trains
    the stack, if it is not ``Reconstruction``. ``source`` is the digest of what its first weights
    and examples were computed from, where their own bytes could differ from machine to machine.
    """

    training: Training
    environment: Environment
    item: Objective = field(default_factory=Objective)
    title: str = "training"
    module: Callable[[Stack, Fit], LightningModule] | None = None
    source: str = ""
    logger: Logger | None = None
    curve: Path | None = None
    resume: Path = RESUME

    @classmethod
    def of(cls, item: Layer | Variant, environment: Environment, **options: Any) -> Fit:
        """The setup of a configured layer or variant; ``options`` are further fields."""
        return cls(item.train, environment, item, **options)
