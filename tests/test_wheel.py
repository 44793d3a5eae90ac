"""The wheel in an environment of the core's distributions alone: no DVC, Prefect, MLflow, ONNX."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from ae_lightning import load
from tests.inference.conftest import artifacts, images, texts  # noqa: F401

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
ABSENT = ("dvc", "mlflow", "onnx", "onnxruntime", "onnxscript", "pillow_heif", "prefect")


def run(*command, **options):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )


def applies(requirement, extra):
    return not requirement.marker or requirement.marker.evaluate({"extra": extra})


def needed(requirements):
    """Names of all distributions that requirements bring, with their extras."""
    found, queue = set(), [Requirement(line) for line in requirements]
    while queue:
        wanted = queue.pop()
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) not in found:
                found.add((wanted.name, extra))
                lines = map(Requirement, distribution(wanted.name).requires or ())
                queue += [line for line in lines if applies(line, extra)]
    return {name for name, _ in found}


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """Programs of an environment with the wheel, and what it requires from the one that runs."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in ("ae_lightning", "pipelines"):
        shutil.copytree(ROOT / package, folder / "source" / package)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder / "source")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    built = run(*pip, "wheel", *options, folder / "source")
    assert built.returncode == 0, built.stderr
    [wheel] = folder.glob("ae_lightning-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    programs = folder / "venv" / "bin"
    into = ("--python", programs / "python", "install", "--no-deps", "--no-index")
    installed = run(*pip, *into, wheel)
    assert installed.returncode == 0, installed.stderr
    [site] = (folder / "venv" / "lib").glob("python*/site-packages")
    requires = run(
        programs / "python",
        "-c",
        "from importlib.metadata import requires; print(*requires('ae-lightning'), sep='\\n')",
    ).stdout.splitlines()
    for name in needed(line for line in requires if "extra ==" not in line):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(found.locate_file(top))
    return programs


@pytest.fixture
def ae(core, tmp_path):
    """Run a program of the environment in the current folder."""
    kept = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)}
    return lambda program, *words: run(core / program, *words, env=kept)


def test_the_core_uses_saved_models(ae, artifacts, images):  # noqa: F811
    code = f"from importlib.util import find_spec; print([*filter(find_spec, {ABSENT})])"
    assert ae("python", "-c", code).stdout == "[]\n"
    np.save("images.npy", images)
    expected = load("pca-5").encode(images)

    code = (
        "import numpy as np; from ae_lightning import load; "
        "np.save('python.npy', load('pca-5').encode(np.load('images.npy')))"
    )
    done = ae("python", "-c", code)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load("python.npy"), expected, rtol=1e-5, atol=1e-5)

    done = ae("ae", "encode", "pca-5", "images.npy", "-o", "codes.npy")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load("codes.npy"), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "encode text --text grain -o codes.parquet",
        "reconstruct pca-5 images.npy -o pairs.png",
        "generate pca-2 --grid 3 -o grid.png",
    ],
)
def test_commands_on_models(words, ae, artifacts, images):  # noqa: F811
    np.save("images.npy", images)
    done = ae("ae", *words.split())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("flow pca-5", "pipeline"),
        ("report", "pipeline"),
        ("finetune pca-5", "pipeline"),
        ("ui", "pipeline"),
        ("export pca-5 -o onnx", "export"),
    ],
)
def test_other_commands_name_their_extra(words, extra, ae, artifacts):  # noqa: F811
    done = ae("ae", *words.split())
    command = words.partition(" ")[0]
    line = f"ae {command}: needs the extra \"{extra}\"; pip install 'ae-lightning[{extra}]'"
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == line
