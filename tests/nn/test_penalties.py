from typing import get_args, get_type_hints

import torch

from ae_lightning.config.layers import PENALTY, Objective
from ae_lightning.nn import checkpoint, penalties
from ae_lightning.nn.penalties import PENALTIES, l1, l2
from ae_lightning.nn.stack import chain_specs
from ae_lightning.nn.terms import LossContext

CODE = torch.tensor([[1.0, -2.0, 0.0], [3.0, 0.0, -4.0]])


def test_by_hand():
    assert l1(CODE) == (3 + 7) / 2
    assert l2(CODE) == (5 + 25) / 2


def test_the_table_has_a_row_for_every_weight_of_the_configuration():
    weights = {name for name, field in Objective.model_fields.items() if PENALTY in field.metadata}
    assert weights == set(PENALTIES)
    assert set(Objective(**dict.fromkeys(weights, 0.1)).penalties) == weights


def test_every_row_is_named_by_its_weight():
    _, named_by = get_args(get_type_hints(penalties, include_extras=True)["PENALTIES"])
    assert set(named_by.switches) == set(PENALTIES)


def test_rows_take_the_code_from_one_pass():
    stack = checkpoint.build(chain_specs(4, [3], hidden="gelu", code="tanh", output="sigmoid"))
    x = torch.rand(2, 4)
    output = stack.trace(x)._replace(code=CODE)
    seen = LossContext(stack, x, x, x, lambda codes: codes)
    assert PENALTIES["l1"](output, seen) == l1(CODE)
    assert PENALTIES["l2"](output, seen) == l2(CODE)
