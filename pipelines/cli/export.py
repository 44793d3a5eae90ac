"""``ae export``: encoder and decoder as ONNX, and how far they are from torch."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.inference import export as onnx
from ae_lightning.inference.load import load
from pipelines.cli.progress import bar
from pipelines.cli.terminal import show


def export(variant: str, output: Path, *, as_json: bool, verify: bool) -> None:
    """Write the files into the folder ``output`` and print what they are.

    Raises:
        UserError: the variant cannot be used, or no part of it can be exported.
    """
    model = load(variant, ARTIFACTS, verify=verify)
    parts = [part for part in onnx.PARTS if onnx.obstacle(model.stack, part) is None]
    total = len(parts) * len(model.prepared("test"))
    with bar(f"{variant}: comparing with torch", total, "examples") as advance:
        found = onnx.export(model, output, advance=advance)
    if as_json:
        show([json.dumps({"variant": variant, "parts": [asdict(part) for part in found]})])
    else:
        show(line for part in found for line in _lines(part, output))


def _lines(part: onnx.ExportResult, folder: Path) -> Iterator[str]:
    if part.difference is None:
        yield f"{part.part}: not exported: {part.reason}"
        return
    off = part.difference
    bits = f", {off.bits:,} bits differ" if off.bits is not None else ""
    yield (
        f"{part.part}: {folder / str(part.file)}, on {off.examples:,} test examples within "
        f"{off.largest:.1e} of torch, whose greatest number is {off.scale:.3g}{bits}"
    )
