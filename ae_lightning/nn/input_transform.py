"""Fixed input transform of a net: raw examples to the first layer's inputs, and back."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ae_lightning.nn.activations import Activation


class InputTransform(nn.Module, ABC):
    """Transform of every example before the first layer; it has buffers, no parameters."""

    @property
    @abstractmethod
    def units(self) -> int:
        """Output features of one example."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Raw examples ``(batch, features)`` to the first layer's inputs ``(batch, units)``."""

    def target(self, x: Tensor, output: Activation) -> Tensor:
        """Training target of raw ``x`` for a net with this ``output``, ``(batch, units)``."""
        return self(x)

    def restore(self, y: Tensor) -> Tensor:
        """A net's output ``(batch, units)`` in the raw examples' units, as far as possible."""
        return y
