"""What the lecture claims of single members of the family: one measure each, for every stack."""

from collections.abc import Callable

from ae_lightning.evaluation.copying import activity, copying
from ae_lightning.evaluation.examples import position_bits
from ae_lightning.evaluation.generation import axes, generation
from ae_lightning.evaluation.robustness import corruption
from ae_lightning.evaluation.scores import Measured, Metrics
from ae_lightning.evaluation.stability import jacobian, shift, spread


def positions(measured: Measured) -> Metrics:
    """``bits`` an example that pass beside the code as positions of maxima; {} if none do."""
    bits = position_bits(measured.stack)
    return {"bits": bits} if bits else {}


MEASURES: dict[str, Callable[[Measured], Metrics]] = {
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


def claims(measured: Measured) -> Metrics:
    """Every measure on the test split that applies, by its name; the same numbers each time."""
    found = {name: measure(measured) for name, measure in MEASURES.items()}
    return {name: metrics for name, metrics in found.items() if metrics}
