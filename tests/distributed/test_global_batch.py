"""Shares of one batch, each in turn in this process: together they must be what one makes of it."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from ae_lightning.config.layers import Views
from ae_lightning.data.images.augment import shift, view
from ae_lightning.distributed import global_batch
from ae_lightning.distributed.global_batch import Share, jointly, sharing, weighed, whole_batch
from ae_lightning.nn.corruption import corrupt

WHOLE, RANKS = 11, 3  # shares of 4, 4 and 3
SHARES = [Share(rank, RANKS, WHOLE) for rank in range(RANKS)]

DRAWS = {
    "rand": lambda x: torch.rand(len(x), 2),
    "rand of a shape": lambda x: torch.rand(x.shape),
    "rand of a size": lambda x: torch.rand(size=(len(x), 3)),
    "randn": lambda x: torch.randn(len(x)),
    "randint to": lambda x: torch.randint(9, (len(x), 1)),
    "randint from to": lambda x: torch.randint(-2, 9, (len(x), 1), device="cpu"),
    "rand_like": torch.rand_like,
    "randn_like": lambda x: torch.randn_like(x).mul_(2),
    "randint_like": lambda x: torch.randint_like(x, 2),
    "uniform_": lambda x: torch.empty(len(x), 1, 2).uniform_(3, 4),
    "normal_": lambda x: torch.empty(len(x)).normal_(std=2),
    "random_": lambda x: torch.empty(len(x)).random_(5),
    "images moved": lambda x: view(x.reshape(-1, 2, 2, 1), Views(shift=1, flip=True, crop=0.5)),
    "colours changed": lambda x: view(x.reshape(-1, 2, 2, 1), Views(colour=0.5)),
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


@pytest.mark.parametrize(
    "kinds", [{"mask": 0.5}, {"mask": 0.5, "gaussian": 0.9, "salt-and-pepper": 0.7}]
)
def test_corruption_does_not_depend_on_the_number_of_processes(kinds):
    assert_as_one(lambda x: jointly(corrupt, x, kinds), torch.rand(WHOLE, 6))


def test_shifts_do_not_depend_on_the_number_of_processes():
    images = torch.randint(1, 256, (WHOLE, 4, 5), dtype=torch.uint8)
    assert_as_one(lambda x: jointly(shift, x, 2), images)


def test_other_draws_stay_what_they_are():
    torch.manual_seed(5)
    expected = torch.rand(7, 2), torch.rand(WHOLE), torch.rand(())
    own = torch.Generator().manual_seed(1)
    with sharing(SHARES[0]):
        torch.manual_seed(5)
        found = torch.rand(7, 2), torch.rand(WHOLE), torch.rand(())
        from_own = torch.rand(4, generator=own)
    assert all(map(torch.equal, found, expected))
    assert torch.equal(from_own, torch.rand(4, generator=own.manual_seed(1)))


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
