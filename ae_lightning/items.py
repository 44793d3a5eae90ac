"""What ``params.yaml`` says of layers and variants: what is trained, how, and to what end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from ae_lightning.datasets import Frozen

ActivationName = Literal[
    "linear", "sigmoid", "tanh", "relu", "gelu", "silu", "elu", "binary", "unit"
]
OutputName = Literal[ActivationName, "softmax"]
LossName = Literal["matching", "cross-entropy", "squared-error", "multinomial"]
OptimizerName = Literal["adamw", "sgd", "muon"]
ScheduleName = Literal["constant", "linear", "cosine", "one-cycle"]
CorruptionName = Literal["mask", "gaussian", "salt-and-pepper"]
PenaltyName = Literal["l1", "l2", "contractive"]
UnpoolingName = Literal["switches", "repeat", "transposed"]
LayerKind = Literal["dense", "tied", "conv", "rbm"]
WeightsName = Literal["binary", "counts", "log-counts", "tfidf"]
VariantKind = Literal["autoencoder", "pca", "lsa", "vectors", "sequence"]


Strength = Annotated[float, Field(gt=0, le=1)]


SOLVED = ("pca", "lsa", "vectors")
"""Kinds of variant that need no training."""

SIZES = {"pca": 1, "lsa": 1, "vectors": 0, "sequence": 1}
"""Kinds of variant that stand on prepared data alone, and how many sizes they take."""

ON_DOCUMENTS = ("lsa", "sequence")
"""Kinds of variant that only documents have."""

ON_IMAGES = ("pca", "conv")
"""Kinds of variant and layer that only images have."""

OF_KIND = {"conv": ("kernel", "pool", "unpooling"), "rbm": ("cd_steps",)}
"""Fields of a layer that only one kind of it has."""


class Training(Frozen):
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
    """How one greedy layer is trained: gently, as it is the start of a fine-tuning, not the end."""

    optimizer: OptimizerName = "adamw"
    learning_rate: PositiveFloat = 5e-4
    momentum: float = Field(0.9, ge=0, lt=1)
    batch_size: PositiveInt = 500


class Views(Frozen):
    """Reconstruct each image from a copy that was moved and recoloured, its target as it was.

    A copy is shifted by up to ``shift`` pixels, mirrored or not if ``flip``, shows at least the
    share ``crop`` of the image's area, stretched to its size, and has its brightness, offset and
    each colour's strength changed by up to a share ``colour``.

    With ``agreement``, the weight of a contrastive penalty at ``temperature``, there are two copies
    of each image, whose codes should know each other among those of the batch.
    """

    shift: NonNegativeInt = 0
    flip: bool = False
    crop: Strength = 1.0
    colour: float = Field(0.0, ge=0, le=1)
    agreement: NonNegativeFloat = 0.0
    temperature: PositiveFloat = 0.2


class Objective(Frozen):
    """What a training asks for besides a faithful reconstruction.

    ``l1`` and ``l2`` weigh the absolute and the squared values of the code, ``contractive`` the
    squared Frobenius norm of its Jacobian. ``corruption`` maps kinds to their greatest strength:
    each training example is spoilt in one of these ways, the target stays clean. ``views`` moves
    the input image, not its target.
    """

    l1: NonNegativeFloat = 0.0
    l2: NonNegativeFloat = 0.0
    contractive: NonNegativeFloat = 0.0
    corruption: dict[CorruptionName, Strength] = Field({})
    views: Views | None = None

    @property
    def penalties(self) -> dict[str, float]:
        """Penalties on the code with a weight, by name."""
        weights = {"l1": self.l1, "l2": self.l2, "contractive": self.contractive}
        return {name: weight for name, weight in weights.items() if weight}


class Item(Objective):
    """What is trained, on what: ``input`` is ``prepared/DATASET`` or ``layers/LAYER``.

    ``weights`` is how documents are weighed, ``whiten`` the share by which images are whitened: 0
    centres them, 0.5 gives all directions the same variance. The lowest layer decides it, and the
    ``output`` with which the reconstruction answers: softmax for a distribution over words, sigmoid
    for images, linear for whitened ones.
    """

    data: str
    input: str
    weights: WeightsName | None = None
    whiten: float | None = Field(None, ge=0, le=0.5)
    output: OutputName = "sigmoid"


class Layer(Item):
    """A layer pretrained greedily as an autoencoder of its input's frozen codes.

    The decoder answers with the activation of what it reconstructs: ``output`` for a prepared
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


class Neighbours(Frozen):
    """Ask of each document also for the words of its ``count`` nearest, a ``share`` of the target.

    Neighbours are training documents, by the cosine between weighted words; no label is used.
    """

    count: PositiveInt
    share: Strength


