"""Gated convolutions over sequences of states, and sinusoidal position encodings.

Legend: states are ``(batch, length, W)``, W their width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def positions(places: Tensor, width: int) -> Tensor:
    """Sinusoidal encodings ``(length, W)`` of places ``(length,)``: Vaswani et al. (2017), 3.5."""
    steps = torch.arange((width + 1) // 2, device=places.device)
    angles = places[:, None] * 10_000.0 ** (-2 * steps / width)
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]


def windows(x: Tensor, before: int, after: int) -> Tensor:
    """Each state with its neighbours, zeros beyond both ends.

    Takes ``(batch, length, W)``, returns ``(batch, length, (before + 1 + after) * W)``.
    """
    length, padded = x.shape[1], F.pad(x, (0, 0, before, after))
    return torch.cat([padded[:, i : i + length] for i in range(before + 1 + after)], dim=2)


class GatedBlock(nn.Module):
    """``x + V (gelu(A w) * B w)`` for the window ``w`` around each normalised state.

    The gated convolution of Dauphin et al. (2017), Fig. 1, with Shazeer's (2020) gate. With
    ``code`` units it looks back alone, and ``A`` and ``B`` see the code too. It begins as the
    identity.
    """

    def __init__(self, width: int, window: int, code: int | None = None) -> None:
        super().__init__()
        self.before = window - 1 if code else window // 2
        self.after = window - 1 - self.before
        self.norm = nn.LayerNorm(width)
        self.gated = nn.Linear(window * width, 2 * width)
        self.given = nn.Linear(code, 2 * width, bias=False) if code else None
        self.back = nn.Linear(width, width)
        nn.init.normal_(self.gated.weight, std=self.gated.in_features**-0.5)
        nn.init.zeros_(self.gated.bias)
        nn.init.zeros_(self.back.weight)
        nn.init.zeros_(self.back.bias)

    def forward(
        self, x: Tensor, present: Tensor | None = None, code: Tensor | None = None
    ) -> Tensor:
        """States ``(batch, length, W)`` to states; those not ``present`` count as zeros."""
        states = self.norm(x) if present is None else self.norm(x) * present
        mixed = self.gated(windows(states, self.before, self.after))
        if self.given is not None:
            mixed = mixed + self.given(code)[:, None]
        left, right = mixed.chunk(2, dim=2)
        return x + self.back(F.gelu(left) * right)
