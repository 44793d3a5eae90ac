"""A stack of autoencoder layers: the greedy chain and the unrolled deep autoencoder in one.

Encoding goes up through the layers, decoding down again, so a stack of greedily trained layers
*is* the deep autoencoder before fine-tuning: same weights, biases and activations.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ae_lightning.config import ActivationName
from ae_lightning.errors import UserError
from ae_lightning.nn.activations import Activation, linear
from ae_lightning.nn.dense import DenseLayer, DenseSpec

LAYER_KINDS = {"dense": (DenseSpec, DenseLayer)}


class Stack(nn.Module):
    """Layers from the data up to the code; an empty stack leaves its input as it is.

    Raises:
        UserError: if a layer's inputs differ from the units of the layer below.
    """

    def __init__(self, layers: Sequence[DenseLayer]) -> None:
        super().__init__()
        for number, (below, above) in enumerate(pairwise(layers), start=2):
            if above.spec.inputs != below.spec.units:
                raise UserError(
                    f"layer {number}: must take the {below.spec.units} units of the layer below, "
                    f"found {above.spec.inputs} inputs; use layers of one chain"
                )
        self._chain = nn.ModuleList(layers)

    @property
    def layers(self) -> list[DenseLayer]:
        """The layers from the data up."""
        return list(self._chain)  # type: ignore[arg-type]

    @property
    def specs(self) -> list[DenseSpec]:
        """The layers' specs from the data up."""
        return [layer.spec for layer in self.layers]

    @property
    def output(self) -> Activation:
        """The activation of the reconstruction."""
        return self.layers[0].output if self.layers else linear

    def encode(self, x: Tensor) -> Tensor:
        """Inputs ``(batch, features)`` to codes ``(batch, code)``."""
        for layer in self.layers:
            x = layer.encode(x)
        return x

    def decode_logits(self, code: Tensor) -> Tensor:
        """Codes ``(batch, code)`` to reconstructions before the output's activation."""
        for layer in reversed(self.layers[1:]):
            code = layer.decode(code)
        return self.layers[0].decode_logits(code) if self.layers else code

    def decode(self, code: Tensor) -> Tensor:
        """Codes ``(batch, code)`` to reconstructions ``(batch, features)``."""
        return self.output(self.decode_logits(code))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct ``x`` of shape ``(batch, features)``."""
        return self.decode(self.encode(x))


def chain_specs(
    inputs: int,
    sizes: Sequence[int],
    *,
    hidden: ActivationName,
    code: ActivationName,
    output: ActivationName,
) -> list[DenseSpec]:
    """Specs of new layers: hidden ones answer with ``hidden``, the last of ``sizes`` with ``code``.

    Each decoder has the activation of what it reconstructs: ``output`` for the lowest layer.
    """
    specs = []
    for depth, units in enumerate(sizes, start=1):
        activation = code if depth == len(sizes) else hidden
        specs.append(DenseSpec(inputs=inputs, units=units, activation=activation, output=output))
        inputs, output = units, activation
    return specs
