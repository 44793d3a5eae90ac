from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ae_lightning.data.text.sequences import Sequences
from ae_lightning.data.text.tokenize import END, PADDING
from ae_lightning.evaluation.metrics.word_order import BAG, order, order_pairs, order_scores
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.layers.sequence import (
    SequenceLayer,
    SequenceSpec,
    token_cross_entropy,
    with_end,
)
from ae_lightning.nn.muon import Muon

WORDS = 9
ROWS = [[3, 4, 5, 6], [3, 3, 3, 3], [4, 5], [7, 7, 7, 1], [8, 6, 4, 3, 3], [], [3] * 11]


def sequences(rows):
    offsets = np.cumsum([0, *map(len, rows)])
    return Sequences(np.array([t for row in rows for t in row], dtype=np.int32), offsets)


def stub(code, says):
    """A model of two rules: tokens to a code, a code to the tokens it is sure of."""

    def decode_logits(codes, tokens):
        told = with_end(torch.stack([says(one) for one in codes.long()]))
        told = F.pad(told, (0, 1))[:, : tokens.shape[1] + 1]
        return 20.0 * F.one_hot(told, WORDS)

    def generate(codes, limit):
        return with_end(torch.stack([says(one) for one in codes.long()]))[:, :limit]

    return SimpleNamespace(encode=code, decode_logits=decode_logits, generate=generate)


def test_pairs_are_two_tokens_swapped_in_sequences_of_the_right_length():
    own, other = order_pairs(sequences(ROWS))
    assert own.tolist() == [[3, 4, 5, 6, 0], [7, 7, 7, 1, 0], [8, 6, 4, 3, 3]]
    assert ((own != other).sum(1) == 2).all()
    for one, swapped in zip(own.tolist(), other.tolist(), strict=True):
        assert Counter(one) == Counter(swapped)
    assert torch.equal(own == PADDING, other == PADDING)


def test_limits_choose_the_pairs():
    own, _ = order_pairs(sequences(ROWS), shortest=2, longest=4)
    assert own.tolist() == [[3, 4, 5, 6], [4, 5, 0, 0], [7, 7, 7, 1]]
    assert order_pairs(sequences(ROWS), shortest=2, limit=2)[0].shape == (2, 5)


def test_every_swap_is_as_likely_and_the_seed_decides():
    many = sequences([[3, 4, 5, 5]] * 2000)
    _, other = order_pairs(many, limit=2000)
    assert torch.equal(order_pairs(many, limit=2000)[1], other)
    assert not torch.equal(order_pairs(many, limit=2000, seed=1)[1], other)
    counts = Counter(map(tuple, other.tolist()))
    swaps = {(4, 3, 5, 5), (5, 4, 3, 5), (5, 4, 5, 3), (3, 5, 4, 5), (3, 5, 5, 4)}
    assert set(counts) == swaps
    assert min(counts.values()) > 2000 / 5 * 0.8


def test_who_keeps_all_tokens_in_their_places_has_all_orders():
    found = order_scores(stub(lambda x: x.float(), lambda code: code), order_pairs(sequences(ROWS)))
    names = ("codes_differ", "matched", "own_order", "both_own", "exact", "both_exact")
    assert found == {"pairs": 3, **dict.fromkeys(names, 1.0), "bag": BAG}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_bag_gets_what_is_said_of_it(reverse):
    """Whatever order a code of the bag is decoded in, it is right for one of a pair at most."""

    def words(x):
        return x.float().sort(1, descending=True).values

    def says(code):
        count = int((code != PADDING).sum())
        return torch.cat([code[:count].flip(0), code[count:]]) if reverse else code

    own, other = torch.tensor([[3, 4, 5, 6], [6, 5, 4, 3]]), torch.tensor([[6, 4, 5, 3]] * 2)
    other[1] = torch.tensor([3, 5, 4, 6])
    found = order_scores(stub(words, says), (own, other))
    assert {name: found[name] for name in BAG} == BAG
    assert found["exact"] == 1 / 4
    assert found["bag"] == BAG


