import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ae_lightning.data.text.tokenize import END, PADDING, UNKNOWN
from ae_lightning.errors import UserError
from ae_lightning.nn.layers.sequence import (
    SequenceLayer,
    SequenceSpec,
    bag_cross_entropy,
    log_likelihood,
    token_accuracy,
    token_cross_entropy,
    with_end,
)
from ae_lightning.nn.muon import Muon

WORDS = 9
"""Token ids of the tests: padding, unknown, end and six words."""

TOKENS = torch.tensor([[3, 4, 5, 8, 1], [6, 7, 0, 0, 0], [0, 0, 0, 0, 0]])


def layer(seed=0, **options):
    """A small layer with random weights throughout, in double precision, not training."""
    torch.manual_seed(seed)
    one = SequenceLayer(SequenceSpec(inputs=WORDS, units=6, width=7, **options)).double()
    for parameter in one.parameters():
        parameter.data += 0.4 * torch.randn_like(parameter)
    return one.eval()


def probabilities(rows):
    """Random logits ``(rows, positions, WORDS)`` and their softmax by numpy."""
    logits = np.random.default_rng(0).normal(size=rows)
    return torch.tensor(logits), np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


def test_the_end_comes_behind_the_last_token():
    expected = [[3, 4, 5, 8, 1, 2], [6, 7, 2, 0, 0, 0], [2, 0, 0, 0, 0, 0]]
    assert with_end(TOKENS).tolist() == expected
    assert with_end(TOKENS[:, :0]).tolist() == [[2], [2], [2]]


def test_likelihood_and_cross_entropy_by_hand():
    logits, share = probabilities((3, 6, WORDS))
    nats = [[-math.log(share[0, i, token]) for i, token in enumerate([3, 4, 5, 8, 1, 2])]]
    nats += [[-math.log(share[1, i, token]) for i, token in enumerate([6, 7, 2])]]
    nats += [[-math.log(share[2, 0, 2])]]
    assert log_likelihood(logits, TOKENS).tolist() == pytest.approx([-sum(row) for row in nats])
    assert token_cross_entropy(logits, TOKENS).item() == pytest.approx(sum(map(sum, nats)) / 10)


def test_a_uniform_guess_costs_the_logarithm_of_the_vocabulary():
    uniform = torch.zeros(3, 6, WORDS)
    assert token_cross_entropy(uniform, TOKENS).item() == pytest.approx(math.log(WORDS))
    assert bag_cross_entropy(uniform[:, 0], TOKENS).item() == pytest.approx(math.log(WORDS))


def test_accuracy_counts_tokens_and_ends_but_no_padding():
    guess = torch.tensor([[3, 4, 5, 3, 3, 2], [6, 3, 2, 0, 0, 0], [3, 0, 0, 0, 0, 0]])
    right = 4 + 2 + 0  # of 6, 3 and 1
    assert token_accuracy(F.one_hot(guess, WORDS), TOKENS).item() == pytest.approx(right / 10)


def test_the_bags_cross_entropy_by_hand_and_of_nothing():
    logits, share = probabilities((3, WORDS))
    nats = [-math.log(share[0, token]) for token in [3, 4, 5, 8, 1]]
    nats += [-math.log(share[1, token]) for token in [6, 7]]
    assert bag_cross_entropy(logits, TOKENS).item() == pytest.approx(sum(nats) / 7)
    assert bag_cross_entropy(logits[2:], TOKENS[2:]).item() == 0


@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_padding_changes_nothing(window):
    one, lengths = layer(window=window), [5, 2, 0]
    code, positions, _ = one.trace(TOKENS)
    logits = one.decode_logits(code, positions)
    assert logits.shape == (3, 6, WORDS)
    for row, length in enumerate(lengths):
        alone = TOKENS[row : row + 1, :length]
        torch.testing.assert_close(one.encode(alone)[0], code[row])
        found = one.decode_logits(*one.trace(alone)[:2])[0]
        torch.testing.assert_close(found, logits[row, : length + 1])


def test_empty_sequences_learn_as_well_as_others():
    one = layer().train()
    for tokens in (TOKENS, TOKENS[2:], TOKENS[:, :0]):
        one.zero_grad()
        code, positions, _ = one.trace(tokens)
        loss = token_cross_entropy(one.decode_logits(code, positions), tokens)
        (loss + bag_cross_entropy(one.bag_logits(code), tokens)).backward()
        assert all(parameter.grad.isfinite().all() for parameter in one.parameters())


def test_a_position_is_predicted_from_the_tokens_before_it_alone():
    one, code = layer(window=2), torch.randn(1, 6).double()
    tokens = torch.tensor([[3, 4, 5, 6, 7]])
    logits = one.decode_logits(code, tokens)
    for place in range(5):
        other = tokens.clone()
        other[0, place] = 8
        same = (one.decode_logits(code, other) == logits).all(2)[0].tolist()
        # Two blocks that look at two tokens each: three see the change.
        expected = [not place < i <= place + 3 for i in range(6)]
        assert same == expected


def test_every_position_is_given_the_code():
    one, code = layer(), torch.randn(1, 6).double()
    other = one.decode_logits(code + 0.1, TOKENS[:1])
    assert ((one.decode_logits(code, TOKENS[:1]) - other).abs().amax(2) > 1e-3).all()


