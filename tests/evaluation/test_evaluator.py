import numpy as np
import pytest
import torch

from ae_lightning.config.environment import Environment
from ae_lightning.data.sampler import to_unit
from ae_lightning.evaluation import evaluator as module
from ae_lightning.evaluation.evaluator import Evaluator
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import chain_specs


@pytest.fixture(params=["sigmoid", "linear"])
def stack(request):
    torch.manual_seed(0)
    specs = chain_specs(64, (5, 3), hidden="tanh", code="linear", output=request.param)
    return checkpoint.build(specs)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_codes_and_errors_are_numpys_with_an_uneven_last_batch(stack, tiny, monkeypatch, precision):
    monkeypatch.setattr(module, "BATCH", 10)  # batches of 10, 10, 10 and 2
    evaluator = Evaluator(stack, Environment(accelerator="cpu", devices="1", precision=precision))
    images = tiny.inputs("test")
    x = images.reshape(32, 64).astype(np.float64) / 255
    first, second = (
        {k: v.numpy().astype(np.float64) for k, v in layer.state_dict().items()}
        for layer in stack.layers
    )
    code = np.tanh(x @ first["encoder.weight"].T + first["encoder.bias"])
    code = code @ second["encoder.weight"].T + second["encoder.bias"]
    output = np.tanh(code @ second["decoder.weight"].T + second["decoder.bias"])
    output = output @ first["decoder.weight"].T + first["decoder.bias"]
    if stack.specs[0].output == "sigmoid":
        output = 1 / (1 + np.exp(-output))

    codes = evaluator.codes(images)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, code, atol=1e-5)
    errors = evaluator.reconstruction(images)
    assert errors["sse"] == pytest.approx(((output - x) ** 2).sum(1).mean(), rel=1e-5)
    assert errors["mse"] == pytest.approx(((output - x) ** 2).mean(), rel=1e-5)
    assert np.array_equal(evaluator.codes(images), codes)  # the trainer can be used again
    both = evaluator.codes_and_reconstruction(images)
    assert np.array_equal(both[0], codes)
    assert both[1] == errors


def test_a_perfect_reconstruction_has_no_error(tiny):
    errors = Evaluator(
        checkpoint.build([]), Environment(accelerator="cpu", devices="1")
    ).reconstruction(tiny.inputs("test"))
    assert errors == {"sse": 0, "mse": 0}
    assert to_unit(torch.tensor(tiny.inputs("test"))).any()
