"""A sequence autoencoder: a code of fixed size for token sequences of any length, and back.

Sutskever, Vinyals & Le (2014), "Sequence to sequence learning with neural networks", with gated
convolutions in place of recurrent nets (Gehring et al. 2017): all positions at once.

Legend: ``tokens`` (batch, length) int64, whole sequences followed by padding; V ids of tokens,
W width of the states.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from ae_lightning.data.text.tokenize import END, PADDING, UNKNOWN
from ae_lightning.distributed.global_batch import jointly
from ae_lightning.errors import UserError
from ae_lightning.nn.layers.base import AutoencoderLayer, LayerOutput, Spec
from ae_lightning.nn.layers.gated import GatedBlock, positions


def with_end(tokens: Tensor) -> Tensor:
    """Each sequence with the end token behind its last one, ``(batch, length + 1)``."""
    lengths = (tokens != PADDING).sum(1, keepdim=True)
    return F.pad(tokens, (0, 1), value=PADDING).scatter(1, lengths, END)


def log_likelihood(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability in nats of each whole sequence and its end, ``(batch,)``.

    Takes teacher-forced logits ``(batch, length + 1, V)``.
    """
    target = with_end(tokens)
    nats = F.cross_entropy(
        logits.float().flatten(0, 1), target.flatten(), ignore_index=PADDING, reduction="none"
    )
    return -nats.view_as(target).sum(1)


def token_cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy in nats per token, ends included, over all of a batch's tokens (scalar).

    Takes teacher-forced logits ``(batch, length + 1, V)``; padding does not count.
    """
    return F.cross_entropy(
        logits.float().flatten(0, 1), with_end(tokens).flatten(), ignore_index=PADDING
    )


def token_accuracy(logits: Tensor, tokens: Tensor) -> Tensor:
    """Share of a batch's tokens, ends included, that have the greatest logit (scalar).

    Takes teacher-forced logits ``(batch, length + 1, V)``; padding does not count.
    """
    target = with_end(tokens)
    return (logits.argmax(2) == target)[target != PADDING].float().mean()


def bag_cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy in nats per token of one distribution for a whole sequence (scalar).

    Takes ``logits`` ``(batch, V)``; 0 for a batch of empty sequences. Zhao, Zhao & Eskenazi
    (2017), eq. 5: without it a decoder that is given the tokens before leaves the code unused.
    """
    present = tokens != PADDING
    nats = -F.log_softmax(logits.float(), dim=1).gather(1, tokens)
    return (nats * present).sum() / present.sum().clamp(min=1)


class SequenceSpec(Spec):
    """Shape of a sequence autoencoder: ``inputs`` ids of tokens, ``units`` numbers in the code.

    ``blocks`` of the encoder and of the decoder have states of ``width`` and look at ``window``
    tokens. ``word_dropout`` is the share of tokens that the decoder is not shown in training.
    """

    kind: Literal["sequence"] = "sequence"
    activation: Literal["linear"] = "linear"
    output: Literal["softmax"] = "softmax"
    width: PositiveInt = 128
    blocks: PositiveInt = 2
    window: PositiveInt = 3
    word_dropout: Annotated[float, Field(ge=0, le=1)] = 0.5


class SequenceLayer(AutoencoderLayer):
    """Encoder and decoder of token sequences, of any length, with one embedding for both.

    The embedding is the output matrix too (Press & Wolf 2017). The decoder is given the code at
    every position and the tokens before; in training some of these are hidden from it, so that it
    needs the code (Bowman et al. 2016, 3.1).
    """

    spec: SequenceSpec
    spec_class = SequenceSpec
    takes_sequences = True

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        width, places = spec.width, range(spec.blocks)
        self.embedding = nn.Embedding(spec.inputs, width)
        self.encoder = nn.ModuleList([GatedBlock(width, spec.window) for _ in places])
        self.pooled_norm = nn.LayerNorm(width)
        self.to_code = nn.Linear(width, spec.units)
        self.from_code = nn.Linear(spec.units, width, bias=False)
        self.decoder = nn.ModuleList([GatedBlock(width, spec.window, spec.units) for _ in places])
        self.decoder_norm = nn.LayerNorm(width)
        self.decoder_bias = nn.Parameter(torch.zeros(spec.inputs))
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    @property
    def visible_bias(self) -> Tensor:
        """One number per token id, ``(V,)``."""
        return self.decoder_bias

    def trace(self, x: Tensor) -> LayerOutput:
        """Codes ``(batch, units)`` of tokens ``(batch, length)``, and the tokens themselves.

        Padding changes nothing; all empty sequences have the same code.
        """
        present = (x != PADDING)[:, :, None]
        states = self._embed(x)
        for block in self.encoder:
            states = block(states, present)
        mean = (states * present).sum(1) / present.sum(1).clamp(min=1)
        return LayerOutput(self.activation(self.to_code(self.pooled_norm(mean))), x)

    def decode_logits(self, code: Tensor, side_info: Tensor | None = None) -> Tensor:
        """Teacher-forced logits ``(batch, length + 1, V)`` for the tokens of :meth:`trace`.

        Position ``i`` predicts token ``i`` from those before it, the last one the end.

        Raises:
            UserError: without tokens.
        """
        if side_info is None:
            raise UserError(
                "a sequence's logits need the tokens before each one, found a bare code; "
                "use generate(code, limit)"
            )
        shown = side_info
        if self.training:
            shown = jointly(_with_unknown, shown, self.spec.word_dropout)
        return self._next_logits(code, F.pad(shown, (1, 0), value=END))

    def bag_logits(self, code: Tensor) -> Tensor:
        """Bag-of-words logits from the code alone, ``(batch, V)``: no places, no tokens before."""
        return F.linear(self.from_code(code), self.embedding.weight, self.decoder_bias)

    @torch.inference_mode()
    def generate(self, code: Tensor, limit: int) -> Tensor:
        """Greedy decoding: the likeliest next tokens, ``(batch, at most limit)``, then padding.

        A sequence that was finished has an end token, one that was cut off at ``limit`` has none.
        """
        reach = 1 + self.spec.blocks * (self.spec.window - 1)
        before = torch.full((len(code), 1), END, device=code.device)
        going = torch.ones(len(code), dtype=torch.bool, device=code.device)
        while before.shape[1] <= limit and going.any():
            start = max(0, before.shape[1] - reach)
            logits = self._next_logits(code, before[:, start:], start)[:, -1]
            token = logits[:, PADDING + 1 :].argmax(1) + PADDING + 1
            before = torch.cat([before, (token * going)[:, None]], dim=1)
            going = going & (token != END)
        return before[:, 1:]

    def _next_logits(self, code: Tensor, before: Tensor, start: int = 0) -> Tensor:
        states = self._embed(before, start)
        for block in self.decoder:
            states = block(states, None, code)
        states = self.decoder_norm(states) + self.from_code(code)[:, None]
        return F.linear(states, self.embedding.weight, self.decoder_bias)

    def _embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        """States of tokens at places from ``start``, of one scale: Vaswani et al. (2017), 3.4."""
        width = self.spec.width
        places = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        return self.embedding(tokens) * width**0.5 + positions(places, width)


def _with_unknown(tokens: Tensor, share: float) -> Tensor:
    """Tokens of which a random share is not known."""
    return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < share, UNKNOWN)