class Sequence(Frozen):
    """A sequence-to-sequence autoencoder: states of ``width``, ``blocks`` up and as many down.

    Each block looks at ``window`` tokens. ``word_dropout`` is the share of tokens that the decoder
    is not shown in training. Each title is ``titles`` times among the training examples, and
    ``shuffled`` times more with its words in another order, so that the code has to say the order
    and habit cannot.
    """

    width: PositiveInt = 128
    blocks: PositiveInt = 2
    window: PositiveInt = 3
    word_dropout: float = Field(0.5, ge=0, le=1)
    titles: NonNegativeInt = 2
    shuffled: NonNegativeInt = 2


class Variant(Item):
    """A code to be compared: layers taken from ``input``, then ``sizes`` new ones.

    New layers are of kind ``layer`` and start at random; hidden ones have ``activation``, the code
    ``code_activation``. Other kinds than ``autoencoder``: ``pca`` and ``lsa`` solve for one linear
    layer in closed form, ``vectors`` takes the weighted words themselves for the code,
    ``sequence`` is a sequence-to-sequence autoencoder of the documents' tokens.
    """

    kind: VariantKind = "autoencoder"
    sizes: tuple[PositiveInt, ...] = ()
    layer: Literal["dense", "tied"] = "dense"
    activation: ActivationName = "gelu"
    code_activation: ActivationName = "linear"
    neighbours: Neighbours | None = None
    sequence: Sequence = Sequence()
    train: Training = Training()

    @model_validator(mode="after")
    def _other_kinds_are_one_step(self) -> Self:
        if self.kind != "sequence" and "sequence" in self.model_fields_set:
            raise ValueError(f"sequence: only kind sequence has it, found kind {self.kind}")
        if self.kind not in SIZES:
            return self
        sizes = SIZES[self.kind]
        if len(self.sizes) != sizes or self.input.startswith("layers/"):
            raise ValueError(
                f"kind {self.kind} needs input prepared/DATASET and {sizes or 'no'} size"
                f"{'' if sizes == 1 else 's'}, found input {self.input} and "
                f"{len(self.sizes)} sizes"
            )
        if self.penalties or self.corruption or self.views or self.neighbours:
            raise ValueError(
                f"kind {self.kind} takes no penalties, corruption, views or neighbours; remove them"
            )
        return self


class Repeats(Frozen):
    """Variants that compete for the best start, each from several seeds in few epochs.

    Their layers are pretrained anew with each seed; ``epochs`` replaces the variants' own.
    """

    variants: tuple[str, ...] = ()
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    epochs: PositiveInt = 10


def rules(item: Layer | Variant, documents: bool) -> Iterator[str]:
    """What is wrong with an item on data that are documents, or images."""
    found = f"documents ({item.data})" if documents else f"images ({item.data})"
    if item.kind in (ON_IMAGES if documents else ON_DOCUMENTS):
        yield f"kind: {item.kind} is not for {found}; use another kind"
    bag = documents and item.input.startswith("prepared/") and item.kind != "sequence"
    if item.weights and not bag:
        yield (
            "weights: only the lowest layer on documents has them, found "
            f"{item.weights} weights; remove them"
        )
    lowest = item.input.startswith("prepared/") or isinstance(item, Variant)
    if documents and lowest and (other := sorted(set(item.corruption) - {"mask"})):
        yield f"corruption: words can only be left out, found {other[0]}; use mask"
    if documents and item.train.shift:
        yield f"train.shift: only images can be moved, found {item.train.shift}; remove it"
    if not documents and item.output == "softmax":
        yield f"output: softmax is for documents, found {found}; use sigmoid"
    if not documents and isinstance(item, Variant) and item.neighbours:
        yield f"neighbours: only documents have them, found {found}; remove them"
    if documents and item.views:
        yield f"views: only images can be moved, found {found}; remove them"
    if bag:
        yield from bag_rules(item)
    yield from whitening_rules(item, documents)


def whitening_rules(item: Layer | Variant, documents: bool) -> Iterator[str]:
    """What is wrong with an item that whitens its images."""
    if item.whiten is None:
        return
    if documents or not item.input.startswith("prepared/"):
        yield (
            f"whiten: only the lowest layer on images has it, found {item.whiten} for "
            f"{item.input}; remove it"
        )
    if item.kind not in SOLVED and item.output != "linear":
        yield (
            f"output: whitened images are below and above 0, found {item.output} outputs; "
            "use linear"
        )


def bag_rules(item: Layer | Variant) -> Iterator[str]:
    """What is wrong with an item that takes bags of words."""
    if item.weights is None:
        yield f"weights: must be one of {', '.join(get_args(WeightsName))}, found none; set it"
    if item.kind == "rbm":
        yield "kind: a Boltzmann machine has no units for bags of words; use dense or tied"
    if item.kind not in SOLVED and item.output == "sigmoid" and item.weights != "binary":
        yield (
            f"output: sigmoid answers with probabilities, found {item.weights} weights; use "
            "softmax, or weights: binary"
        )
