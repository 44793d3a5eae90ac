"""Settings of variants and repeats in ``params.yaml``, and which of them go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from ae_lightning.config.datasets import FrozenModel
from ae_lightning.config.layers import (
    OBJECTIVE,
    ActivationName,
    Item,
    Layer,
    Strength,
    Training,
    WeightsName,
)

VariantKind = Literal["autoencoder", "pca", "lsa", "vectors", "sequence"]

SOLVED = ("pca", "lsa", "vectors")
"""Kinds of variant that need no training."""

SIZES = {"pca": 1, "lsa": 1, "vectors": 0, "sequence": 1}
"""Kinds of variant that stand on prepared data alone, and how many sizes they take."""

ON_DOCUMENTS = ("lsa", "sequence")
"""Kinds of variant that only documents have."""

ON_IMAGES = ("pca", "conv")
"""Kinds of variant and layer that only images have."""


class Neighbours(FrozenModel):
    """Words of the ``count`` nearest documents as a ``share`` of each document's target.

    Neighbours are training documents, by the cosine between weighted words; no label is used.
    """

    count: PositiveInt
    share: Strength


class Sequence(FrozenModel):
    """A sequence-to-sequence autoencoder: states of ``width``, ``blocks`` up and as many down.

    Each block looks at ``window`` tokens. ``word_dropout`` is the share of tokens that the decoder
    is not shown in training. Each title is ``titles`` times among the training examples, and
    ``shuffled`` times more with its words in another order, so that the code must hold the order,
    which the decoder could otherwise guess from habitual word order.
    """

    width: PositiveInt = 128
    blocks: PositiveInt = 2
    window: PositiveInt = 3
    word_dropout: float = Field(0.5, ge=0, le=1)
    titles: NonNegativeInt = 2
    shuffled: NonNegativeInt = 2


class Variant(Item):
    """A model to be compared: the layers of ``input``, then new ones of ``sizes`` units.

    New layers are of kind ``layer`` and start at random; hidden ones have ``activation``, the code
    ``code_activation``. Other kinds than ``autoencoder``: ``pca`` and ``lsa`` solve for one linear
    layer in closed form, ``vectors`` uses the weighted words themselves as the code,
    ``sequence`` is a sequence-to-sequence autoencoder of the documents' tokens.
    """

    kind: VariantKind = "autoencoder"
    sizes: tuple[PositiveInt, ...] = ()
    layer: Literal["dense", "tied"] = "dense"
    activation: ActivationName = "gelu"
    code_activation: ActivationName = "linear"
    neighbours: Annotated[Neighbours | None, OBJECTIVE] = None
    sequence: Sequence = Sequence()
    train: Training = Training()

    @property
    def objective(self) -> str:
        """Name of the training objective: the setting that asks for one, or the kind."""
        return self.kind if self.kind == "sequence" else super().objective

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


class Repeats(FrozenModel):
    """Variants compared by their initialisation, each trained from several seeds in few epochs.

    Their layers are pretrained anew with each seed; ``epochs`` replaces the variants' own.
    """

    variants: tuple[str, ...] = ()
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    epochs: PositiveInt = 10


def rules(item: Layer | Variant, documents: bool) -> Iterator[str]:
    """Mistakes in an item's settings, on data that are documents or images."""
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
    """Mistakes in the settings of an item that whitens its images."""
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
    """Mistakes in the settings of an item that takes bags of words."""
    if item.weights is None:
        yield f"weights: must be one of {', '.join(get_args(WeightsName))}, found none; set it"
    if item.kind == "rbm":
        yield "kind: a Boltzmann machine has no units for bags of words; use dense or tied"
    if item.kind not in SOLVED and item.output == "sigmoid" and item.weights != "binary":
        yield (
            f"output: sigmoid answers with probabilities, found {item.weights} weights; use "
            "softmax, or weights: binary"
        )
