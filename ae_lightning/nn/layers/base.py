"""Base class of autoencoder layers: an encoder and its mirror, with one specification."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from ae_lightning.config.layers import ActivationName, OutputName
from ae_lightning.nn.activations import ACTIVATIONS, OUTPUTS


class Spec(BaseModel):
    """Shape of a layer; ``model.json`` holds one per layer.

    ``inputs`` and ``units`` are the numbers that go in and come out for one example: layers pass
    flat ``(batch, features)`` tensors to each other, whatever they do inside.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    activation: ActivationName
    output: OutputName
    inputs: int
    units: int

    @property
    def image(self) -> tuple[int, ...]:
        """(channels, height, width) of a code that is an image; empty where it is none."""
        return ()


class LayerOutput(NamedTuple):
    """What an encoder gives: the ``code`` ``(batch, units)``, and what goes beside it.

    ``side_info`` is what the layer's decoder needs besides the code: where each pooled maximum was,
    for unpooling with switches, or a sequence's tokens. ``extras`` are what a term of the loss
    needs, by name.
    """

    code: Tensor
    side_info: Tensor | None = None
    extras: Mapping[str, Tensor] = MappingProxyType({})


class AutoencoderLayer(nn.Module, ABC):
    """One encoder layer with its decoder: trained, saved and unrolled as a pair.

    Hinton & Salakhutdinov (2006), Fig. 1, with any kind of layer in place of the Boltzmann machine.
    """

    spec_class: ClassVar[type[Spec]]
    takes_sequences = False

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        self.output = OUTPUTS[spec.output]

    @abstractmethod
    def trace(self, x: Tensor) -> LayerOutput:
        """Inputs ``(batch, inputs)`` to codes ``(batch, units)`` and what goes beside them."""

    @abstractmethod
    def decode_logits(self, code: Tensor, side_info: Tensor | None = None) -> Tensor:
        """Codes ``(batch, units)`` to outputs before their activation ``(batch, inputs)``."""

    @property
    @abstractmethod
    def visible_bias(self) -> Tensor:
        """The decoder's biases: one per input, or one per input channel."""

    def bias_mean(self, mean: Tensor) -> Tensor:
        """The mean input ``(inputs,)`` as one number per visible bias."""
        return mean

    def encode(self, x: Tensor) -> Tensor:
        """Inputs ``(batch, inputs)`` to codes ``(batch, units)``."""
        return self.trace(x).code

    def decode(self, code: Tensor, side_info: Tensor | None = None) -> Tensor:
        """Codes ``(batch, units)`` to reconstructions ``(batch, inputs)``."""
        return self.output(self.decode_logits(code, side_info))
