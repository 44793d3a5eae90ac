"""The fixed first step of a net: from raw examples to what its first layer gets, and back."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ae_lightning.nn.activations import Activation


class InputTransform(nn.Module, ABC):
    """What is done to every example before the first layer; it has buffers, no parameters."""

    @property
    @abstractmethod
    def units(self) -> int:
        """Numbers that it answers with for one example."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Raw examples ``(batch, features)`` to the first layer's inputs ``(batch, units)``."""

    def target(self, x: Tensor, output: Activation) -> Tensor:
        """What a net with this ``output`` should answer for raw ``x``, ``(batch, units)``."""
        return self(x)

    def restore(self, y: Tensor) -> Tensor:
        """A net's answer ``(batch, units)`` in the raw examples' units, as far as that can be."""
        return y
