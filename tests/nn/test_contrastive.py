"""The contrastive penalty against its formula, written out."""

import math

import pytest
import torch
from torch.nn import functional as F

from ae_lightning.nn.contrastive import contrastive_loss


def by_hand(first, second, temperature):
    codes = [*first, *second]
    total = 0.0
    for i, code in enumerate(codes):
        alike = [float(F.cosine_similarity(code, other, dim=0)) / temperature for other in codes]
        partner = (i + len(first)) % len(codes)
        rest = sum(math.exp(value) for j, value in enumerate(alike) if j != i)
        total -= math.log(math.exp(alike[partner]) / rest)
    return total / len(codes)


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_the_formula(temperature):
    torch.manual_seed(0)
    first, second = torch.randn(2, 5, 4)
    expected = by_hand(first, second, temperature)
    assert contrastive_loss(first, second, temperature).item() == pytest.approx(expected, rel=1e-5)


def test_its_ends():
    apart = torch.eye(8)
    assert contrastive_loss(apart, apart, 0.01).item() == pytest.approx(0, abs=1e-6)
    assert contrastive_loss(torch.ones(4, 3), torch.ones(4, 3), 0.5).item() == pytest.approx(
        math.log(7)
    )


def test_neither_order_nor_length_of_codes_matters():
    torch.manual_seed(0)
    first, second = torch.randn(2, 6, 3)
    order, lengths = torch.randperm(6), torch.rand(6, 1) + 0.5
    other = contrastive_loss((first * lengths)[order], second[order], 0.3)
    torch.testing.assert_close(other, contrastive_loss(first, second, 0.3))
    torch.testing.assert_close(
        contrastive_loss(second, first, 0.3), contrastive_loss(first, second, 0.3)
    )
