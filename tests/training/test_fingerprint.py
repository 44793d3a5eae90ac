from dataclasses import replace

import numpy as np
import pytest
import torch

from ae_lightning.config.layers import Views
from ae_lightning.config.variants import Neighbours, Variant
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import Weighting
from ae_lightning.training import fingerprint as module
from ae_lightning.training.fingerprint import of_fit
from ae_lightning.training.setup import Fit

DATA = (np.arange(12, dtype=np.uint8).reshape(3, 4), np.zeros((2, 4), np.uint8))
VARIANT = Variant(
    data="notes",
    input="prepared/notes",
    sizes=(2,),
    weights="tfidf",
    neighbours=Neighbours(count=3, share=0.5),
)


@pytest.fixture
def stack():
    torch.manual_seed(0)
    return checkpoint.build([DenseSpec(inputs=4, units=2, activation="tanh", output="linear")])


def named(stack, how, data=DATA):
    return of_fit(stack, data, how)


def settled(how, **options):
    return replace(how, environment=how.environment.model_copy(update=options))


def test_where_it_runs_is_no_part_of_a_training(stack, how):
    first = named(stack, how())
    places = {"devices": "2", "strategy": "ddp", "num_nodes": 3, "workers": 4, "memory_limit_mb": 1}
    assert named(stack, settled(how(), **places)) == first
    assert named(stack, replace(how(), title="another", curve=None)) == first


def test_how_wide_numbers_are_is_a_part(stack, how):
    assert named(stack, settled(how(), precision="bf16-mixed")) != named(stack, how())


def test_a_training_does_not_go_on_under_other_code(stack, how):
    assert named(stack, settled(how(), code="another")) != named(stack, how())


def test_the_type_of_the_optimisers_products_is_a_part(stack, how, monkeypatch):
    names = set()
    for fast in (True, False):
        monkeypatch.setattr(module, "multiplies_bf16", lambda accelerator, fast=fast: fast)
        names.add(named(stack, settled(how(), precision="32-true")))
    assert len(names) == 2


def test_all_that_decides_the_result_is_a_part(stack, how):
    other = checkpoint.build(stack.specs)
    less = VARIANT.model_copy(update={"neighbours": Neighbours(count=3, share=0.25)})
    names = [
        named(stack, how()),
        named(stack, how(seed=1)),
        named(stack, how(l1=0.1)),
        named(stack, how(views=Views(shift=1))),
        named(other, how()),
        named(stack, how(), (DATA[0] + 1, DATA[1])),
        *[named(stack, Fit.of(item, how().environment)) for item in (VARIANT, less)],
    ]
    assert len(set(names)) == len(names)


def test_what_was_computed_goes_by_what_it_was_computed_from(stack, how):
    """Rounding differs with the number of threads, and must not keep a training from going on."""
    rounded = checkpoint.build(stack.specs)
    rounded.load_state_dict({k: v * (1 + 1e-7) for k, v in stack.state_dict().items()})
    codes = tuple(array * 1.0000001 for array in DATA)
    a, b = how(source="a"), how(source="b")
    assert named(stack, a) == named(rounded, a, codes)
    assert named(stack, a) != named(stack, b)
    steps = [Stack(stack.layers, Weighting("tfidf", torch.ones(4) * scale)) for scale in (1, 1.1)]
    assert named(steps[0], how()) == named(steps[1], how())
