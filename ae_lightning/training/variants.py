"""Variants to trained stacks: one function per kind."""

from collections.abc import Callable

import lightning

from ae_lightning.config import Variant
from ae_lightning.data.batches import in_memory
from ae_lightning.data.prepared import Prepared
from ae_lightning.nn import storage
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.training.callbacks import write_curve
from ae_lightning.training.fit import Fit, fit
from ae_lightning.training.pca import pca_stack


def closed_form(variant: Variant, below: Stack, data: Prepared, how: Fit) -> Stack:
    """PCA with as many components as the variant's only size; it has no learning curve."""
    if how.curve is not None:
        write_curve([], how.curve)
    return pca_stack(data, variant.sizes[0])


def backpropagation(variant: Variant, below: Stack, data: Prepared, how: Fit) -> Stack:
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
    stack = Stack([*below.layers, *storage.build(new).layers])
    limit = how.environment.memory_limit_mb
    train, validation = (in_memory(data.inputs(split), limit) for split in ("train", "validation"))
    return fit(stack, train, validation, how)


FITTERS: dict[str, Callable[[Variant, Stack, Prepared, Fit], Stack]] = {
    "autoencoder": backpropagation,
    "pca": closed_form,
}
