import json
import math

import numpy as np
import pytest
import torch

from ae_lightning.evaluation.metrics.suite import FOR_PICTURES, FOR_STROKES, claims
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import chain_specs

PLANE = {"generation", "axes"}
ALWAYS = set(FOR_STROKES) - PLANE - {"positions"}


def conv(unpooling, shape=(1, 8, 8)):
    options = {"kernel": 3, "pool": 2, "activation": "gelu", "output": "sigmoid"}
    return ConvSpec.of(shape, 3, unpooling=unpooling, **options)


def values(metrics):
    for value in metrics.values():
        yield from values(value) if isinstance(value, dict) else [value]


@pytest.mark.parametrize(("code", "names"), [(2, ALWAYS | PLANE), (3, ALWAYS)])
def test_measures_that_apply_are_there_and_the_same_each_time(measured, code, names):
    torch.manual_seed(0)
    specs = chain_specs(64, [6, code], hidden="gelu", code="linear", output="sigmoid")
    stack = measured(checkpoint.build(specs))
    state = torch.get_rng_state()
    found = claims(stack)
    assert torch.equal(torch.get_rng_state(), state)
    assert set(found) == names
    assert all(type(value) is float and math.isfinite(value) for value in values(found))
    torch.rand(3)
    assert claims(stack) == found
    assert json.loads(json.dumps(found)) == found


def test_switches_carry_bits_past_the_code(measured):
    """3 maps of 4 by 4 and then of 2 by 2 maxima, each in one of four places: two bits."""
    upper = conv("switches", (3, 4, 4))
    dense = DenseSpec(inputs=upper.units, units=2, activation="linear", output="gelu")
    found = claims(measured(checkpoint.build([conv("switches"), upper, dense])))
    assert found["positions"] == {"bits": 2 * (3 * 16 + 3 * 4)}
    assert set(found) == ALWAYS | {"positions"}
    assert "positions" not in claims(measured(checkpoint.build([conv("repeat")])))


def test_pictures_have_no_strokes_and_few_images_do(measured):
    torch.manual_seed(0)
    specs = chain_specs(64, [6, 2], hidden="gelu", code="linear", output="sigmoid")
    stack = measured(checkpoint.build(specs))
    few, all_of_them = claims(stack, FOR_PICTURES), claims(stack)
    assert set(few) == set(all_of_them) - {"axes"}
    for name in set(few) - {"copying"}:  # 32 images are few already; noise there is as asked for
        assert few[name] == all_of_them[name]
    assert few["copying"] == pytest.approx(all_of_them["copying"], rel=0.1)


@pytest.mark.parametrize("name", ["corruption", "jacobian", "shift"])
def test_a_measure_on_few_images_is_that_on_a_test_part_of_them_alone(measured, name):
    torch.manual_seed(0)
    specs = chain_specs(64, [6, 3], hidden="gelu", code="linear", output="sigmoid")
    stack = measured(checkpoint.build(specs))
    measure = FOR_STROKES[name]
    asked = measure(stack, count=5)
    few = np.array(stack.data.inputs("test")[:5])
    np.save(stack.data.folder / "test_inputs.npy", few)
    assert asked == measure(stack) != measure(stack, count=4)
