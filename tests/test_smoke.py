"""The whole graph on real data: the project's own configuration, shrunk."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LIMIT = 1000


# With a closed form, greedy layers, none, convolutions, a bag of words, sequences and moved copies;
# tests/config/test_params_yaml.py trains them all.
KEPT = (
    "pca-2",
    "deep-30",
    "scratch-30",
    "conv-switches",
    "text-10",
    "seq2seq",
    "image-conv-256",
)
TAUGHT = ("classifier-dn",)
# What is nearest by chance is of the same class, or has a topic in common, so often.
CHANCE = {"mnist": 0.1, "reuters": 0.19, "cifar10": 0.1}
ERRORS = {"mnist": "sse", "reuters": "cross_entropy", "cifar10": "sse"}


def shrink(params: dict[str, Any]) -> None:
    params["variants"] = {name: params["variants"][name] for name in KEPT}
    params["classifiers"] = {name: params["classifiers"][name] for name in TAUGHT}
    for classifier in params["classifiers"].values():
        classifier.update(labels=[100, "all"], seeds=2, seeds_of_all=1)
        classifier["train"] = {"draws": 2000, "epochs": 6}
    params["repeats"] = {"variants": ["deep-30", "scratch-30"], "seeds": [0], "epochs": 1}
    items = [*params["variants"].values(), *params["classifiers"].values()]
    needed = {item["input"] for item in items}
    for name, layer in reversed(params["layers"].items()):  # what stands on others comes later
        needed |= {layer["input"]} if f"layers/{name}" in needed else set()
    params["layers"] = {
        name: layer for name, layer in params["layers"].items() if f"layers/{name}" in needed
    }
    for dataset in params["datasets"].values():
        dataset.update(limit=LIMIT)
    for item in [*params["layers"].values(), *params["variants"].values()]:
        item.setdefault("train", {}).update(epochs=1)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh checkout without artifacts, with real data and small budgets."""
    folder = tmp_path_factory.mktemp("project")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).exists() and not name.startswith("artifacts/") and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for data in CHANCE:
        shutil.copytree(ROOT / "data" / data, folder / "data" / data)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    shrink(params)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the project's environment in the checkout."""
    unset = {"MLFLOW_TRACKING_URI", "PREFECT_API_URL"}
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    environment |= {"PATH": f"{BIN}:{environment['PATH']}", "PYTHONPATH": str(project)}
    environment |= {"PREFECT_HOME": str(project / ".prefect")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    print(done.stdout[-4000:], done.stderr[-4000:])
    return done


@pytest.mark.smoke
@pytest.mark.timeout(2400)
def test_the_flow_builds_everything(project: Path) -> None:
    assert run(project, "ae", "flow", "--workers", "2").returncode == 0
    variants = yaml.safe_load((project / "params.yaml").read_text())["variants"]
    for name, variant in variants.items():
        data = variant["data"]
        folder = project / "artifacts" / "evaluation" / name
        metrics = json.loads((folder / "metrics.json").read_text())
        assert math.isfinite(metrics["reconstruction"][ERRORS[data]])
        assert metrics["retrieval"]["precision@10"] > CHANCE[data]
        assert (folder / "figures" / "codes.png").stat().st_size > 5000
    assert (project / "artifacts" / "report" / "precision_recall_reuters.png").exists()


@pytest.mark.smoke
def test_then_classifiers_are_graded(project: Path) -> None:
    for name in TAUGHT:
        folder = project / "artifacts" / "grades" / name
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["pretrained"]["error@all"]["mean"] < 0.3
        assert metrics["frozen"]["error@100"]["mean"] < 0.8
        assert (folder / "figures" / "errors.png").stat().st_size > 5000
    assert (project / "artifacts" / "labels" / "figures" / "mnist.png").stat().st_size > 5000


@pytest.mark.smoke
def test_then_documents_are_found(project: Path) -> None:
    hits = json.loads(run(project, "ae", "search", "text-10", "crude oil opec", "--json").stdout)
    assert len(hits) == 10
    assert any("crude" in hit["labels"] for hit in hits)
    unknown = run(project, "ae", "search", "text-10", "xyzzy")
    assert unknown.returncode == 2
    assert "xyzzy" in unknown.stderr


@pytest.mark.smoke
def test_then_images_are_found(project: Path) -> None:
    images = np.load(project / "data" / "cifar10" / "test_images.npy", mmap_mode="r")
    (project / "queries").mkdir()
    for number in range(3):
        Image.fromarray(images[number]).resize((48, 40)).save(project / f"queries/{number}.png")
    (project / "queries" / "broken.jpg").write_bytes(b"no image")
    done = run(
        project, "ae", "search", "image-conv-256", "queries", "--json", "--montage", "found.png"
    )
    assert done.returncode == 0
    assert "broken.jpg" in done.stderr
    assert len(json.loads(done.stdout)) == 3
    assert Image.open(project / "found.png").width > 300


@pytest.mark.smoke
def test_then_a_page_shows_it(project: Path) -> None:
    html = (project / "artifacts/report/index.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    shown = json.loads(found[1])
    assert set(KEPT) == set(shown["planes"])
    assert set(CHANCE) == set(shown["examples"])  # images and titles under the pointer
    assert shown["planes"]["pca-2"]["decoded"]["uri"].startswith("data:image/webp")
    assert {"deep-30", "scratch-30"} <= set(shown["curves"]["mnist, 30 numbers"]["lines"])
    assert "dvc repro evaluate@tied-30" in html  # a claim of what was left out


@pytest.mark.smoke
def test_then_nothing_is_left_to_do(project: Path) -> None:
    began = time.perf_counter()
    done = run(project, "ae", "flow")
    assert done.returncode == 0
    assert "pretrain mnist-1: epoch" not in done.stdout
    assert time.perf_counter() - began < 180
    assert json.loads(run(project, "dvc", "status", "--json", "report").stdout or "{}") == {}


@pytest.mark.smoke
def test_every_run_is_recorded_and_ended(project: Path) -> None:
    code = (
        "import mlflow\n"
        "mlflow.set_tracking_uri('sqlite:///mlflow/mlflow.db')\n"
        "names = ['mnist', 'reuters', 'cifar10']\n"
        "runs = mlflow.search_runs(experiment_names=names, output_format='list')\n"
        "for run in runs:\n"
        "    found = run.data.metrics.get('retrieval.map', '')\n"
        "    print(run.info.run_name, run.info.status, found)\n"
    )
    rows = [line.split() for line in run(project, "python", "-c", code).stdout.splitlines()]
    params = yaml.safe_load((project / "params.yaml").read_text())
    parts = {row[0].partition("/")[0] for row in rows if "/" in row[0]}
    assert parts == set(TAUGHT)
    names = {row[0] for row in rows if "/" not in row[0]}
    assert names == {*params["layers"], *params["variants"], *params["classifiers"]}
    assert {row[1] for row in rows} == {"FINISHED"}
    measured = {row[0]: float(row[2]) for row in rows if len(row) == 3}
    for name in params["variants"]:
        path = project / "artifacts" / "evaluation" / name / "metrics.json"
        assert measured[name] == json.loads(path.read_text())["retrieval"]["map"]


@pytest.mark.smoke
def test_a_wider_third_layer_rebuilds_what_stands_on_it_alone(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["layers"]["mnist-3"]["units"] = 200
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    done = run(project, "ae", "flow", "deep-30", "scratch-30")
    assert done.returncode == 0
    became = dict(re.findall(r"│ (\S+@\S+) +│ +[\d.]+ │ (\w+) *│", done.stdout))
    assert {stage for stage, how in became.items() if how == "ran"} == {
        "pretrain@mnist-3",
        "pretrain@mnist-30",
        "finetune@deep-30",
        "evaluate@deep-30",
    }
    assert became["pretrain@mnist-2"] == became["evaluate@scratch-30"] == "unchanged"
