from itertools import product

import numpy as np
import pytest
import torch

from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.bias_init import centre_decoder
from ae_lightning.nn.layers.conv import ConvLayer, ConvSpec
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec
from ae_lightning.nn.layers.unpooling import UNPOOLINGS
from ae_lightning.nn.stack import Stack

NAMES = sorted(UNPOOLINGS)


def spec(unpooling="repeat", shape=(2, 6, 12), maps=3, *, kernel=3, pool=2, **options):
    names = {"activation": "linear", "output": "linear"} | options
    return ConvSpec.of(shape, maps, kernel=kernel, pool=pool, unpooling=unpooling, **names)


def layer(*args, **options):
    """A layer with random biases too, in double precision."""
    torch.manual_seed(0)
    one = ConvLayer(spec(*args, **options)).double()
    for parameter in one.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return one


def images(flat, shape):
    """Flat features, ordered by pixel and then channel, as ``(batch, channels, height, width)``."""
    channels, height, width = shape
    return flat.detach().numpy().reshape(-1, height, width, channels).transpose(0, 3, 1, 2)


def greatest(maps, pool):
    """Maxima of every window of ``(batch, maps, height, width)`` and their indices in the image."""
    width = maps.shape[3]
    index = np.arange(maps[0, 0].size).reshape(maps.shape[2:])
    pooled = np.zeros((*maps.shape[:2], maps.shape[2] // pool, width // pool))
    positions = np.zeros(pooled.shape, dtype=np.int64)
    for *where, i, j in product(*map(range, pooled.shape)):
        window = slice(i * pool, (i + 1) * pool), slice(j * pool, (j + 1) * pool)
        patch = maps[*where, *window]
        pooled[*where, i, j] = patch.max()
        positions[*where, i, j] = index[window].flat[patch.argmax()]
    return pooled, positions


@pytest.mark.parametrize(
    ("shape", "maps", "pool", "inputs", "pooled", "units"),
    [
        ((1, 28, 28), 16, 2, 784, (16, 14, 14), 3136),
        ((16, 14, 14), 32, 2, 3136, (32, 7, 7), 1568),
        ((2, 6, 12), 4, 3, 144, (4, 2, 4), 32),
        ((2, 3, 5), 4, 1, 30, (4, 3, 5), 60),
    ],
)
def test_sizes_by_hand_and_through_json(shape, maps, pool, inputs, pooled, units):
    one = spec("repeat", shape, maps, pool=pool)
    assert (one.inputs, one.image, one.units) == (inputs, pooled, units)
    again = ConvSpec.model_validate_json(one.model_dump_json())
    assert again == one
    assert isinstance(again.shape, tuple)
    built, x = ConvLayer(one), torch.rand(2, inputs)
    assert built.encode(x).shape == (2, units)
    assert built.decode(built.encode(x)).shape == (2, inputs)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"pool": 4}, r"^pool: must divide .* found 4 for 6 x 12; use"),
        ({"kernel": 4}, r"^kernel: must be odd .* found 4; use 3 or 5$"),
        ({"unpooling": "transposed", "kernel": 1}, r"^kernel: .* found 1 for pool 2; use"),
    ],
)
def test_a_layer_that_does_not_fit_gets_one_line(options, line):
    with pytest.raises(UserError, match=line) as caught:
        spec(**options)
    assert "\n" not in str(caught.value)


def test_sizes_in_a_file_must_agree_with_the_shape():
    content = spec().model_dump() | {"units": 55}
    with pytest.raises(ValueError, match=r"must be 144 and 54 .* found 144 and 55"):
        ConvSpec.model_validate(content)


