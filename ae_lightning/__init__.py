"""The classic deep-autoencoder family: data, networks, training, evaluation and inference.

``load("deep-30")`` gives a trained variant (:class:`ae_lightning.inference.model.Model`); importing
the package itself loads nothing, the first model PyTorch.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import ae_lightning.foreign_variables  # noqa: F401  before matplotlib and Lightning

# GNU OpenMP's threads, which PyTorch computes with, wait for each other by spinning, by default for
# milliseconds. Beside any other busy process that slows a training tenfold and more; spinning for
# microseconds costs next to nothing alone (benchmarks/side_by_side.py). Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from pathlib import Path

    from ae_lightning.inference.model import Model

__all__ = ["Model", "load"]


def load(name: str, artifacts: str | Path = "artifacts", *, verify: bool = True) -> Model[Any, Any]:
    """Load variant or classifier ``name`` of params.yaml as it was trained.

    ``artifacts`` is the folder that ``ae flow`` fills, by default that of the current folder. With
    ``verify`` the model's files (and a document model's vocabulary) must have the hash that
    ``dvc.lock`` beside that folder records, if it records one.

    >>> model = load("deep-30")  # doctest: +SKIP
    >>> codes = model.encode(images)  # doctest: +SKIP

    Raises:
        UserError: there is no such variant (the nearest names are offered), it was not trained, or
            files are absent, altered, or do not fit together; says what to run.
    """
    from ae_lightning.inference import load as inference

    return inference.load(name, artifacts, verify=verify)


def __getattr__(name: str) -> Any:
    if name != "Model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ae_lightning.inference.model import Model

    return Model
