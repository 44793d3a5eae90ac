"""A classifier: the encoder of a stack, and one logit per class on top."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from pydantic.dataclasses import dataclass
from safetensors.torch import load_file
from torch import Tensor, nn

from ae_lightning.distributed.global_batch import jointly
from ae_lightning.errors import reading
from ae_lightning.files import read_json, write_json
from ae_lightning.nn import checkpoint
from ae_lightning.nn.corruption import mask
from ae_lightning.nn.stack import Stack

LAYERS = "layers"
"""Folder of the layers that a classifier stands on, within its own."""
UNUSABLE = "no usable classifier here"


class Classifier(nn.Module):
    """``logits = W encode(x) + b`` for ``stack``, whose decoder stays beside it.

    In training a share ``dropout`` of each layer's inputs is left out and the others grow by
    ``1 / (1 - dropout)`` (Srivastava et al. 2014). The last layer starts at N(0, 0.01^2).
    """

    def __init__(self, stack: Stack, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.stack, self.dropout = stack, dropout
        self.head = nn.Linear(stack.units, classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def code(self, x: Tensor) -> Tensor:
        """Inputs ``(batch, features)`` to codes ``(batch, code)``."""
        if self.stack.first is not None:
            x = self.stack.first(x)
        for layer in self.stack.layers:
            x = layer.encode(self._thinned(x))
        return x

    def logits(self, code: Tensor) -> Tensor:
        """Codes ``(batch, code)`` to logits ``(batch, classes)``."""
        return self.head(self._thinned(code))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, classes)`` of inputs ``(batch, features)``."""
        return self.logits(self.code(x))

    def _thinned(self, x: Tensor) -> Tensor:
        if not (self.training and self.dropout):
            return x
        return jointly(mask, x, self.dropout) / (1 - self.dropout)


def untrained(below: Stack) -> Stack:
    """A stack of the same shape with new weights: normal, of variance 2 per input (He et al. 2015).

    The input transform, which has no weights, stays.
    """
    new = checkpoint.build(below.specs)
    for parameter in new.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
        else:
            nn.init.zeros_(parameter)
    return Stack(new.layers, copy.deepcopy(below.first))


def trained_parameters(
    classifier: Classifier, features: int, *, decoder: bool = False
) -> Iterator[str]:
    """Names of the parameters that the loss depends on; ``decoder`` tells whether it decodes."""
    classifier.zero_grad()
    with torch.enable_grad():
        code = classifier.code(torch.zeros(2, features))
        total = classifier.logits(code).sum()
        if decoder:
            total = total + classifier.stack.decode_logits(code).sum()
        total.backward()
    for name, parameter in classifier.named_parameters():
        if parameter.grad is not None:
            yield name
    classifier.zero_grad()


@dataclass(frozen=True)
class ClassifierCheckpoint:
    """A classifier's folder: ``model.json``, its layers, and a file of weights for each run.

    ``runs`` are the runs by name, each with its start, labels and seed; ``best`` is the one whose
    net is to be used.
    """

    folder: Path
    data: str
    classes: tuple[str, ...]
    best: str
    runs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def open(cls, folder: Path) -> "ClassifierCheckpoint":
        """Read the folder's ``model.json``.

        Raises:
            UserError: if there is no classifier.
        """
        with _usable(folder):
            said = read_json(folder / "model.json", _remedy(folder), UNUSABLE)
            named = {name: said[name] for name in ("data", "classes", "best", "runs")}
            stored = cls(folder=folder, **named)
            if stored.best not in stored.runs:
                raise ValueError(f"best: must be one of the runs, found {stored.best!r}")
            return stored

    def describe(self) -> None:
        """Write ``model.json``."""
        said = {"format": 1, "data": self.data, "classes": self.classes, "best": self.best}
        write_json(said | {"runs": self.runs}, self.folder / "model.json")

    def load(self, run: str) -> Classifier:
        """The net of a run.

        Raises:
            UserError: if its files are absent or do not fit together.
        """
        classifier = Classifier(checkpoint.load(self.folder / LAYERS), len(self.classes))
        with _usable(self.folder):
            learned = load_file(self.folder / f"{run}.safetensors")
            classifier.load_state_dict({**classifier.state_dict(), **learned})
        return classifier.eval()


def _usable(folder: Path) -> AbstractContextManager[None]:
    return reading(folder, _remedy(folder), UNUSABLE)


def _remedy(folder: Path) -> str:
    return f"run: dvc repro supervise@{folder.name}"
