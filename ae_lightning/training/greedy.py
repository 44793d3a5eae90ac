"""Kinds of greedy layer: shape, initial weights and training of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import nn

from ae_lightning.config.layers import Layer
from ae_lightning.errors import UserError
from ae_lightning.nn.layers.base import AutoencoderLayer, Spec
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.layers.rbm import unroll
from ae_lightning.nn.stack import LAYER_KINDS, Stack
from ae_lightning.registry import NamedBy
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.objectives.contrastive_divergence import ContrastiveDivergence


@dataclass(frozen=True)
class Ground:
    """Base of a new layer: the layers below and the shape of an example of the data."""

    below: Stack
    shape: tuple[int, ...]

    @property
    def features(self) -> int:
        """Numbers that the layer gets for one example."""
        specs = self.below.specs
        return specs[-1].units if specs else torch.Size(self.shape).numel()

    @property
    def image(self) -> tuple[int, ...]:
        """(channels, height, width) if the layer gets images, otherwise empty."""
        if not self.below.specs:
            if len(self.shape) == 2:
                return (1, *self.shape)
            return (self.shape[2], *self.shape[:2]) if len(self.shape) == 3 else ()
        return self.below.specs[-1].image

    def output(self, layer: Layer) -> str:
        """Activation of what the layer reconstructs."""
        return self.below.specs[-1].activation if self.below.specs else layer.output


def _matrices(layer: nn.Module) -> Sequence[nn.Parameter]:
    return [parameter for parameter in layer.parameters() if parameter.ndim > 1]


@torch.no_grad()
def halved(layer: AutoencoderLayer) -> None:
    """Halve the initial weights: what codes add to the mean input is learned, not unlearned."""
    for weight in _matrices(layer):
        weight.mul_(0.5)


@torch.no_grad()
def tiny(layer: AutoencoderLayer) -> None:
    """Weights from N(0, 0.01^2): Hinton (2010), "A practical guide", section 8.1."""
    for weight in _matrices(layer):
        nn.init.normal_(weight, std=0.01)


@dataclass(frozen=True)
class Kind:
    """A kind of greedy layer: spec, initial weights, training module, and its final form."""

    spec: Callable[[Layer, Ground], Spec]
    start: Callable[[AutoencoderLayer], None] = halved
    module: type[Reconstruction] = Reconstruction
    finish: Callable[[Any], AutoencoderLayer] = lambda layer: layer


def dense(layer: Layer, ground: Ground) -> Spec:
    """A dense layer of any kind."""
    return LAYER_KINDS[layer.kind].spec_class.model_validate(
        {
            "kind": layer.kind,
            "inputs": ground.features,
            "units": layer.units,
            "activation": layer.activation,
            "output": ground.output(layer),
        }
    )


def machine(layer: Layer, ground: Ground) -> Spec:
    """A Boltzmann machine has the parameters of a tied layer; its visible units are binary."""
    if ground.output(layer) != "sigmoid":
        raise UserError(
            "kind: a Boltzmann machine needs inputs that are probabilities, found "
            f"{ground.output(layer)!r} outputs below; use sigmoid activations there"
        )
    return dense(layer.model_copy(update={"kind": "tied"}), ground)


def convolution(layer: Layer, ground: Ground) -> ConvSpec:
    """A convolutional layer on images or on the feature maps of another one."""
    if len(ground.image) != 3:
        raise UserError(
            "kind: a conv layer needs images or a conv layer below, found "
            f"{ground.features} numbers of no such shape; use kind dense"
        )
    return ConvSpec.of(
        ground.image,
        layer.units,
        kernel=layer.kernel,
        pool=layer.pool,
        unpooling=layer.unpooling,
        activation=layer.activation,
        output=ground.output(layer),  # type: ignore[arg-type]
    )


KINDS: Annotated[dict[str, Kind], NamedBy(values=("kind",))] = {
    "dense": Kind(dense),
    "tied": Kind(dense),
    "conv": Kind(convolution),
    "rbm": Kind(machine, tiny, ContrastiveDivergence, unroll),
}
