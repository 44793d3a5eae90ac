"""Train a sequence-to-sequence autoencoder on documents and their titles."""

import numpy as np
from torch import Tensor

from ae_lightning.config.variants import Sequence, Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.sequences import Sequences
from ae_lightning.data.text.tokenize import FIRST_WORD, PADDING
from ae_lightning.distributed.global_batch import examples_of, padded_alike, weighed
from ae_lightning.nn.layers.sequence import (
    SequenceLayer,
    SequenceSpec,
    bag_cross_entropy,
    token_cross_entropy,
    with_end,
)
from ae_lightning.nn.stack import Stack
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.setup import Fit


class SequenceReconstruction(Reconstruction):
    """Predict each token from the code and the tokens before, and all of them from the code alone.

    Logs ``train/loss``, the sum of both cross-entropies in nats per token, averaged over the
    examples, and ``val/loss``, the first of them, averaged over all tokens.
    """

    def __init__(self, stack: Stack, how: Fit) -> None:
        super().__init__(stack, how)
        (layer,) = stack.layers
        assert isinstance(layer, SequenceLayer)
        self.layer = layer

    def training_step(self, batch: Tensor) -> Tensor:
        """Loss of token sequences ``(batch, length)``."""
        batch = padded_alike(batch, PADDING)
        code, logits = self.stack.trace(batch)
        bag = bag_cross_entropy(self.layer.bag_logits(code), batch)
        words = (batch != PADDING).sum()
        loss = weighed(token_cross_entropy(logits, batch), words + len(batch))
        loss = loss + weighed(bag, words)
        size = examples_of(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=size)
        return loss

    def validation_step(self, batch: Tensor) -> None:
        """Cross-entropy of token sequences ``(batch, length)``."""
        loss = token_cross_entropy(self.stack.trace(batch).logits, batch)
        tokens = int((with_end(batch) != PADDING).sum())
        self.log("val/loss", loss, batch_size=tokens, sync_dist=True)


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
