"""Greedy layer-wise pretraining: one layer, on the frozen codes of those below."""

from dataclasses import replace

import lightning

from ae_lightning.config.layers import Layer
from ae_lightning.config.params import too_wide
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import in_memory
from ae_lightning.errors import UserError
from ae_lightning.nn.bias_init import centre_decoder
from ae_lightning.nn.layers.base import Spec
from ae_lightning.nn.stack import LAYER_KINDS, Stack
from ae_lightning.training.codes import greedy_inputs, mean_target
from ae_lightning.training.fingerprint import contents
from ae_lightning.training.fit import fit
from ae_lightning.training.greedy import KINDS, Ground
from ae_lightning.training.input_transform import fit_input_transform
from ae_lightning.training.setup import Fit


def pretrain(name: str, layer: Layer, below: Stack, data: PreparedDataset, how: Fit) -> Stack:
    """Train one layer as an autoencoder of the codes of ``below``; returns both, stacked.

    Hinton & Salakhutdinov (2006), with an autoencoder per layer as in Bengio et al. (2007) or,
    for kind rbm, with their Boltzmann machines.

    Raises:
        UserError: if the layer does not fit on ``below``, or could copy its input.
    """
    kind, spec = KINDS[layer.kind], layer_spec(name, layer, Ground(below, data.shape))
    limit = how.environment.memory_limit_mb
    train, validation = (
        greedy_inputs(below, in_memory(data.inputs(split), limit), limit, how.resume)
        for split in ("train", "validation")
    )
    lightning.seed_everything(layer.train.seed, verbose=False)
    top = LAYER_KINDS[spec.kind](spec)
    kind.start(top)
    first = fit_input_transform(layer, data, below)
    alone = Stack([top], None if below.layers else first)
    centre_decoder(top, mean_target(alone, train))
    how = replace(
        how,
        item=layer,
        module=kind.module,
        source=contents(below.state_dict().values(), map(data.inputs, ("train", "validation"))),
    )
    fit(alone, train, validation, how)
    return Stack([*below.layers, kind.finish(top)], first)


def layer_spec(name: str, layer: Layer, ground: Ground) -> Spec:
    """The new layer's shape.

    Raises:
        UserError: if it does not fit on ``ground``, or is wider than its input and may copy it:
            without L1 penalty, and not by its units' noise as in a Boltzmann machine.
    """
    where = f"layers.{name}"
    try:
        spec = KINDS[layer.kind].spec(layer, ground)
    except UserError as error:
        raise UserError(f"params.yaml: {where}.{error}") from error
    if spec.units > spec.inputs and not layer.l1 and layer.kind != "rbm":
        raise UserError(f"params.yaml: {too_wide(where, spec.units, spec.inputs)}")
    return spec
