"""Settings of layers in ``params.yaml``, and those shared with variants: training, objective."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from ae_lightning.config.datasets import FrozenModel

ActivationName = Literal[
    "linear", "sigmoid", "tanh", "relu", "gelu", "silu", "elu", "binary", "unit"
]
OutputName = Literal[ActivationName, "softmax"]
LossName = Literal["matching", "cross-entropy", "squared-error", "multinomial"]
OptimizerName = Literal["adamw", "sgd", "muon"]
ScheduleName = Literal["constant", "linear", "cosine", "one-cycle"]
CorruptionName = Literal["mask", "gaussian", "salt-and-pepper"]
UnpoolingName = Literal["switches", "repeat", "transposed"]
LayerKind = Literal["dense", "tied", "conv", "rbm"]
WeightsName = Literal["binary", "counts", "log-counts", "tfidf"]


Strength = Annotated[float, Field(gt=0, le=1)]

PENALTY = "penalty"
"""Marks the settings that weigh a penalty: each has the name of a row of ``PENALTIES``."""

PenaltyWeight = Annotated[NonNegativeFloat, PENALTY]

OBJECTIVE = "objective"
"""Marks the settings that ask for an objective: each has the name of a row of ``OBJECTIVES``."""

RECONSTRUCTION = "reconstruction"
"""The objective where no setting asks for another."""


OF_KIND = {"conv": ("kernel", "pool", "unpooling"), "rbm": ("cd_steps",)}
"""Fields of a layer that only one kind of it has."""


class Training(FrozenModel):
    """How a stack of layers is trained to reconstruct its input.

    ``matching`` is the loss that matches the output's activation: cross-entropy for sigmoid
    outputs, squared error otherwise. ``shift`` moves training images by up to that many pixels.
    ``warmup`` is a share of all steps. ``patience`` (epochs) turns early stopping on. The weights
    kept are those of the epoch with the lowest validation loss.
    """

    loss: LossName = "matching"
    optimizer: OptimizerName = "muon"
    learning_rate: PositiveFloat = 0.03
    momentum: float = Field(0.95, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.0
    schedule: ScheduleName = "linear"
    warmup: float = Field(0.05, ge=0, lt=1)
    batch_size: PositiveInt = 1000
    epochs: PositiveInt = 10
    shift: NonNegativeInt = 0
    patience: PositiveInt | None = None
    seed: NonNegativeInt = 0


class LayerTraining(Training):
    """Training of one greedy layer, with a lower learning rate: it initialises fine-tuning."""

    optimizer: OptimizerName = "adamw"
    learning_rate: PositiveFloat = 5e-4
    momentum: float = Field(0.9, ge=0, lt=1)
    batch_size: PositiveInt = 500


class Views(FrozenModel):
    """Random augmentation of input images; the target is the original image.

    A copy is shifted by up to ``shift`` pixels, mirrored or not if ``flip``, shows at least the
    share ``crop`` of the image's area, stretched to its size, and has its brightness, offset and
    each colour's strength changed by up to a share ``colour``.

    With ``agreement``, the weight of a contrastive penalty at ``temperature``, there are two copies
    of each image, whose codes should match each other among all codes of the batch.
    """

    shift: NonNegativeInt = 0
    flip: bool = False
    crop: Strength = 1.0
    colour: float = Field(0.0, ge=0, le=1)
    agreement: NonNegativeFloat = 0.0
    temperature: PositiveFloat = 0.2


class Objective(FrozenModel):
    """Training objective besides reconstruction: penalties, corruption, views.

    ``l1`` and ``l2`` weigh the absolute and the squared values of the code, ``contractive`` the
    squared Frobenius norm of its Jacobian. ``corruption`` maps kinds to their greatest strength:
    each training example is corrupted in one of these ways, the target stays clean. ``views``
    augments the input image, not its target.
    """

    l1: PenaltyWeight = 0.0
    l2: PenaltyWeight = 0.0
    contractive: PenaltyWeight = 0.0
    corruption: dict[CorruptionName, Strength] = Field({})
    views: Annotated[Views | None, OBJECTIVE] = None

    @property
    def objective(self) -> str:
        """Name of the training objective: the setting that asks for one."""
        fields = type(self).model_fields
        asked = (n for n in fields if OBJECTIVE in fields[n].metadata and getattr(self, n))
        return next(asked, RECONSTRUCTION)

    @property
    def penalties(self) -> dict[str, float]:
        """Penalties on the code with a weight, by name."""
        fields = type(self).model_fields
        weights = {name: getattr(self, name) for name in fields if PENALTY in fields[name].metadata}
        return {name: weight for name, weight in weights.items() if weight}


class Item(Objective):
    """Common settings of layers and variants; ``input``: ``prepared/DATASET`` or ``layers/LAYER``.

    ``weights`` is the term weighting of documents, ``whiten`` the share by which images are
    whitened: 0 centres them, 0.5 gives all directions the same variance. The lowest layer sets it,
    and the ``output`` activation: softmax for a distribution over words, sigmoid for images, linear
    for whitened ones.
    """

    data: str
    input: str
    weights: WeightsName | None = None
    whiten: float | None = Field(None, ge=0, le=0.5)
    output: OutputName = "sigmoid"


class Layer(Item):
    """A layer pretrained greedily as an autoencoder of its input's frozen codes.

    The decoder has the activation of what it reconstructs: ``output`` for a prepared
    dataset, the layer below's otherwise. A layer wider than its input, which could otherwise copy
    it, must have ``l1``.

    ``kind`` dense has two matrices, tied one and its transpose. A conv layer has ``units`` feature
    maps from ``kernel``-sized windows, pooled by ``pool`` and unpooled by ``unpooling``. An rbm is
    trained by contrastive divergence with ``cd_steps`` Gibbs steps and unrolled as a dense layer.
    """

    kind: LayerKind = "dense"
    units: PositiveInt
    activation: ActivationName = "gelu"
    kernel: PositiveInt = 5
    pool: PositiveInt = 2
    unpooling: UnpoolingName = "repeat"
    cd_steps: PositiveInt = 1
    train: LayerTraining = LayerTraining()

    @model_validator(mode="after")
    def _fields_belong_to_the_kind(self) -> Self:
        for kind, fields in OF_KIND.items():
            if kind != self.kind and (given := [f for f in fields if f in self.model_fields_set]):
                raise ValueError(f"{given[0]}: only kind {kind} has it, found kind {self.kind}")
        if self.kind == "conv" and self.kernel % 2 == 0:
            raise ValueError(f"kernel: must be odd to keep the image's size, found {self.kernel}")
        if self.kind == "rbm":
            self._check_machine()
        return self

    def _check_machine(self) -> None:
        if self.activation not in ("sigmoid", "linear"):
            raise ValueError(
                f"activation: a Boltzmann machine's units are sigmoid (binary) or linear "
                f"(Gaussian), found {self.activation!r}"
            )
        if self.penalties or self.corruption or self.views:
            raise ValueError(
                "kind: contrastive divergence takes no penalty, corruption or views; remove them"
            )