def test_shares_by_hand():
    """The first pair is known, of the second one order, of the third the first two tokens."""
    own = torch.tensor([[3, 4, 5, 6], [4, 5, 6, 7], [5, 6, 7, 8]])
    other = torch.tensor([[4, 3, 5, 6], [4, 5, 7, 6], [6, 5, 7, 8]])

    def code(x):
        kept = x.float()
        kept[(x == torch.tensor([4, 5, 7, 6])).all(1)] = torch.tensor([4.0, 5.0, 6.0, 7.0])
        kept[kept[:, 2:].sum(1) == 15, 2:] = 3.0
        return kept

    found = order_scores(stub(code, lambda tokens: tokens), (own, other))
    assert found["codes_differ"] == pytest.approx(2 / 3)
    assert found["matched"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert found["own_order"] == pytest.approx(5 / 6)
    assert found["both_own"] == pytest.approx(2 / 3)
    assert found["exact"] == pytest.approx(3 / 6)
    assert found["both_exact"] == pytest.approx(1 / 3)


def test_rounding_is_no_difference_of_codes():
    def code(x, difference):
        return torch.ones(len(x), 4) + difference * (x[:, :1] == 3)

    own, other = torch.tensor([[3, 4, 5, 6]]), torch.tensor([[4, 3, 5, 6]])
    for difference, share in ((1e-6, 0.0), (1e-2, 1.0)):
        one = stub(lambda x, by=difference: code(x, by), lambda _: own[0])
        assert order_scores(one, (own, other))["codes_differ"] == share


def test_without_pairs_there_are_no_shares():
    assert order_scores(None, order_pairs(sequences([[3, 4], []]))) == {"pairs": 0}


def corpus(titles):
    """A corpus whose titles are token ids."""
    return SimpleNamespace(
        records=lambda split: [{"title": title} for title in titles] if split == "test" else [],
        sequences_of=lambda texts: sequences([list(map(int, text.split())) for text in texts]),
    )


def test_the_test_documents_titles_are_asked_and_other_stacks_are_not():
    titles = ["3 4 5 6", "", None, "8 8 7 1 3"]
    stack = checkpoint.Stack([SequenceLayer(SequenceSpec(inputs=WORDS, units=4))])
    found = order(stack, corpus(titles))["order"]
    assert found["pairs"] == 2
    assert not stack.layers[0].training  # no word is hidden from the decoder
    dense = checkpoint.build([DenseSpec(inputs=4, units=2, activation="linear", output="softmax")])
    assert order(dense, corpus(titles)) == {}


def test_a_trained_model_beats_a_bag_on_sequences_it_never_saw():
    torch.manual_seed(0)
    layer = SequenceLayer(SequenceSpec(inputs=WORDS, units=24, width=48))
    held = order_pairs(sequences([[3, 4, 5, 6], [8, 3, 6, 4], [5, 7, 4, 8], [7, 6, 8, 5, 3]]))
    unseen = torch.cat(held)
    before = order_scores(layer.eval(), held)
    assert before["codes_differ"] == before["both_exact"] == 0
    optimizer = Muon(layer.train().parameters(), 0.02)
    for step in range(200):
        tokens = torch.rand(128, WORDS - 3).argsort(1)[:, :5] + 3
        tokens[::2, 4] = PADDING
        tokens = tokens[~(tokens[:, None] == unseen).all(2).any(1)]
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - step / 200)
        loss = token_cross_entropy(layer.decode_logits(*layer.trace(tokens)[:2]), tokens)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = order_scores(layer.eval(), held)
    assert found["codes_differ"] == 1
    assert found["matched"] == 1
    assert found["own_order"] > 0.8 > BAG["own_order"]
    assert found["both_own"] > 0.7
    assert found["exact"] > 0.5
    assert END not in layer.generate(layer.encode(unseen), 2)
