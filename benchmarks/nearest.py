"""Exact nearest neighbours: ours beside faiss's flat index, on the same cores in the same run.

    python benchmarks/nearest.py [--queries 10000] [--database 50000] [--numbers 256] [--count 100]
        [--rounds 3] [--codes VARIANT]

Takes codes of an evaluated variant, or normal random numbers, and lets both search in turns. Prints
medians of seconds by the clock and of processors, our part of them by faiss's, how many of the
neighbours are the same, and our peak of memory above what was there before; writes nearest.json.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from ae_lightning.search.index import nearest

ROOT = Path(__file__).parents[1]


def points(options: argparse.Namespace) -> tuple[Any, Any]:
    """Queries and database, float32."""
    if options.codes:
        with np.load(ROOT / "artifacts" / "evaluation" / options.codes / "codes.npz") as file:
            codes = np.concatenate([file["train"], file["validation"]])
            return file["test"][: options.queries], codes[: options.database]
    random = np.random.default_rng(0)
    shape = (options.queries + options.database, options.numbers)
    both = random.standard_normal(shape, dtype=np.float32)
    return both[: options.queries], both[options.queries :]


def timed(search: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds by the clock and of processors, which other work lengthens less, and the result."""
    began = time.perf_counter(), time.process_time()
    found = search()
    return (time.perf_counter() - began[0], time.process_time() - began[1]), found


def measures(values: Any) -> dict[str, float]:
    return dict(zip(("clock", "processors"), values.round(3).tolist(), strict=True))


def peak() -> float:
    """Mebibytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in {"queries": 10_000, "database": 50_000, "numbers": 256}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--codes", help="an evaluated variant on images")
    options = parser.parse_args()
    queries, database = points(options)
    before = peak()
    nearest(queries, database, options.count)
    memory = peak() - before
    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexFlatL2(database.shape[1])
    index.add(database)
    rounds = []
    for _ in range(options.rounds):
        ours, found = timed(lambda: nearest(queries, database, options.count))
        theirs, other = timed(lambda: index.search(queries, options.count))
        rounds.append((ours, theirs))
    seconds = np.array(rounds)  # (rounds, ours and faiss's, clock and processors)
    same = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found[0], other[1], strict=True)])
    report = {
        "queries": len(queries),
        "database": len(database),
        "numbers": database.shape[1],
        "count": options.count,
        "points": options.codes or "random",
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "seconds": measures(np.median(seconds[:, 0], 0)),
        "faiss_seconds": measures(np.median(seconds[:, 1], 0)),
        "ours_by_faiss": measures(np.median(seconds[:, 0] / seconds[:, 1], 0)),
        "same_neighbours": same / options.count,
        "peak_mebibytes": memory,
    }
    text = json.dumps(report, indent=1)
    print(text)
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
