"""Optimisers and learning-rate schedules by name."""

import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ae_lightning.config.layers import Training
from ae_lightning.nn.muon import Muon
from ae_lightning.registry import NamedBy

Groups = list[dict[str, Any]]


def _adamw(groups: Groups, training: Training) -> Optimizer:
    return torch.optim.AdamW(
        groups, training.learning_rate, betas=(training.momentum, 0.99), fused=True
    )


def _sgd(groups: Groups, training: Training) -> Optimizer:
    return torch.optim.SGD(
        groups,
        training.learning_rate,
        momentum=training.momentum,
        nesterov=training.momentum > 0,
        fused=True,
    )


def _muon(groups: Groups, training: Training) -> Optimizer:
    return Muon(groups, training.learning_rate, momentum=training.momentum)


OPTIMIZERS: Annotated[
    dict[str, Callable[[Groups, Training], Optimizer]], NamedBy(values=("train.optimizer",))
] = {
    "adamw": _adamw,
    "sgd": _sgd,
    "muon": _muon,
}

SCHEDULES: Annotated[dict[str, Callable[[float], float]], NamedBy(values=("train.schedule",))] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: (1.0 + math.cos(math.pi * progress)) / 2,
    "one-cycle": lambda progress: (1.0 - progress) ** 2,
}
"""Share of the training after warm-up, in [0, 1], to the share of the learning rate."""


def rate_at(step: int, total: int, training: Training) -> float:
    """Share of the learning rate at ``step`` of ``total``: a linear warm-up, then the schedule."""
    warmup = round(training.warmup * total)
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return SCHEDULES[training.schedule](progress)


def build(params: Iterable[Tensor], training: Training, steps: int) -> tuple[Optimizer, LambdaLR]:
    """Optimiser and per-step schedule over ``steps`` optimiser steps; biases do not decay."""
    matrices: list[Tensor] = []
    vectors: list[Tensor] = []
    for parameter in params:
        (matrices if parameter.ndim > 1 else vectors).append(parameter)
    groups = [
        {"params": matrices, "weight_decay": training.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = OPTIMIZERS[training.optimizer](groups, training)
    return optimizer, LambdaLR(optimizer, lambda step: rate_at(step, steps, training))
