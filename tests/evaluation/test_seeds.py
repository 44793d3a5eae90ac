import json

import numpy as np
import pytest
import torch

from ae_lightning.config.environment import Environment
from ae_lightning.evaluation.seeds import compare, pretraining, progress, spread
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import chain_specs
from ae_lightning.training.curve import LearningCurve

ENVIRONMENT = Environment(accelerator="cpu", devices="1", precision="32-true")


def curve(seconds, sse):
    return {"seconds": np.array(seconds, float), "val/sse": np.array(sse, float)}


def test_spread_by_hand():
    assert spread([1.0, 2.0, 6.0]) == pytest.approx({"mean": 3.0, "sd": 7**0.5})
    assert spread([4.0]) == {"mean": 4.0}


def test_pretraining_is_what_the_first_epoch_took_too_long():
    assert pretraining(curve([25, 30, 35], [3, 2, 1])) == 20
    assert pretraining(curve([5, 10, 15], [3, 2, 1])) == 0
    assert pretraining(curve([5.0, 10.5, 16.0], [3, 2, 1])) == 0


def test_progress_by_hand():
    found = progress([curve([5, 10], [8, 4]), curve([11, 16], [6, 2])], seconds=12)
    assert found["by_epoch"] == {"sse@1": 7.0, "sse@2": 3.0}
    assert found["validation"]["sse"] == pytest.approx({"mean": 3.0, "sd": 2**0.5})
    assert found["within"] == {
        "seconds": 12,
        "sse": pytest.approx({"mean": 5.0, "sd": 2**0.5}),  # 4 after 10 s, 6 after 11 s
    }
    assert found["seconds"]["mean"] == 13


def test_who_has_not_begun_in_time_has_no_figure():
    late = progress([curve([20, 30], [8, 4])], seconds=10)
    assert late["within"] == {"seconds": 10}


def test_test_errors_are_those_of_each_seeds_model(tiny, tmp_path):
    torch.manual_seed(0)
    expected = []
    for seed in (0, 1):
        specs = chain_specs(64, (4, 2), hidden="gelu", code="linear", output="sigmoid")
        stack, folder = checkpoint.build(specs), tmp_path / "repeats" / f"deep-{seed}"
        checkpoint.save(stack, folder / "model", "tiny")
        losses = {"train/loss": 1.0, "val/loss": 1.0, "val/sse": 5.0 - seed}
        rows = [{"epoch": epoch, "seconds": 2.0 * epoch, **losses} for epoch in (1, 2)]
        LearningCurve(rows).write(folder / "curve.csv")
        test = torch.from_numpy(tiny.inputs("test").reshape(-1, 64) / 255).float()
        with torch.no_grad():
            expected.append((stack(test) - test).square().sum(1).mean().item())
    compare({"deep": tiny}, (0, 1), ENVIRONMENT, tmp_path / "repeats", tmp_path / "out")
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["deep"]
    assert found["reconstruction"]["sse"]["mean"] == pytest.approx(np.mean(expected), rel=1e-4)
    assert found["reconstruction"]["sse"]["sd"] == pytest.approx(np.std(expected, ddof=1), rel=1e-3)
    assert found["validation"]["sse"]["mean"] == 4.5
    assert (tmp_path / "out" / "race.png").read_bytes().startswith(b"\x89PNG")
