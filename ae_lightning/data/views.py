"""Copies of images, moved and recoloured at random: what a code should not depend on.

Legend: ``images`` (batch, height, width, colours) in [0, 1]. Random numbers come from torch's
global generator.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.items import Views

GREY = 0.2
"""Share of the copies without colour, where colours are changed at all (Chen et al. 2020)."""


def view(images: Tensor, how: Views) -> Tensor:
    """One copy of each image, of the same shape; values may leave [0, 1] a little."""
    return recolour(move(images, how), how.colour)


def move(images: Tensor, how: Views) -> Tensor:
    """Shift, mirror and crop each image by its own draw; what comes in from outside is mirrored.

    The random resized crop and flip of Chen et al. (2020), "A simple framework for contrastive
    learning", appendix A, as one affine map; shifts are by whole pixels, which blurs nothing.
    """
    count, height, width, _ = images.shape
    device = images.device
    size = torch.empty(count, device=device).uniform_(how.crop, 1).sqrt()
    mirror = torch.randint(0, 2, (count,), device=device) * 2 - 1 if how.flip else 1
    pixels = torch.randint(-how.shift, how.shift + 1, (count, 2), device=device)
    place = torch.rand(count, 2, device=device) * 2 - 1
    maps = torch.zeros(count, 2, 3, device=device)
    maps[:, 0, 0], maps[:, 1, 1] = size * mirror, size
    maps[:, :, 2] = place * (1 - size)[:, None]
    maps[:, :, 2] += 2 * pixels / torch.tensor([width, height], device=device)
    grid = F.affine_grid(maps, [count, 1, height, width], align_corners=False)
    moved = F.grid_sample(
        images.permute(0, 3, 1, 2), grid, padding_mode="reflection", align_corners=False
    )
    return moved.permute(0, 2, 3, 1)


def recolour(images: Tensor, strength: float) -> Tensor:
    """Change brightness, offset and each colour by factors of up to ``1 +- strength``.

    The offset changes by half of ``strength``, each colour's factor too; a part becomes grey.
    """
    if not strength:
        return images
    count, colours = len(images), images.shape[3]

    def draw(spread: float, channels: int = 1) -> Tensor:
        return torch.empty(count, 1, 1, channels, device=images.device).uniform_(-spread, spread)

    changed = images * (1 + draw(strength)) + draw(strength / 2)
    changed = changed * (1 + draw(strength / 2, colours))
    grey = torch.rand(count, 1, 1, 1, device=images.device) < GREY
    return torch.where(grey, changed.mean(3, keepdim=True), changed)
