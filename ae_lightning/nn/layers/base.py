"""Base class of autoencoder layers: an encoder and its mirror, with one specification."""

from abc import ABC, abstractmethod
from typing import ClassVar

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


class AutoencoderLayer(nn.Module, ABC):
    """One encoder layer with its decoder: trained, saved and unrolled as a pair.

    Hinton & Salakhutdinov (2006), Fig. 1, with any kind of layer in place of the Boltzmann machine.
    ``positions`` are what a decoder needs besides the code: where each pooled maximum was, for
    unpooling with switches; None for every other layer.
    """

    spec_class: ClassVar[type[Spec]]
    takes_sequences = False

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        self.output = OUTPUTS[spec.output]

    @abstractmethod
    def trace(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Inputs ``(batch, inputs)`` to codes ``(batch, units)`` and positions."""

    @abstractmethod
    def decode_logits(self, code: Tensor, positions: Tensor | None = None) -> Tensor:
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
        return self.trace(x)[0]

    def decode(self, code: Tensor, positions: Tensor | None = None) -> Tensor:
        """Codes ``(batch, units)`` to reconstructions ``(batch, inputs)``."""
        return self.output(self.decode_logits(code, positions))
