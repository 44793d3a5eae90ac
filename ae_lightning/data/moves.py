"""Images moved by random affine maps: what a class does not depend on."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.classifiers import Moves


def maps(count: int, size: Sequence[int], how: Moves) -> Tensor:
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


def moved(images: Tensor, how: Moves) -> Tensor:
    """Each image moved by its own draw, ``(batch, features)`` in [0, 1]; what comes in is 0.

    Takes bytes ``(batch, height, width)``, or with colours last.
    """
    placed = images.view(*images.shape[:3], -1).permute(0, 3, 1, 2).float().mul_(1 / 255)
    if how != Moves():
        count, _, *size = placed.shape
        grid = F.affine_grid(
            maps(count, size, how).to(images.device), list(placed.shape), align_corners=False
        )
        placed = F.grid_sample(placed, grid, align_corners=False)
    return placed.permute(0, 2, 3, 1).flatten(1)
