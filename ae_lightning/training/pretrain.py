"""Greedy layer-wise pretraining: one layer, on the frozen codes of those below."""

import lightning

from ae_lightning.config import Layer, too_wide
from ae_lightning.data.batches import in_memory
from ae_lightning.data.prepared import Prepared
from ae_lightning.errors import UserError
from ae_lightning.nn.dense import DenseLayer, DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.training.codes import greedy_inputs
from ae_lightning.training.fit import Fit, fit


def pretrain(name: str, layer: Layer, below: Stack, data: Prepared, how: Fit) -> Stack:
    """Train one layer as an autoencoder of the codes of ``below``; returns both, stacked.

    Hinton & Salakhutdinov (2006), with an autoencoder per layer as in Bengio et al. (2007).

    Raises:
        UserError: if the layer is wider than its input and has no L1 penalty.
    """
    inputs = below.specs[-1].units if below.specs else data.features
    output = below.specs[-1].activation if below.specs else layer.output
    if layer.units > inputs and not layer.l1:
        raise UserError(f"params.yaml: {too_wide(f'layers.{name}', layer.units, inputs)}")
    lightning.seed_everything(layer.train.seed, verbose=False)
    top = DenseLayer(
        DenseSpec(inputs=inputs, units=layer.units, activation=layer.activation, output=output)
    )
    limit = how.environment.memory_limit_mb
    train, validation = (
        greedy_inputs(below, in_memory(data.inputs(split), limit))
        for split in ("train", "validation")
    )
    fit(Stack([top]), train, validation, how)
    return Stack([*below.layers, top])
