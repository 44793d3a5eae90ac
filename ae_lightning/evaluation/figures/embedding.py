"""A variant's codes in the plane, small enough for a page: points, classes, decoded images."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ae_lightning.evaluation.figures.style import Floats, tile
from ae_lightning.evaluation.metrics.generation import PERCENTILES, Grid, grid
from ae_lightning.evaluation.metrics.stability import BOX
from ae_lightning.nn.stack import Stack

POINTS = 1000
"""Test examples on a page, the first ones."""

DIGITS = 4
"""Significant digits of a coordinate."""

SIDE = 33
"""Decoded images along each axis."""

QUALITY = 80
"""Of the WebP picture that holds them."""


@dataclass(frozen=True)
class Plane:
    """The first test examples in the plane.

    ``points`` ``(examples, 2)`` are 2-D codes or an embedding of longer ones, which ``title`` says;
    ``labels`` ``(examples,)`` number ``classes``, -1 is none of them. ``decoded`` is an even grid
    of the plane decoded, for what can be decoded from two numbers; its images have ``shape``.
    """

    title: str
    points: Floats
    labels: NDArray[np.integer[Any]]
    classes: Sequence[str]
    decoded: Grid | None = None
    shape: tuple[int, ...] = ()

    def write(self, folder: Path) -> None:
        """Write ``plane.json``, and ``decoded.webp`` with the images of :attr:`decoded`.

        They are side by side without a gap, the first number of the code growing to the right, the
        second upwards.
        """
        folder.mkdir()
        content: dict[str, Any] = {
            "title": self.title,
            "points": [[float(f"{x:.{DIGITS}g}") for x in point] for point in self.points[:POINTS]],
            "labels": self.labels[:POINTS].tolist(),
            "classes": list(self.classes),
        }
        if self.decoded is not None:
            across, up = self.decoded.corners
            content["decoded"] = {"side": SIDE, "shape": self.shape, "across": across, "up": up}
            sheet(self.decoded.images, self.shape).save(folder / "decoded.webp", quality=QUALITY)
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        (folder / "plane.json").write_text(text + "\n", encoding="utf-8")


def sheet(images: Floats, shape: tuple[int, ...]) -> Image.Image:
    """One picture of ``(rows, columns, features)`` in [0, 1], the first row at the bottom."""
    whole = tile(images[::-1].reshape(*images.shape[:2], *shape), 0)
    whole = whole[..., 0] if whole.shape[2:] == (1,) else whole
    return Image.fromarray((np.nan_to_num(whole).clip(0, 1) * 255).round().astype(np.uint8))


def wide_grid(stack: Stack, codes: Floats) -> Grid:
    """Decoded grid over the range of the codes ``(examples, 2)``, at least over the box."""
    low, high = np.percentile(codes, PERCENTILES, axis=0)
    box = np.minimum(low, -BOX), np.maximum(high, BOX)
    return grid(stack, np.array(box), SIDE)
