"""A training of few epochs on one core, in full precision."""

from dataclasses import replace

import pytest

from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Training
from ae_lightning.training.setup import Fit

ENVIRONMENT = Environment(
    accelerator="cpu", devices="1", strategy="auto", num_nodes=1, precision="32-true", workers=0
)


@pytest.fixture
def how(tmp_path):
    """Settings by which to train: ``how(epochs=3, curve=...)``; both kinds of option at once."""

    def make(**options):
        given = {name: options.pop(name) for name in [*options] if name in Training.model_fields}
        training = Training(**({"epochs": 3, "batch_size": 32, "learning_rate": 0.02} | given))
        base = Fit(training, ENVIRONMENT, curve=tmp_path / "curve.csv", resume=tmp_path / "resume")
        return replace(base, **options)

    return make
