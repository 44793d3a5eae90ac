"""A dense autoencoder layer: one encoder matrix down, one decoder matrix up."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt
from torch import Tensor, nn

from ae_lightning.config import ActivationName
from ae_lightning.nn.activations import ACTIVATIONS


class DenseSpec(BaseModel):
    """Shape of a dense layer; ``model.json`` holds one of these per layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dense"] = "dense"
    inputs: PositiveInt
    units: PositiveInt
    activation: ActivationName
    output: ActivationName


class DenseLayer(nn.Module):
    """``code = activation(W x + b)`` and back ``output(V code + c)``, weights not tied.

    Both directions live together because a greedy layer is trained, saved and unrolled as a pair
    (Hinton & Salakhutdinov 2006, Fig. 1, with an autoencoder in place of the machine).
    """

    def __init__(self, spec: DenseSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = nn.Linear(spec.inputs, spec.units)
        self.decoder = nn.Linear(spec.units, spec.inputs)
        self.activation = ACTIVATIONS[spec.activation]
        self.output = ACTIVATIONS[spec.output]
        for linear in (self.encoder, self.decoder):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)

    def encode(self, x: Tensor) -> Tensor:
        """Inputs ``(batch, inputs)`` to codes ``(batch, units)``."""
        return self.activation(self.encoder(x))

    def decode_logits(self, code: Tensor) -> Tensor:
        """Codes ``(batch, units)`` to outputs before their activation ``(batch, inputs)``."""
        return self.decoder(code)

    def decode(self, code: Tensor) -> Tensor:
        """Codes ``(batch, units)`` to reconstructions ``(batch, inputs)``."""
        return self.output(self.decode_logits(code))
