"""Training of variants: one function per kind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import lightning

from ae_lightning.config.variants import Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.registry import NamedBy
from ae_lightning.training.closed_form import lsa_stack, pca_stack
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.fit import fit
from ae_lightning.training.input_transform import fit_input_transform, weighting
from ae_lightning.training.objectives.sequences import examples, sequence_stack
from ae_lightning.training.objectives.table import OBJECTIVES
from ae_lightning.training.setup import Fit


def closed_form(variant: Variant, below: Stack, data: PreparedDataset, how: Fit) -> Stack:
    """PCA with as many components as the variant's only size; it has no learning curve."""
    _nothing_learned(how)
    first = fit_input_transform(variant, data, below)
    return pca_stack(data, variant.sizes[0], first, variant.code_activation)


def backpropagation(variant: Variant, below: Stack, data: PreparedDataset, how: Fit) -> Stack:
    """Fine-tune all layers together: those of ``below`` and the variant's new ones on top."""
    lightning.seed_everything(variant.train.seed, verbose=False)
    new = chain_specs(
        below.specs[-1].units if below.specs else data.features,
        variant.sizes,
        hidden=variant.activation,
        code=variant.code_activation,
        output=below.specs[-1].activation if below.specs else variant.output,
        kind=variant.layer,
    )
    stack = Stack(
        [*below.layers, *checkpoint.build(new).layers], fit_input_transform(variant, data, below)
    )
    objective = OBJECTIVES[variant.objective]
    examples = objective.examples(stack, data, variant, how.environment.memory_limit_mb)
    return fit(stack, *examples, replace(how, item=variant))


def vectors(variant: Variant, below: Stack, data: PreparedDataset, how: Fit) -> Stack:
    """The vector-space model: the weighted words, or the images, themselves are the code."""
    _nothing_learned(how)
    return Stack([], fit_input_transform(variant, data, below))


def lsa(variant: Variant, below: Stack, data: PreparedDataset, how: Fit) -> Stack:
    """Latent semantic analysis with as many components as the variant's only size."""
    _nothing_learned(how)
    assert variant.weights is not None  # checked with params.yaml
    return lsa_stack(data, weighting(variant.weights, data), variant.sizes[0])


def sequence(variant: Variant, below: Stack, data: PreparedDataset, how: Fit) -> Stack:
    """A sequence-to-sequence autoencoder, trained on documents and their titles."""
    lightning.seed_everything(variant.train.seed, verbose=False)
    stack, corpus = sequence_stack(variant, data), Corpus(data)
    train = examples(corpus, "train", variant.sequence, variant.train.seed)
    validation = corpus.sequences("validation")
    return fit(stack, train, validation, replace(how, item=variant))


def _nothing_learned(how: Fit) -> None:
    """A learning curve without rows."""
    if how.curve is not None:
        LearningCurve().write(how.curve)


FITTERS: Annotated[
    dict[str, Callable[[Variant, Stack, PreparedDataset, Fit], Stack]], NamedBy(values=("kind",))
] = {
    "autoencoder": backpropagation,
    "pca": closed_form,
    "lsa": lsa,
    "vectors": vectors,
    "sequence": sequence,
}
