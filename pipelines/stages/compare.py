"""The repeated trainings side by side."""

from ae_lightning.config import environment, load
from ae_lightning.data.prepared import Prepared
from ae_lightning.evaluation.compare import compare
from ae_lightning.evaluation.module import leading
from ae_lightning.launch import together
from pipelines.paths import COMPARISON, PREPARED, REPEATS


def run() -> None:
    """Measure and draw the repeats that params.yaml names."""
    params = load()
    names = params.repeats.variants
    data = {name: Prepared.open(PREPARED / params.variants[name].data) for name in names}
    with together(environment()) as here, leading(here):
        compare(data, params.repeats.seeds, here, REPEATS, COMPARISON)
