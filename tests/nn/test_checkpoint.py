import json
from itertools import pairwise

import pytest
import torch

from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack


def specs(*widths):
    return [
        DenseSpec(inputs=inputs, units=units, activation="gelu", output="sigmoid")
        for inputs, units in pairwise(widths)
    ]


@pytest.fixture
def saved(tmp_path):
    """A stack of two layers and the folder it was saved in."""
    torch.manual_seed(0)
    stack, folder = checkpoint.build(specs(6, 4, 2)), tmp_path / "layers" / "two"
    checkpoint.save(stack, folder, "tiny")
    return stack, folder


def test_a_round_trip_keeps_every_bit(saved):
    stack, folder = saved
    loaded = checkpoint.load(folder)
    assert loaded.specs == stack.specs
    for key, value in stack.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)
    x = torch.rand(3, 6)
    assert torch.equal(loaded(x), stack(x))
    assert json.loads((folder / "model.json").read_text())["data"] == "tiny"


def test_transposed_weights_are_saved_as_they_are_seen(tmp_path):
    stack = checkpoint.build(specs(6, 4))
    stack.layers[0].decoder.weight.data = torch.arange(24.0).reshape(4, 6).T
    checkpoint.save(stack, tmp_path / "model", "tiny")
    loaded = checkpoint.load(tmp_path / "model").layers[0].decoder.weight
    assert torch.equal(loaded, torch.arange(24.0).reshape(4, 6).T)


def test_a_layer_keeps_its_bytes_under_another(saved, tmp_path):
    folder, above = saved[1], tmp_path / "layers" / "three"
    top = checkpoint.build(specs(2, 3)).layers
    checkpoint.save(Stack([*checkpoint.load(folder).layers, *top]), above, "tiny")
    for number in (1, 2):
        name = f"layer-{number}.safetensors"
        assert (above / name).read_bytes() == (folder / name).read_bytes()
    assert sorted(p.name for p in above.iterdir()) == [
        *(f"layer-{number}.safetensors" for number in (1, 2, 3)),
        "model.json",
    ]


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip_header(path):
    content = bytearray(path.read_bytes())
    content[3] ^= 0xFF
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def edit(**changes):
    def change(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def taller(path):
    content = json.loads(path.read_text())
    content["layers"][0]["units"] = content["layers"][1]["inputs"] = 5
    path.write_text(json.dumps(content))


DAMAGE = [
    *(("layer-2.safetensors", damage) for damage in (cut, flip_header, empty, remove)),
    *(("model.json", damage) for damage in (cut, empty, remove, taller)),
    ("model.json", edit(format=2)),
    ("model.json", edit(layers=[{"kind": "dense"}])),
    ("model.json", edit(more="?")),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGE)
def test_damage_gets_one_line_with_the_command_that_mends_it(saved, name, damage):
    folder = saved[1]
    damage(folder / name)
    with pytest.raises(UserError) as caught:
        checkpoint.load(folder)
    line = str(caught.value)
    assert line.startswith(f"{folder}: ")
    assert line.endswith("run: dvc repro pretrain@two")
    assert "\n" not in line


def test_layers_of_two_chains_are_refused(saved):
    folder = saved[1]
    content = json.loads((folder / "model.json").read_text())
    content["layers"][1]["inputs"] = 3
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="layer 2: must take the 4 units"):
        checkpoint.load(folder)


def test_an_input_is_a_layer_or_nothing(saved, tmp_path):
    assert checkpoint.load_input("prepared/tiny", tmp_path).layers == []
    loaded = checkpoint.load_input("layers/two", tmp_path)
    assert loaded.specs == saved[0].specs
    with pytest.raises(UserError, match="pretrain@three"):
        checkpoint.load_input("layers/three", tmp_path)
