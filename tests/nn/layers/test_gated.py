import math

import pytest
import torch

from ae_lightning.nn.layers.gated import GatedBlock, positions, windows


def test_positions_by_hand():
    found = positions(torch.tensor([0, 2]), 4)
    expected = [[0, 0, 1, 1], [math.sin(2), math.sin(0.02), math.cos(2), math.cos(0.02)]]
    torch.testing.assert_close(found, torch.tensor(expected))
    assert positions(torch.arange(3), 5).shape == (3, 5)


def test_windows_by_hand():
    x = torch.tensor([[[1.0], [2.0], [3.0]]])
    assert windows(x, 1, 1).tolist() == [[[0, 1, 2], [1, 2, 3], [2, 3, 0]]]
    assert windows(x, 2, 0).tolist() == [[[0, 0, 1], [0, 1, 2], [1, 2, 3]]]
    assert windows(x[:, :0], 1, 1).shape == (1, 0, 3)


def convolved(x, block, before):
    """A block's states by explicit sums: which neighbours its window has, with zeros outside."""
    length, width = x.shape[1:]
    states, window = block.norm(x), block.gated.in_features // width
    rows = []
    for place in range(length):
        mixed = block.gated.bias
        for i in range(window):
            seen = place - before + i
            if 0 <= seen < length:
                matrix = block.gated.weight[:, i * width : (i + 1) * width]
                mixed = mixed + states[:, seen] @ matrix.T
        rows.append(mixed)
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize(
    ("window", "code", "before"), [(1, None, 0), (2, None, 1), (3, None, 1), (2, 5, 1), (3, 5, 2)]
)
def test_a_block_is_a_gated_convolution(window, code, before):
    torch.manual_seed(0)
    block = GatedBlock(4, window, code).double()
    for parameter in block.parameters():
        parameter.data += torch.randn_like(parameter)
    x, given = torch.randn(2, 6, 4).double(), torch.randn(2, 5).double()
    mixed = convolved(x, block, before)
    if code:
        mixed = mixed + (given @ block.given.weight.T)[:, None]
    left, right = mixed[:, :, :4], mixed[:, :, 4:]
    gate = left * (1 + torch.erf(left / 2**0.5)) / 2
    expected = x + (gate * right) @ block.back.weight.T + block.back.bias
    torch.testing.assert_close(block(x, None, given if code else None), expected)


def test_a_new_block_is_the_identity():
    x = torch.randn(2, 6, 4)
    assert torch.equal(GatedBlock(4, 3)(x), x)