@pytest.mark.parametrize(("pool", "kernel"), [(2, 3), (3, 5)])
@pytest.mark.parametrize("unpooling", NAMES)
def test_codes_are_the_greatest_of_each_window(unpooling, pool, kernel):
    one = layer(unpooling, pool=pool, kernel=kernel, activation="tanh")
    x = torch.randn(2, 144).double()
    weight, half = one.encoder.weight.detach().numpy(), kernel // 2
    padded = np.pad(images(x, (2, 6, 12)), ((0, 0), (0, 0), (half, half), (half, half)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
    maps = np.einsum("bcijyx,mcyx->bmij", seen, weight)
    maps += one.encoder.bias.detach().numpy()[:, None, None]
    pooled, where = greatest(maps, pool)
    code, positions, _ = one.trace(x)
    np.testing.assert_allclose(images(code, one.spec.image), np.tanh(pooled), atol=1e-12)
    if unpooling == "switches":
        assert (positions.numpy() == where).all()


@pytest.mark.parametrize("unpooling", NAMES)
def test_a_layer_unpools_its_code_as_images(unpooling):
    one = layer(unpooling, output="sigmoid")
    code, positions, _ = one.trace(torch.randn(2, 144).double())
    pooled = torch.tensor(images(code, one.spec.image).copy())
    image = UNPOOLINGS[unpooling](pooled, positions, one.decoder_weight, one.visible_bias, 2)
    decoded = images(one.decode(code, positions), one.spec.shape)
    np.testing.assert_allclose(decoded, torch.sigmoid(image).detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("unpooling", NAMES)
def test_only_switches_need_positions(unpooling):
    one = ConvLayer(spec(unpooling))
    code, positions, _ = one.trace(torch.rand(2, 144))
    assert (positions is not None) == (unpooling == "switches")
    if unpooling == "switches":
        with pytest.raises(UserError, match=r"repeat or transposed$") as caught:
            one.decode(code)
        assert "\n" not in str(caught.value)
    else:
        assert one.decode(code).shape == (2, 144)


def test_position_bits_by_hand():
    assert spec("switches", (1, 28, 28), 16).position_bits == 3136 * 2  # one of four each
    assert spec("switches", (1, 8, 8), 5, pool=4).position_bits == 20 * 4  # one of sixteen each
    assert spec("repeat").position_bits == spec("transposed").position_bits == 0


@pytest.fixture(params=NAMES)
def stack(request):
    """Two convolutional layers and a dense one, each decoding what the one below answers."""
    torch.manual_seed(0)
    names = {"activation": "gelu", "output": "sigmoid"}
    first = spec(request.param, (1, 8, 8), 4, kernel=5, **names)
    second = spec(request.param, first.image, 6, **names | {"output": "gelu"})
    code = DenseSpec(inputs=second.units, units=5, activation="linear", output="gelu")
    return Stack([ConvLayer(first), ConvLayer(second), DenseLayer(code)])


def needs_positions(stack):
    return stack.specs[0].position_bits > 0


def test_a_stack_passes_positions_past_the_code(stack):
    x = torch.rand(3, 64)
    code, logits, _ = stack.trace(x)
    assert torch.equal(code, stack.encode(x))
    assert torch.equal(torch.sigmoid(logits), stack(x))
    if needs_positions(stack):
        with pytest.raises(UserError, match="a bare code does not have"):
            stack.decode(code)
    else:
        assert torch.equal(stack.decode(code), stack(x))


def test_other_positions_give_another_image(stack):
    first = stack.layers[0]
    (code, here, _), (_, there, _) = (first.trace(torch.rand(3, 64)) for _ in range(2))
    assert torch.equal(first.decode(code, here), first.decode(code, there)) != needs_positions(
        stack
    )


def test_a_round_trip_through_files_keeps_every_output(stack, tmp_path):
    checkpoint.save(stack, tmp_path / "model", "tiny")
    loaded, x = checkpoint.load(tmp_path / "model"), torch.rand(3, 64)
    assert loaded.specs == stack.specs
    assert torch.equal(loaded(x), stack(x))


def test_gradients_reach_every_parameter(stack):
    stack(torch.rand(3, 64)).square().sum().backward()
    for name, parameter in stack.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_bf16_autocast_comes_near(stack):
    x = torch.rand(3, 64)
    with torch.autocast("cpu", torch.bfloat16):
        logits = stack.trace(x).logits
    assert logits.dtype == torch.bfloat16
    logits.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in stack.parameters())
    if not needs_positions(stack):  # rounding moves some maxima
        torch.testing.assert_close(logits.float(), stack.trace(x).logits, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("unpooling", NAMES)
def test_a_zero_code_decodes_to_the_mean_of_each_channel(unpooling):
    one = ConvLayer(spec(unpooling, output="sigmoid"))
    mean = torch.rand(72, 2) * 0.2 + torch.tensor([0.1, 0.7])
    centre_decoder(one, mean.flatten())
    code, positions, _ = one.trace(torch.rand(1, 144))
    decoded = one.decode(torch.zeros_like(code), positions).view(72, 2)
    torch.testing.assert_close(decoded, mean.mean(0).expand(72, 2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("unpooling", NAMES)
def test_new_weights_keep_the_spread_of_what_passes(unpooling):
    torch.manual_seed(0)
    one = ConvLayer(spec(unpooling, (4, 24, 24), 64, kernel=5))
    maps = one.encoder(torch.randn(8, 4, 24, 24))
    positions = one.trace(torch.randn(8, one.spec.inputs)).side_info
    image = images(one.decode(torch.randn(8, one.spec.units), positions), one.spec.shape)
    for seen in (maps.detach().numpy(), image):
        assert seen[:, :, 4:-4, 4:-4].var() == pytest.approx(1, rel=0.2)
