"""Comparison of an ONNX file's outputs with torch's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ae_lightning.errors import UserError
from ae_lightning.inference.model import Model

TOLERANCE = 1e-4
"""Difference that is allowed, as a share of an output's greatest number."""

FLIPPED = 1e-4
"""Share of a binary code's bits that may differ: those whose sum is 0 but for the rounding."""


@dataclass(frozen=True)
class Difference:
    """The ``largest`` difference among ``examples``, whose greatest number is ``scale``.

    Of codes of bits ``bits`` says how many differ; their ``largest`` is that of no bit.
    """

    examples: int
    largest: float
    scale: float
    bits: int | None = None


def compare(path: Path, model: Model[Any, Any], part: str, split: str, advance: Any) -> Difference:
    """Run the examples of ``split`` through the file ``path`` and through torch.

    A decoder gets the codes that torch gives. The first example passes alone, too, so that the
    batch is seen to be free.

    Raises:
        UserError: they differ by more than the arithmetic's order explains.
    """
    rows, session = model.prepared(split), _session(path)
    count, largest, scale, bits = len(rows), 0.0, 0.0, 0
    binary = part == "encoder" and any(s.activation == "binary" for s in model.stack.specs[-1:])
    places = [slice(0, 1)] + [slice(s, s + model.batch) for s in range(0, count, model.batch)]
    for place in places:
        given, wanted = _pair(model, part, rows[place])
        [found] = session.run(None, {"input": given})
        off = np.abs(found - wanted)
        if binary:
            bits += int(np.count_nonzero(off > 1))
            off = np.where(off > 1, 0, off)
        largest = max(largest, float(off.max(initial=0)))
        scale = max(scale, float(np.abs(wanted).max(initial=0)))
        advance(len(given) if place.stop > 1 else 0)
    _check(largest, scale, bits / (count * model.code_size))
    return Difference(count, largest, scale, bits if binary else None)


@torch.inference_mode()
def _pair(model: Model[Any, Any], part: str, rows: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
    """Input of a part, and torch's output."""
    x = torch.from_numpy(rows)
    codes = model.stack.encode(x)
    if part == "encoder":
        return rows, codes.numpy()
    return codes.numpy(), model.stack.decode(codes).numpy()


def _check(largest: float, scale: float, flipped: float) -> None:
    allowed = TOLERANCE * (scale or 1)
    if not largest <= allowed:  # NaN is no answer, either
        raise UserError(
            f"onnxruntime answers otherwise than torch, by {largest:.2g} where {allowed:.2g} is "
            "allowed; use torch (ae encode), or try another version of onnxruntime"
        )
    if flipped > FLIPPED:
        raise UserError(
            f"onnxruntime gives other bits than torch, {flipped:.2%} of them where "
            f"{FLIPPED:.2%} are allowed; use torch (ae encode), or try another version"
        )


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
