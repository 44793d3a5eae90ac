"""All metrics of the lecture's claims, each computed for every stack."""

from collections.abc import Callable, Mapping
from functools import partial

from ae_lightning.evaluation.image_scores import EncodedImages, Metrics
from ae_lightning.evaluation.metrics.generation import axes, generation
from ae_lightning.evaluation.metrics.overcomplete import activity, copying
from ae_lightning.evaluation.metrics.robustness import corruption
from ae_lightning.evaluation.metrics.sampling import position_bits
from ae_lightning.evaluation.metrics.stability import jacobian, shift, spread


def positions(measured: EncodedImages) -> Metrics:
    """``bits`` an example that bypass the code as positions of maxima; {} if none do."""
    bits = position_bits(measured.stack)
    return {"bits": bits} if bits else {}


Measure = Callable[[EncodedImages], Metrics]

FEW = 500
"""Images for a net so wide that a pass of 2,000 takes seconds."""

FOR_STROKES: dict[str, Measure] = {
    "corruption": corruption,
    "jacobian": jacobian,
    "shift": shift,
    "activity": activity,
    "copying": copying,
    "spread": spread,
    "generation": generation,
    "axes": axes,
    "positions": positions,
}

FOR_PICTURES: dict[str, Measure] = {
    "corruption": partial(corruption, count=FEW),
    "jacobian": partial(jacobian, count=FEW // 10),  # a pass for each number of the code
    "shift": partial(shift, count=FEW),
    "activity": activity,
    "copying": partial(copying, count=FEW),
    "spread": spread,
    "generation": generation,
    "positions": positions,
}


def claims(measured: EncodedImages, measures: Mapping[str, Measure] = FOR_STROKES) -> Metrics:
    """Every measure on the test split that applies, by its name; the same numbers each time."""
    found = {name: measure(measured) for name, measure in measures.items()}
    return {name: metrics for name, metrics in found.items() if metrics}
