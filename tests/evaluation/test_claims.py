import json
import math

import pytest
import torch

from ae_lightning.evaluation.claims import MEASURES, claims
from ae_lightning.nn import storage
from ae_lightning.nn.conv import ConvSpec
from ae_lightning.nn.dense import DenseSpec
from ae_lightning.nn.stack import chain_specs

PLANE = {"generation", "axes"}
ALWAYS = set(MEASURES) - PLANE - {"positions"}


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
    stack = measured(storage.build(specs))
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
    found = claims(measured(storage.build([conv("switches"), upper, dense])))
    assert found["positions"] == {"bits": 2 * (3 * 16 + 3 * 4)}
    assert set(found) == ALWAYS | {"positions"}
    assert "positions" not in claims(measured(storage.build([conv("repeat")])))
