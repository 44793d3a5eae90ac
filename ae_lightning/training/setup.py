"""Training setup: objective, identity, runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Layer, Training, Views
from ae_lightning.config.variants import Variant
from ae_lightning.nn.stack import Stack
from ae_lightning.training.module import Reconstruction

RESUME = Path("artifacts/resume")


@dataclass(frozen=True)
class Fit:
    """Training setup without stack and data: objective, identity, runtime.

    ``module`` makes the LightningModule that trains the stack, ``kind`` tells it from others,
    ``origin`` says all of its configuration. ``source`` is the digest of what its first weights and
    examples were computed from, where their own bytes could differ from machine to machine.
    """

    training: Training
    environment: Environment
    title: str = "training"
    penalties: Mapping[str, float] = field(default_factory=dict)
    corruption: Mapping[Any, float] = field(default_factory=dict)
    views: Views | None = None
    module: Callable[[Stack, Fit], Reconstruction] = Reconstruction
    kind: str = "reconstruction"
    origin: str = ""
    source: str = ""
    logger: Logger | None = None
    curve: Path | None = None
    resume: Path = RESUME

    @classmethod
    def of(cls, item: Layer | Variant, environment: Environment, **options: Any) -> Fit:
        """The setup of a configured layer or variant; ``options`` are further fields."""
        return cls(
            item.train,
            environment,
            penalties=item.penalties,
            corruption=item.corruption,
            views=item.views,
            origin=item.model_dump_json(),
            **options,
        )
