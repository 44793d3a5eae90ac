"""A stack of autoencoder layers: the greedy chain and the unrolled deep autoencoder in one.

Encoding goes up through the layers, decoding down again, so a stack of greedily trained layers
*is* the deep autoencoder before fine-tuning: same weights, biases and activations.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ae_lightning.config.layers import ActivationName, OutputName
from ae_lightning.errors import UserError
from ae_lightning.nn.activations import Activation, linear
from ae_lightning.nn.input_transform import InputTransform
from ae_lightning.nn.layers.base import AutoencoderLayer, Spec
from ae_lightning.nn.layers.conv import ConvLayer
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec, TiedLayer
from ae_lightning.nn.layers.sequence import SequenceLayer
from ae_lightning.registry import NamedBy

LAYER_KINDS: Annotated[
    dict[str, type[AutoencoderLayer]],
    NamedBy(values=("kind", "layer"), also={"rbm": ("tied",)}, always=("dense",)),
] = {
    "dense": DenseLayer,
    "tied": TiedLayer,
    "conv": ConvLayer,
    "sequence": SequenceLayer,
}


class ForwardOutput(NamedTuple):
    """One pass through a stack.

    ``code`` is ``(batch, code)``, ``logits`` ``(batch, features)`` before the output's activation,
    ``extras`` what layers give to terms of the loss, by name.
    """

    code: Tensor
    logits: Tensor
    extras: Mapping[str, Tensor]


class Stack(nn.Module):
    """Layers from the data up to the code; an empty stack leaves its input as it is.

    ``first`` comes before the first layer, so that the stack takes raw examples: word counts of
    documents, images that are not whitened yet.

    While it is ``checkpointing``, activations within a layer are recomputed in the backward pass
    (Chen et al. 2016, "Training deep nets with sublinear memory cost").

    Raises:
        UserError: if a layer's inputs differ from the units of the layer below.
    """

    def __init__(
        self, layers: Sequence[AutoencoderLayer], first: InputTransform | None = None
    ) -> None:
        super().__init__()
        for number, (below, above) in enumerate(pairwise(layers), start=2):
            if above.spec.inputs != below.spec.units:
                raise UserError(
                    f"layer {number}: must take the {below.spec.units} units of the layer below, "
                    f"found {above.spec.inputs} inputs; use layers of one chain"
                )
        self._chain = nn.ModuleList(layers)
        self.first = first
        self.checkpointing = False

    @property
    def layers(self) -> list[AutoencoderLayer]:
        """The layers from the data up."""
        return list(self._chain)  # type: ignore[arg-type]

    @property
    def specs(self) -> list[Spec]:
        """The layers' specs from the data up."""
        return [layer.spec for layer in self.layers]

    @property
    def units(self) -> int:
        """Numbers in a code; 0 for an empty stack, which takes any number."""
        if self.layers:
            return self.layers[-1].spec.units
        return self.first.units if self.first else 0

    @property
    def takes_sequences(self) -> bool:
        """Whether examples are token sequences instead of fixed numbers of features."""
        return bool(self.layers) and self.layers[0].takes_sequences

    @property
    def output(self) -> Activation:
        """The activation of the reconstruction."""
        return self.layers[0].output if self.layers else linear

    def encode(self, x: Tensor) -> Tensor:
        """Inputs ``(batch, features)`` to codes ``(batch, code)``."""
        x = self._entered(x)
        for layer in self.layers:
            x = self._passed(layer.encode, x)
        return x

    def target(self, x: Tensor) -> Tensor:
        """Training target of the decoder's last layer for ``x``, ``(batch, features)``."""
        return x if self.first is None else self.first.target(x, self.output)

    def restored(self, logits: Tensor) -> Tensor:
        """Reconstructions in the units of the input, from ``logits`` ``(batch, features)``."""
        return self.restore(self.output(logits))

    def restore(self, answer: Tensor) -> Tensor:
        """Decoder outputs or targets, ``(batch, features)``, in the input's units."""
        return answer if self.first is None else self.first.restore(answer)

    def _passed(self, function: Callable[..., Any], *inputs: Any) -> Any:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(function, *inputs, use_reentrant=False)
        return function(*inputs)

    def _entered(self, x: Tensor) -> Tensor:
        return x if self.first is None else self.first(x)

    def trace(self, x: Tensor) -> ForwardOutput:
        """Encode ``x`` of shape ``(batch, features)`` and decode it again.

        Unlike decoding a code, this also hands each layer's side information to its decoder.
        """
        x, side_info = self._entered(x), []
        extras: dict[str, Tensor] = {}
        for layer in self.layers:
            x, beside, more = self._passed(layer.trace, x)
            side_info.append(beside)
            extras |= more
        return ForwardOutput(x, self._decode_logits(x, side_info), extras)

    def decode_logits(self, code: Tensor) -> Tensor:
        """Codes ``(batch, code)`` to reconstructions before the output's activation.

        Raises:
            UserError: if a layer cannot decode a bare code.
        """
        return self._decode_logits(code, [None] * len(self.layers))

    def _decode_logits(self, code: Tensor, side_info: Sequence[Tensor | None]) -> Tensor:
        for layer, beside in zip(self.layers[:0:-1], side_info[:0:-1], strict=True):
            code = self._passed(layer.decode, code, beside)
        return self.layers[0].decode_logits(code, side_info[0]) if self.layers else code

    def decode(self, code: Tensor) -> Tensor:
        """Codes ``(batch, code)`` to reconstructions ``(batch, features)``."""
        return self.restored(self.decode_logits(code))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct ``x`` of shape ``(batch, features)``."""
        return self.restored(self.trace(x).logits)


def chain_specs(
    inputs: int,
    sizes: Sequence[int],
    *,
    hidden: ActivationName,
    code: ActivationName,
    output: OutputName,
    kind: Literal["dense", "tied"] = "dense",
) -> list[DenseSpec]:
    """Specs of new layers: activation ``hidden``, but ``code`` for the last of ``sizes``.

    Each decoder has the activation of what it reconstructs: ``output`` for the lowest layer.
    """
    specs = []
    for depth, units in enumerate(sizes, start=1):
        activation = code if depth == len(sizes) else hidden
        specs.append(
            DenseSpec(kind=kind, inputs=inputs, units=units, activation=activation, output=output)
        )
        inputs, output = units, activation
    return specs