def test_the_code_depends_on_the_order_and_what_it_says_of_the_bag_can_not():
    one = layer()
    code, swapped = one.encode(torch.tensor([[3, 4, 5, 6], [5, 4, 3, 6]]))
    assert (code - swapped).abs().max() > 1e-3
    logits = one.bag_logits(code[None])
    first, second = (bag_cross_entropy(logits, torch.tensor([t])) for t in ([3, 4], [4, 3]))
    assert first == second


def test_hidden_words_are_unknown_to_the_decoder_in_training_only():
    code = torch.randn(3, 6).double()
    for share, shown in ((0.0, TOKENS), (1.0, torch.full_like(TOKENS, UNKNOWN))):
        one = layer(word_dropout=share)
        expected = one.decode_logits(code, shown)
        assert torch.equal(one.train().decode_logits(code, TOKENS), expected)
        whole = layer(word_dropout=0.0).decode_logits(code, TOKENS)
        assert torch.equal(one.eval().decode_logits(code, TOKENS), whole)


def test_a_bare_code_has_no_logits():
    with pytest.raises(UserError, match=r"found a bare code; use generate\(code, limit\)$"):
        layer().decode_logits(torch.zeros(1, 6))


@pytest.mark.parametrize(("window", "blocks"), [(1, 1), (2, 3), (3, 2)])
def test_greedy_decoding_takes_the_likeliest_token_after_those_before(window, blocks):
    one, code = layer(window=window, blocks=blocks), 3 * torch.randn(40, 6).double()
    with torch.no_grad():
        one.decoder_bias[END] -= 2
    found = one.generate(code, 12)
    ended = (found == END).any(1)
    assert found.shape == (40, 12)
    assert ended.any()
    assert not ended.all()
    for row, tokens in zip(code, found, strict=True):
        stop = tokens.tolist().index(END) if END in tokens else 12
        assert (tokens[stop + 1 :] == PADDING).all()
        logits = one.decode_logits(row[None], tokens[None, :stop])[0]
        likeliest = logits[:, PADDING + 1 :].argmax(1) + PADDING + 1
        assert likeliest[: stop + 1].tolist()[:12] == tokens[: stop + 1].tolist()


def test_decoding_stops_when_all_have_ended_and_at_the_limit():
    one, code = layer(), torch.randn(2, 6).double()
    one.decoder_bias.data[END] = 1e3
    assert one.generate(code, 5).tolist() == [[END], [END]]
    one.decoder_bias.data[END] = -1e3
    one.decoder_bias.data[PADDING] = 1e3
    cut = one.generate(code, 5)
    assert cut.shape == (2, 5)
    assert not torch.isin(cut, torch.tensor([END, PADDING])).any()
    assert one.generate(code, 0).shape == (2, 0)


def test_there_is_no_longest_sequence():
    one, tokens = layer(), torch.randint(1, WORDS, (1, 3000))
    assert one.decode_logits(*one.trace(tokens)[:2]).shape == (1, 3001, WORDS)


def test_sizes_by_hand_and_through_json():
    spec = SequenceSpec(inputs=20, units=5, width=4, blocks=3, window=2, word_dropout=0.1)
    assert SequenceSpec.model_validate_json(spec.model_dump_json()) == spec
    assert (spec.kind, spec.activation, spec.output) == ("sequence", "linear", "softmax")
    block = (4 + 4) + (2 * 4 * 8 + 8) + (4 * 4 + 4)
    ends = 20 * 4 + 20 + 2 * (4 + 4) + (4 * 5 + 5) + 5 * 4
    one = SequenceLayer(spec)
    assert sum(p.numel() for p in one.parameters()) == ends + 6 * block + 3 * 5 * 8
    assert one.visible_bias.shape == one.bias_mean(torch.zeros(20)).shape == (20,)
    assert one.takes_sequences


def test_it_learns_to_give_sequences_back_in_their_order():
    """Sequences it never saw: a bag of four or five of six words has up to 120 orders."""
    random = torch.Generator().manual_seed(0)

    def draw(count):
        tokens = torch.rand(count, WORDS - 3, generator=random).argsort(1)[:, :5] + 3
        tokens[::2, 4] = PADDING
        return tokens

    torch.manual_seed(0)
    one = SequenceLayer(SequenceSpec(inputs=WORDS, units=24, width=48))
    optimizer = Muon(one.parameters(), 0.02)
    held = torch.tensor([[3, 4, 5, 6, 0], [6, 5, 4, 3, 0], [7, 3, 8, 4, 5], [5, 4, 8, 3, 7]])
    for step in range(250):
        tokens = draw(128)
        tokens = tokens[~(tokens[:, None] == held).all(2).any(1)]
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - step / 250)
        loss = token_cross_entropy(one.decode_logits(*one.trace(tokens)[:2]), tokens)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    one.eval()
    assert one.generate(one.encode(held), 6).tolist() == with_end(held).tolist()
    tokens = draw(200)
    assert (one.generate(one.encode(tokens), 6) == with_end(tokens)).all(1).float().mean() > 0.8
