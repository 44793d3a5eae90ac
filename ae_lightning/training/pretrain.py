"""Greedy layer-wise pretraining: one layer, on the frozen codes of those below."""

import lightning
import torch
from torch import Tensor

from ae_lightning.config import Layer, too_wide
from ae_lightning.data.batches import in_memory
from ae_lightning.data.prepared import Prepared
from ae_lightning.errors import UserError
from ae_lightning.nn.centre import centre_decoder
from ae_lightning.nn.dense import DenseLayer, DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.training.codes import greedy_inputs, mean
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
    limit = how.environment.memory_limit_mb
    train, validation = (
        greedy_inputs(below, in_memory(data.inputs(split), limit))
        for split in ("train", "validation")
    )
    lightning.seed_everything(layer.train.seed, verbose=False)
    top = new_layer(
        DenseSpec(inputs=inputs, units=layer.units, activation=layer.activation, output=output),
        mean(train),
    )
    fit(Stack([top]), train, validation, how)
    return Stack([*below.layers, top])


@torch.no_grad()
def new_layer(spec: DenseSpec, mean: Tensor) -> DenseLayer:
    """A layer that starts by answering the ``mean`` of its inputs to everything, nearly.

    Half the usual spread of weights: what the codes add to the mean is learned, not unlearned.
    """
    layer = DenseLayer(spec)
    for linear in (layer.encoder, layer.decoder):
        linear.weight.mul_(0.5)
    centre_decoder(layer, mean)
    return layer
