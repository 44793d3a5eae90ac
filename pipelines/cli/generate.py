"""``ae generate``: codes decoded to images, as one picture."""

from dataclasses import dataclass
from math import ceil, isfinite, sqrt
from pathlib import Path

import numpy as np

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.errors import UserError
from ae_lightning.files import replaced_file
from ae_lightning.inference.image_sheets import grid, plane
from ae_lightning.inference.images import ImageModel, as_bytes
from ae_lightning.inference.load import load
from pipelines.cli.code_files import Floats, check_ending, read_codes
from pipelines.cli.terminal import show

MOST = 10_000
"""Images in a picture."""


@dataclass(frozen=True)
class GenerateOptions:
    """Which codes: ``side`` by ``side`` over the plane from ``-box`` to ``box``, or a file's."""

    side: int
    box: float
    file: Path | None


def generate(variant: str, how: GenerateOptions, output: Path, *, verify: bool) -> None:
    """Draw the images into the PNG ``output``.

    Raises:
        UserError: the variant is not on images, cannot decode a bare code or has other than two
            numbers in it, or the codes cannot be read; then nothing is written.
    """
    check_ending(output, {".png": None})
    _check(how)
    model = load(variant, ARTIFACTS, verify=verify)
    if not isinstance(model, ImageModel):
        raise UserError(f"generate: draws images, and {variant!r} is on documents; use another")
    codes = read_codes(how.file) if how.file else _plane(model, how)
    if not 1 <= len(codes) <= MOST:
        raise UserError(
            f"{how.file}: must have 1 to {MOST:,} codes, found {len(codes):,}; take a part of them"
        )
    images = as_bytes(model.decode(codes))
    note = f"{len(codes):,} codes of {how.file}" if how.file else _note(how)
    columns = ceil(sqrt(len(codes))) if how.file else how.side
    with replaced_file(output) as partial:
        grid(f"What {variant}'s decoder draws", note, images, columns).savefig(
            partial, format="png"
        )
    show([f"{len(images):,} images: {output}"])


def _check(how: GenerateOptions) -> None:
    if not (isfinite(how.box) and how.box > 0):
        raise UserError(f"--box: must be above 0, found {how.box:g}; use 2, say")
    if how.side**2 > MOST:
        raise UserError(
            f"--grid: must be at most {int(sqrt(MOST))}, found {how.side}; draw fewer images"
        )


def _plane(model: ImageModel, how: GenerateOptions) -> Floats:
    if model.code_size != 2:
        raise UserError(
            f"generate: a grid is for codes of 2 numbers, and {model.name!r} has "
            f"{model.code_size}; use one with 2 (see `ae list`), or give --codes"
        )
    codes: Floats = np.asarray(plane(how.side, how.box))
    return codes


def _note(how: GenerateOptions) -> str:
    return f"the first number from {-how.box:g} at left to {how.box:g}, the second upwards"
