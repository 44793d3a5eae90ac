"""The classic deep-autoencoder family: data, networks, training, evaluation and inference.

``load("deep-30")`` gives a trained variant (:class:`ae_lightning.inference.model.Model`); importing
the package itself loads nothing.
"""

import os
from typing import TYPE_CHECKING, Any

# GNU OpenMP's threads, which PyTorch computes with, wait for each other by spinning, by default for
# milliseconds. Beside any other busy process that slows a training tenfold and more; spinning for
# microseconds costs next to nothing alone (benchmarks/side_by_side.py). Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from ae_lightning.inference.load import load
    from ae_lightning.inference.model import Model

__all__ = ["Model", "load"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ae_lightning.inference import load, model

    return {"Model": model.Model, "load": load.load}[name]
