"""Dense autoencoder layers: one encoder matrix down, one decoder matrix (or its transpose) up."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ae_lightning.nn.layers.base import AutoencoderLayer, LayerOutput, Spec


class DenseSpec(Spec):
    """Shape of a dense layer; ``tied`` decodes with the transpose of the encoder's matrix."""

    kind: Literal["dense", "tied"] = "dense"


class DenseLayer(AutoencoderLayer):
    """``code = activation(W x + b)`` and back ``output(V code + c)``, weights not tied."""

    spec_class = DenseSpec

    def __init__(self, spec: DenseSpec) -> None:
        super().__init__(spec)
        self.encoder = nn.Linear(spec.inputs, spec.units)
        self.decoder = nn.Linear(spec.units, spec.inputs)
        for linear in (self.encoder, self.decoder):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)

    @property
    def visible_bias(self) -> Tensor:
        """``c``, of shape ``(inputs,)``."""
        return self.decoder.bias

    def trace(self, x: Tensor) -> LayerOutput:
        """Codes ``(batch, units)``; a dense decoder needs nothing else."""
        return LayerOutput(self.activation(self.encoder(x)))

    def decode_logits(self, code: Tensor, side_info: Tensor | None = None) -> Tensor:
        """``V code + c``, of shape ``(batch, inputs)``."""
        return self.decoder(code)


class TiedLayer(AutoencoderLayer):
    """``code = activation(W x + b)`` and back ``output(W^T code + c)``: one matrix, two biases.

    There is a single parameter, so that the weights are tied through training, saving and loading.
    """

    spec_class = DenseSpec

    def __init__(self, spec: DenseSpec) -> None:
        super().__init__(spec)
        self.encoder = nn.Linear(spec.inputs, spec.units)
        self.decoder_bias = nn.Parameter(torch.zeros(spec.inputs))
        # Between the spreads that suit the matrix and its transpose alone.
        nn.init.normal_(self.encoder.weight, std=(spec.inputs * spec.units) ** -0.25)
        nn.init.zeros_(self.encoder.bias)

    @property
    def visible_bias(self) -> Tensor:
        """``c``, of shape ``(inputs,)``."""
        return self.decoder_bias

    def trace(self, x: Tensor) -> LayerOutput:
        """Codes ``(batch, units)``; a dense decoder needs nothing else."""
        return LayerOutput(self.activation(self.encoder(x)))

    def decode_logits(self, code: Tensor, side_info: Tensor | None = None) -> Tensor:
        """``W^T code + c``, of shape ``(batch, inputs)``."""
        return F.linear(code, self.encoder.weight.T, self.decoder_bias)
