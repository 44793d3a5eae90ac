"""Claim: a sequence-to-sequence autoencoder keeps the order of words, which a bag cannot.

Legend: a pair is a sequence ``s`` and another order ``s'`` of the same tokens.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.sequences import Sequences
from ae_lightning.data.text.tokenize import PADDING
from ae_lightning.evaluation.image_scores import Metrics
from ae_lightning.nn.layers.sequence import SequenceLayer, log_likelihood, with_end
from ae_lightning.nn.stack import Stack

SHORTEST, LONGEST = 4, 10
PAIRS = 1000
ROUNDING = 1e-4
"""Codes that differ by less than this share of their length are taken for the same."""

BAG = {
    "codes_differ": 0.0,
    "matched": 0.5,
    "own_order": 0.5,
    "both_own": 0.0,
    "both_exact": 0.0,
}
"""Scores of any code of the bag of words: ``s`` and ``s'`` have the same code."""


def order_pairs(
    sequences: Sequences,
    *,
    shortest: int = SHORTEST,
    longest: int = LONGEST,
    limit: int = PAIRS,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Sequences and their copies with two different tokens swapped, both ``(pairs, length)``.

    Taken are the first ``limit`` sequences of ``shortest`` to ``longest`` tokens that are not all
    the same. Which two are swapped is drawn with ``seed``.
    """
    lengths = sequences.lengths
    (rows,) = np.nonzero((lengths >= shortest) & (lengths <= longest))
    own = sequences[rows]
    mixed = ((own != own[:, :1]) & (own != PADDING)).any(1)
    own = own[mixed][:limit]
    random, other = np.random.default_rng(seed), own.copy()
    for tokens in other:
        different = np.argwhere(np.triu(tokens[:, None] != tokens) & (tokens != PADDING))
        swap = random.choice(different)
        tokens[swap] = tokens[swap[::-1]]
    return torch.from_numpy(own), torch.from_numpy(other)


@torch.inference_mode()
def order_scores(layer: SequenceLayer, pairs: tuple[Tensor, Tensor]) -> Metrics:
    """Scores of how well a layer, in evaluation mode, tells the orders of pairs apart.

    ``codes_differ``: share of pairs whose codes differ by more than rounding. ``matched``: share
    of pairs of which the right one of both ways to match codes with sequences is the likelier,
    ``log p(s | code of s) + log p(s' | code of s')`` against ``log p(s' | code of s) +
    log p(s | code of s')``; ties count half. How usual an order is cancels there, but not in
    ``own_order``: share of sequences likelier than the other order under their own code.
    ``exact``: share of sequences that greedy decoding gives back token by token. ``both_own`` and
    ``both_exact``: shares of pairs of which that holds for both. ``bag``: what a bag of words
    gets, by construction. There are no shares of no ``pairs``.
    """
    if not len(pairs[0]):
        return {"pairs": 0}
    codes = [layer.encode(tokens) for tokens in pairs]
    likelihood = torch.stack([_log_likelihoods(layer, code, pairs) for code in codes])
    own = torch.stack([likelihood[i, i] > likelihood[i, 1 - i] for i in (0, 1)])
    exact = torch.stack([_exact(layer, *each) for each in zip(codes, pairs, strict=True)])
    gain = likelihood[0, 0] + likelihood[1, 1] - likelihood[0, 1] - likelihood[1, 0]
    shares = {
        "codes_differ": (codes[0] - codes[1]).norm(dim=1) > ROUNDING * codes[0].norm(dim=1),
        "matched": (gain.sign() + 1) / 2,
        "own_order": own,
        "both_own": own.all(0),
        "exact": exact,
        "both_exact": exact.all(0),
    }
    found: Metrics = {name: float(share.double().mean()) for name, share in shares.items()}
    return {"pairs": len(pairs[0]), **found, "bag": dict(BAG)}


def _log_likelihoods(layer: SequenceLayer, code: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
    """Of both orders under one code, ``(2, pairs)``."""
    return torch.stack(
        [log_likelihood(layer.decode_logits(code, tokens), tokens) for tokens in pairs]
    )


def _exact(layer: SequenceLayer, code: Tensor, tokens: Tensor) -> Tensor:
    """Which sequences their codes give back, ends included, ``(pairs,)``."""
    target = with_end(tokens)
    generated = layer.generate(code, target.shape[1])
    missing = target.shape[1] - generated.shape[1]
    return (F.pad(generated, (0, missing), value=PADDING) == target).all(1)


def order(stack: Stack, corpus: Corpus) -> Metrics:
    """``order`` of a sequence model on the test documents' titles; {} for other stacks.

    Without titles, or with too short ones, there are no pairs.
    """
    if not stack.takes_sequences:
        return {}
    titles = [record["title"] or "" for record in corpus.records("test")]
    layer = stack.layers[0].eval()
    assert isinstance(layer, SequenceLayer)
    return {"order": order_scores(layer, order_pairs(corpus.sequences_of(titles)))}
