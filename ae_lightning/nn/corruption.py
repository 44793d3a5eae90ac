"""Corruptions of an input, each a function of a batch and a strength; the target stays clean.

Legend: ``x`` (batch, features), ``strength`` in [0, 1], one number or (batch, 1). Each returns a
new tensor of ``x``'s shape; random numbers come from torch's global generator. The three kinds
are those of Vincent et al. (2010), Stacked denoising autoencoders, section 3.3.
"""

from collections.abc import Callable, Mapping
from typing import Annotated

import torch
from torch import Tensor

from ae_lightning.registry import NamedBy


def mask(x: Tensor, strength: Tensor | float) -> Tensor:
    """Each value set to 0 with probability ``strength``."""
    return x.masked_fill(_uniform(x) < strength, 0)


def gaussian(x: Tensor, strength: Tensor | float) -> Tensor:
    """Plus normal noise of standard deviation ``strength``, not clipped to the input's range."""
    return torch.randn_like(x).mul_(strength).add_(x)


def salt_and_pepper(x: Tensor, strength: Tensor | float) -> Tensor:
    """Each value set to 0 or to 1, as a fair coin falls, with probability ``strength``."""
    draw = _uniform(x)  # its lower half, among those below the strength, is the coin
    return x.masked_fill(draw < strength, 0).masked_fill_(draw < strength / 2, 1)


CORRUPTIONS: Annotated[
    dict[str, Callable[[Tensor, Tensor | float], Tensor]],
    NamedBy(keys=("corruption", "unlabelled.corruption")),
] = {
    "mask": mask,
    "gaussian": gaussian,
    "salt-and-pepper": salt_and_pepper,
}


def corrupt(x: Tensor, kinds: Mapping[str, float]) -> Tensor:
    """Corrupt each example of ``x`` (batch, features) in one way, drawn evenly from ``kinds``.

    ``kinds`` maps names in :data:`CORRUPTIONS` to their greatest strength; an example's own is
    drawn evenly from 0 up to it, so that one network learns every level of noise. Without kinds
    ``x`` itself is returned.
    """
    if not kinds:
        return x
    strength = torch.rand(len(x), 1, device=x.device)
    kind_of = torch.randint(len(kinds), (len(x),), device=x.device)
    spoilt = torch.empty_like(x)
    for number, (kind, greatest) in enumerate(kinds.items()):
        rows = (kind_of == number).nonzero().squeeze(1)
        spoilt[rows] = CORRUPTIONS[kind](x[rows], greatest * strength[rows])
    return spoilt


def _uniform(x: Tensor) -> Tensor:
    # Float even for a bfloat16 input, whose own draws have only 256 values.
    return torch.rand(x.shape, device=x.device)
