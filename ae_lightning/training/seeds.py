"""Repeat a variant's whole training, its layers' pretraining included, from another seed."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ae_lightning import sealed
from ae_lightning.artifacts import RESUME
from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Layer
from ae_lightning.config.params import Params
from ae_lightning.config.variants import Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed import process_group
from ae_lightning.files import replaced
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import Stack
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.fingerprint import contents, fingerprint
from ae_lightning.training.pretrain import pretrain
from ae_lightning.training.setup import Fit

STACK, CURVE = "stack", "curve.csv"
"""A layer that is done and how it was trained, in a folder of its own."""

ItemT = TypeVar("ItemT", Layer, Variant)


@dataclass(frozen=True)
class Repeat:
    """One variant from one seed, in the few epochs of a comparison."""

    name: str
    seed: int
    params: Params
    data: PreparedDataset
    environment: Environment
    curve: Path
    resume: Path = RESUME

    def run(self) -> Stack:
        """Pretrain the layers and fine-tune; the curve's seconds begin with the pretraining.

        A layer that is done is kept aside until all is done, so that a killed process goes on
        where it was.
        """
        variant = self.params.variants[self.name]
        done, below, spent = self.resume / self._fingerprint(), Stack([]), 0.0
        for layer in self.params.chain(variant.input):
            below = self._layer(layer, below, done)
            spent += LearningCurve.read(done / layer / CURVE).rows[-1]["seconds"]
        trained = self._reseeded(variant, epochs=self.params.repeats.epochs)
        stack = FITTERS[variant.kind](trained, below, self.data, self._how(self.name, trained))
        if process_group.is_first():
            LearningCurve.read(self.curve).delayed(spent).write(self.curve)
            shutil.rmtree(done, ignore_errors=True)
        return stack

    def _layer(self, name: str, below: Stack, done: Path) -> Stack:
        folder = done / name
        if not process_group.broadcast(process_group.is_first() and sealed.is_whole(folder)):
            layer = self._reseeded(self.params.layers[name])
            how = replace(self._how(name, layer), curve=done / f"{name}.csv")
            stack = pretrain(name, layer, below, self.data, how)
            if process_group.is_first():
                with replaced(folder) as partial:
                    checkpoint.save(stack, partial / STACK, layer.data)
                    (done / f"{name}.csv").replace(partial / CURVE)
                    sealed.seal(partial)
            process_group.barrier()
        return checkpoint.load(folder / STACK)

    def _reseeded(self, item: ItemT, **changes: int) -> ItemT:
        training = item.train.model_copy(update={"seed": self.seed, **changes})
        return item.model_copy(update={"train": training})

    def _how(self, name: str, item: Layer | Variant) -> Fit:
        title = f"repeat {self.name} seed {self.seed}: {name}"
        return Fit.of(item, self.environment, title=title, curve=self.curve, resume=self.resume)

    def _fingerprint(self) -> str:
        """Name of a repeat by its settings and data."""
        variant = self.params.variants[self.name]
        layers = [self.params.layers[layer] for layer in self.params.chain(variant.input)]
        read = contents((), [self.data.inputs("train")])
        return fingerprint(self.environment, layers, variant, self.seed, read)
