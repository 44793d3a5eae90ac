"""A training of few epochs on one core, in full precision."""

from dataclasses import replace

import pytest

from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Objective, Training
from ae_lightning.training.setup import Fit

ENVIRONMENT = Environment(
    accelerator="cpu", devices="1", strategy="auto", num_nodes=1, precision="32-true", workers=0
)


@pytest.fixture
def how(tmp_path):
    """Settings by which to train: ``how(epochs=3, l1=0.1, curve=...)``, all kinds of option."""

    def make(**options):
        training, item = (
            {name: options.pop(name) for name in [*options] if name in model.model_fields}
            for model in (Training, Objective)
        )
        training = Training(**({"epochs": 3, "batch_size": 32, "learning_rate": 0.02} | training))
        base = Fit(
            training,
            ENVIRONMENT,
            Objective(**item),
            curve=tmp_path / "curve.csv",
            resume=tmp_path / "resume",
        )
        return replace(base, **options)

    return make
