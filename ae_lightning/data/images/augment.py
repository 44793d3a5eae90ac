"""Random augmentation of images: crops, flips, colour changes, affine maps, shifts.

Legend of views: ``images`` (batch, height, width, colours) in [0, 1]. Random numbers come from
torch's global generator.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.config.classifiers import Moves
from ae_lightning.config.layers import Views

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


def affine_maps(count: int, size: Sequence[int], how: Moves) -> Tensor:
    """Random affine maps ``(count, 2, 3)`` from places in the moved image to those in the image.

    Each rotates, then scales both axes apart, then shears and shifts, by draws of its own from
    torch's global generator. Places are in [-1, 1] over ``size`` (height, width), as
    ``F.affine_grid`` takes them.
    """
    draw = torch.rand(count, 6) * 2 - 1
    angle, shear = draw[:, 0] * math.radians(how.rotate), draw[:, 1] * how.shear
    across, down = (1 + draw[:, 2:4] * how.scale).unbind(1)
    cosine, sine = angle.cos(), angle.sin()
    found = torch.empty(count, 2, 3)
    found[:, 0, 0], found[:, 0, 1] = cosine * across, (shear * cosine - sine) * down
    found[:, 1, 0], found[:, 1, 1] = sine * across, (shear * sine + cosine) * down
    height, width = size
    found[:, :, 2] = draw[:, 4:] * how.shift * 2 / torch.tensor([width, height])
    return found


def random_affine(images: Tensor, how: Moves) -> Tensor:
    """Each image moved by its own draw, ``(batch, features)`` in [0, 1]; what comes in is 0.

    Takes bytes ``(batch, height, width)``, or with colours last.
    """
    placed = images.view(*images.shape[:3], -1).permute(0, 3, 1, 2).float().mul_(1 / 255)
    if how != Moves():
        count, _, *size = placed.shape
        grid = F.affine_grid(
            affine_maps(count, size, how).to(images.device), list(placed.shape), align_corners=False
        )
        placed = F.grid_sample(placed, grid, align_corners=False)
    return placed.permute(0, 2, 3, 1).flatten(1)


def shift(images: Tensor, pixels: int) -> Tensor:
    """Move each image by its own random offset of up to ``pixels`` in each direction.

    Takes and returns ``(batch, height, width)``, or with colours last; what moves in from outside
    is 0. Offsets come from torch's global generator.
    """
    count, height, width, *colours = images.shape
    padded = F.pad(images, (0, 0) * len(colours) + (pixels,) * 4)
    down, right = torch.randint(0, 2 * pixels + 1, (2, count, 1), device=images.device)
    rows = down + torch.arange(height, device=images.device)
    columns = right + torch.arange(width, device=images.device)
    example = torch.arange(count, device=images.device)[:, None, None]
    return padded[example, rows[:, :, None], columns[:, None, :]]
