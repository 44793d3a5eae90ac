"""Train a sequence-to-sequence autoencoder on documents and their titles."""

import numpy as np
from torch import Tensor

from ae_lightning.config.variants import Sequence, Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.sequences import Sequences
from ae_lightning.data.text.tokenize import FIRST_WORD, PADDING
from ae_lightning.distributed.global_batch import padded_alike
from ae_lightning.nn.layers.sequence import (
    SequenceLayer,
    SequenceSpec,
    bag_cross_entropy,
    token_cross_entropy,
    with_end,
)
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.terms import Term
from ae_lightning.training.setup import Fit


def padded(stack: Stack, batch: Tensor, item: Variant, training: bool) -> tuple[Tensor, Tensor]:
    """Token sequences ``(batch, length)`` as input and target."""
    tokens = padded_alike(batch, PADDING) if training else batch
    return tokens, tokens


def next_tokens_and_bag(stack: Stack, how: Fit) -> list[Term]:
    """Cross-entropy of each token by the code and those before, and of all by the code alone.

    Both are in nats per token, ends included in the first.
    """
    (layer,) = stack.layers
    assert isinstance(layer, SequenceLayer)
    return [
        Term(
            1.0,
            lambda output, seen: token_cross_entropy(output.logits, seen.target),
            lambda batch: (with_end(batch) != PADDING).sum(),
        ),
        Term(
            1.0,
            lambda output, seen: bag_cross_entropy(layer.bag_logits(output.code), seen.target),
            lambda batch: (batch != PADDING).sum(),
        ),
    ]


def sequence_stack(variant: Variant, data: PreparedDataset) -> Stack:
    """A new sequence autoencoder with a code of the variant's only size."""
    words = len(Corpus(data).vocabulary["words"])
    spec = SequenceSpec(
        inputs=words + FIRST_WORD,
        units=variant.sizes[0],
        width=variant.sequence.width,
        blocks=variant.sequence.blocks,
        window=variant.sequence.window,
        word_dropout=variant.sequence.word_dropout,
    )
    return Stack([SequenceLayer(spec)])


def examples(corpus: Corpus, split: str, how: Sequence, seed: int) -> Sequences:
    """A split's documents and, as short sequences of their own, their titles as ``how`` says."""
    titles = corpus.sequences_of([record["title"] or "" for record in corpus.records(split)])
    random = np.random.default_rng(seed)
    more = [titles] * how.titles + [shuffled(titles, random) for _ in range(how.shuffled)]
    return joined([corpus.sequences(split), *more])


def shuffled(sequences: Sequences, random: np.random.Generator) -> Sequences:
    """The same sequences, each with its tokens in a random order."""
    number = np.repeat(np.arange(len(sequences)), sequences.lengths)
    order = np.lexsort((random.random(len(number)), number))
    return Sequences(sequences.tokens[order], sequences.offsets)


def joined(parts: list[Sequences]) -> Sequences:
    """All sequences of ``parts`` but the empty ones, one after the other."""
    lengths = np.concatenate([part.lengths for part in parts])
    offsets = np.concatenate([[0], lengths[lengths > 0].cumsum()])
    return Sequences(np.concatenate([part.tokens for part in parts]), offsets)
