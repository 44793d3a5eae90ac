"""Loading: what is unknown, absent, altered or does not fit is one line that says what to run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db.local import LocalHashFileDB
from dvc_objects.fs.local import LocalFileSystem

import ae_lightning
from ae_lightning import load
from ae_lightning.errors import UserError
from ae_lightning.inference.verify import folder_md5
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import chain_specs

ROOT = Path(__file__).parents[2]


def by_dvc(folder):
    files = LocalFileSystem()
    _, _, found = build(
        LocalHashFileDB(files, str(folder.parent / ".odb")), str(folder), files, "md5"
    )
    return found.hash_info.value


def lock(folder, md5):
    outs = [{"path": f"artifacts/models/{folder.name}", "hash": "md5", "md5": md5}]
    stages = {f"finetune@{folder.name}": {"outs": outs}, "compare": {"cmd": "ae compare"}}
    text = yaml.safe_dump({"schema": "2.0", "stages": stages})
    (folder.parents[2] / "dvc.lock").write_text(text)


def test_the_hash_is_dvcs(tmp_path):
    for name in ("model/b.bin", "model/a.json", "model/deeper/é.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert folder_md5(tmp_path / "model") == by_dvc(tmp_path / "model")


def test_what_dvc_recorded_loads_and_what_was_altered_does_not(artifacts, images, monkeypatch):
    folder = artifacts / "models" / "pca-5"
    lock(folder, by_dvc(folder))
    codes = load("pca-5", artifacts).encode(images)
    weights = folder / "layer-1.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1  # one bit of one weight: still a whole file
    weights.write_bytes(content)
    line = (
        r"models/pca-5: must be what dvc.lock records \(md5 \w{8}\), found \w{8}: it was "
        r"altered; run: dvc checkout --force artifacts/models/pca-5, or dvc repro finetune@pca-5$"
    )
    with pytest.raises(UserError, match=line):
        load("pca-5")
    assert load("pca-5", verify=False).encode(images).shape == codes.shape
    assert load("pca-2").code_size == 2  # of which the lock says nothing
    monkeypatch.chdir(artifacts)
    with pytest.raises(UserError, match=line):
        load("pca-5", ".")


def test_a_lock_that_is_no_lock_is_told(artifacts):
    (artifacts.parent / "dvc.lock").write_text("stages: [")
    with pytest.raises(UserError, match=r"dvc.lock: cannot be read \(.*run: git checkout dvc.lock"):
        load("pca-5")


def spoil_weights(folder):
    path = folder / "models" / "pca-5" / "layer-1.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def other_size(folder):
    specs = chain_specs(63, [5], hidden="gelu", code="linear", output="sigmoid")
    checkpoint.save(checkpoint.build(specs), folder / "models" / "pca-5", "tiny")


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda folder: (folder / "models/pca-5/layer-1.safetensors").unlink(),
         "models/pca-5: no usable model here"),
        (spoil_weights, "models/pca-5: no usable model here"),
        (lambda folder: shutil.rmtree(folder / "prepared/tiny"), "run: dvc repro prepare@tiny"),
        (lambda folder: shutil.rmtree(folder / "models/pca-5"),
         "models/pca-5: not trained yet; run: ae flow pca-5"),
        (other_size, "must take the 64 numbers of an example of artifacts/prepared/tiny, found 63"),
    ],
)  # fmt: skip
def test_artifacts_that_are_absent_or_broken(spoil, line, artifacts):
    spoil(artifacts)
    with pytest.raises(UserError, match=re.escape(line)) as error:
        load("pca-5")
    assert "\n" not in str(error.value)


def test_an_unknown_variant_offers_the_nearest(artifacts):
    with pytest.raises(UserError, match="unknown variant 'pca5'; there is pca-5, pca-9, pca-2"):
        load("pca5")


def test_another_folder_is_told(artifacts):
    with pytest.raises(UserError, match="elsewhere: no such folder; go to the project's, or give"):
        load("pca-5", "elsewhere")


def test_documents_need_their_own_vocabulary(artifacts):
    path = artifacts / "prepared" / "notes" / "vocabulary.json"
    vocabulary = json.loads(path.read_text())
    path.write_text(json.dumps(vocabulary | {"words": vocabulary["words"][1:]}))
    with pytest.raises(UserError, match=r"must take the .* terms of an example"):
        load("sequence")


def test_the_package_itself_loads_nothing_heavy():
    code = (
        "from ae_lightning import load; import sys; "
        "assert not {'torch', 'numpy', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = ae_lightning.lode


def test_the_net_is_not_training(artifacts):
    assert not load("text").stack.training
    assert isinstance(load("text").stack, torch.nn.Module)
