"""Shares of one batch, each in turn in this process: together they must be what one makes of it."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from ae_lightning.config.classifiers import Moves
from ae_lightning.config.layers import Views
from ae_lightning.data.datamodule import copies
from ae_lightning.data.images.augment import random_affine, shift
from ae_lightning.distributed import global_batch
from ae_lightning.distributed.global_batch import Share, jointly, sharing, weighed, whole_batch
from ae_lightning.nn.corruption import CORRUPTIONS, corrupt
from ae_lightning.nn.layers.rbm import bernoulli, gaussian_sample

WHOLE, RANKS = 11, 3  # shares of 4, 4 and 3
SHARES = [Share(rank, RANKS, WHOLE) for rank in range(RANKS)]


def pixels(x):
    return x.mul(255).byte().view(-1, 2, 2)


DRAWS = {
    "zeros and ones": lambda x: jointly(bernoulli, x),
    "noise": lambda x: jointly(gaussian_sample, x),
    "images moved": lambda x: copies(x.view(-1, 2, 2, 1), Views(shift=1, flip=True, crop=0.5)),
    "colours changed": lambda x: copies(x.view(-1, 2, 2, 1), Views(colour=0.5, agreement=1)),
    "images turned": lambda x: jointly(random_affine, pixels(x), Moves(rotate=30)),
    "one kind of corruption": lambda x: jointly(corrupt, x, {"mask": 0.5}),
    "all kinds of corruption": lambda x: jointly(corrupt, x, dict.fromkeys(CORRUPTIONS, 0.7)),
}


def of_each_share(function, batch):
    """What each share makes of its rows, and where the generator stands after it."""
    for share in SHARES:
        torch.manual_seed(5)
        with sharing(share):
            found = function(share.rows(batch))
        yield share, found, torch.rand(3)


def assert_as_one(function, batch):
    torch.manual_seed(5)
    expected, after = function(batch), torch.rand(3)
    for share, found, then in of_each_share(function, batch):
        assert torch.equal(found, expected[share.rank :: RANKS])
        assert torch.equal(then, after)


@pytest.mark.parametrize("name", DRAWS)
def test_a_share_draws_what_one_process_would_draw_for_its_rows(name):
    assert_as_one(DRAWS[name], torch.rand(WHOLE, 4))


def test_shifts_do_not_depend_on_the_number_of_processes():
    images = torch.randint(1, 256, (WHOLE, 4, 5), dtype=torch.uint8)
    assert_as_one(lambda x: jointly(shift, x, 2), images)


def test_what_is_no_share_is_mapped_as_it_is():
    batch = torch.rand(7, 2)
    torch.manual_seed(5)
    expected = bernoulli(batch)
    torch.manual_seed(5)
    with sharing(SHARES[0]):
        assert torch.equal(jointly(bernoulli, batch), expected)


def test_gradients_pass_through():
    batch = torch.rand(WHOLE, 3, requires_grad=True)
    for share, found, _ in of_each_share(lambda rows: jointly(gaussian_sample, rows), batch):
        (gradient,) = torch.autograd.grad(found.sum(), batch)
        assert torch.equal(
            gradient.sum(1).nonzero().flatten(), torch.arange(WHOLE)[share.rank :: 3]
        )


def test_rows_of_all_shares_are_the_batch_and_no_row_is_twice():
    batch = torch.arange(WHOLE)
    rows = torch.cat([share.rows(batch) for share in SHARES])
    assert sorted(rows.tolist()) == batch.tolist()
    assert [share.own for share in SHARES] == [4, 4, 3]


def test_weighed_gradients_have_the_mean_of_one_process():
    batch, weight = torch.randn(WHOLE, 3), torch.randn(3, requires_grad=True)

    def loss(rows):
        return (rows @ weight).square().mean()

    (expected,) = torch.autograd.grad(loss(batch), weight)
    parts = of_each_share(lambda rows: torch.autograd.grad(weighed(loss(rows)), weight)[0], batch)
    averaged = torch.stack([gradient for _, gradient, _ in parts]).mean(0)
    torch.testing.assert_close(averaged, expected)


def test_a_mean_over_tokens_weighs_by_their_number(monkeypatch):
    values = torch.rand(WHOLE, 4)
    mask = torch.rand(WHOLE, 4) < 0.5
    monkeypatch.setattr(global_batch.process_group, "all_reduce_sum", lambda own: float(mask.sum()))

    def loss(rows):
        own = torch.stack([v for v, m in zip(values.flatten(), mask.flatten(), strict=True) if m])
        assert len(own) == mask.sum()
        chosen = mask[rows]
        return weighed(values[rows][chosen].mean(), chosen.sum())

    parts = [found for _, found, _ in of_each_share(loss, torch.arange(WHOLE))]
    torch.testing.assert_close(torch.stack(parts).mean(), values[mask].mean())


def test_codes_of_all_shares_are_gathered_without_padding():
    codes = torch.randn(WHOLE, 2)
    padded = [F.pad(share.rows(codes), (0, 0, 0, 4 - share.own)) for share in SHARES]
    for share in SHARES:
        with sharing(share):
            found = whole_batch(share.rows(codes), lambda part: torch.stack(padded))
        assert sorted(found.tolist()) == sorted(codes.tolist())


def test_nothing_changes_without_others():
    batch = torch.rand(WHOLE, 4)
    torch.manual_seed(5)
    expected = corrupt(batch, {"mask": 0.5})
    with sharing(Share(0, 1, WHOLE)):
        torch.manual_seed(5)
        assert torch.equal(jointly(corrupt, batch, {"mask": 0.5}), expected)
        assert weighed(batch) is batch
        assert whole_batch(batch, partial(pytest.fail, "nothing to gather")) is batch
        assert global_batch.padded_alike(batch, 0) is batch
        assert global_batch.examples_of(batch) == WHOLE
