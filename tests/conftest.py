"""Options of the suite, and a tiny data set that every stage can run on.

What takes seconds to import is imported by those that use it: the process that hands out the tests
reads this file, too, before any other process starts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

from pipelines.imports import uncollected

if TYPE_CHECKING:
    from ae_lightning.data.prepared import PreparedDataset

MARKED = {"slow": "--runslow", "smoke": "--runsmoke"}

PATIENCE = 240.0
"""Seconds to wait for what should happen: several times what the slowest machine needs."""

SLOW_TIMEOUT = 1200
"""Seconds after which a slow test hangs, unless it says more itself."""

hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("suite")  # the same examples everywhere, and no file left behind


def pytest_addoption(parser: pytest.Parser) -> None:
    for marker, option in MARKED.items():
        parser.addoption(option, action="store_true", help=f"run tests marked {marker}")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests and all that they need as a stage does."""
    with uncollected():
        return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "smoke" not in item.keywords)  # what takes longest begins first
    for item in items:
        for marker, option in MARKED.items():
            if marker not in item.keywords:
                continue
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))
            if not config.getoption(option):
                item.add_marker(pytest.mark.skip(reason=f"needs {option}"))


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds; fails after :data:`PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DVC_NO_ANALYTICS", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "true")


@pytest.fixture(autouse=True, scope="session")
def _one_core() -> Iterator[None]:
    """Every core has a process of tests: more threads of NumPy's and SciPy's wait in circles."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny products only wait for each other's threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def bars(examples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(examples, 8, 8)`` of a bright bar at a random place, and which of 4 places."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, examples).astype(np.uint8)
    images = random.integers(0, 60, (examples, 8, 8)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 2 * label : 2 * label + 2] += 180
    return images, labels


SUBJECTS = ("oil crude barrel opec", "wheat grain crop harvest", "gold mine ounce ore")


def note(number: int) -> dict[str, object]:
    """A short document on one of three subjects, every fifth without a label."""
    random = np.random.default_rng(number)
    subject = number % len(SUBJECTS)
    words = [*random.choice(SUBJECTS[subject].split(), 6), *random.choice(["says", "year"], 3)]
    labels = [] if number % 5 == 4 else [SUBJECTS[subject].split()[0]]
    return {"id": number, "title": f"Note {number}", "body": " ".join(words), "labels": labels}


@pytest.fixture
def notes(tmp_path: Path) -> PreparedDataset:
    """Prepared documents: 60 training, 20 validation and 20 test notes on three subjects."""
    from ae_lightning.config.datasets import Documents
    from ae_lightning.data.prepare import prepare
    from ae_lightning.data.prepared import PreparedDataset

    path = tmp_path / "notes.jsonl"
    path.write_text("".join(json.dumps(note(number)) + "\n" for number in range(100)))
    queries = {"crude barrel": ("oil",), "wheat harvest": ("wheat",)}
    dataset = Documents(kind="documents", path=path, validation=20, queries=queries)
    folder = tmp_path / "artifacts" / "prepared" / "notes"
    prepare("notes", dataset, folder)
    return PreparedDataset.open(folder)


@pytest.fixture
def tiny(tmp_path: Path) -> PreparedDataset:
    """Prepared bars: 96 training, 24 validation and 32 test images of 8 by 8, four classes."""
    return prepared_bars(tmp_path / "artifacts" / "prepared" / "tiny")


def prepared_bars(folder: Path) -> PreparedDataset:
    """The same in a folder of the caller's, for a fixture that several tests share."""
    from ae_lightning.data.prepared import PreparedDataset

    folder.mkdir(parents=True)
    for seed, (split, examples) in enumerate({"train": 96, "validation": 24, "test": 32}.items()):
        images, labels = bars(examples, seed)
        np.save(folder / f"{split}_inputs.npy", images)
        np.save(folder / f"{split}_labels.npy", labels)
    meta = '{"kind": "idx", "shape": [8, 8], "classes": ["0", "1", "2", "3"]}'
    (folder / "meta.json").write_text(meta)
    return PreparedDataset.open(folder)
