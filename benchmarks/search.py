"""Seconds until a variant's documents or images can be searched, and milliseconds a query takes.

    python benchmarks/search.py text-128 [--artifacts artifacts] [--queries 100]

The queries are titles of test documents, or test images, evenly spaced. Loading counts the
libraries' import, which is most of it.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Searched = tuple[str, Sequence[Any], Callable[[Any], Any]]
"""What there is, all possible queries, and what answers one."""


def documents(variant: str, artifacts: Path) -> Searched:
    from ae_lightning.search.documents import DocumentIndex

    index = DocumentIndex.open(variant, artifacts)
    titles = [record["title"] for record in index.documents.records if record["split"] == "test"]
    count, units = index.documents.codes.shape
    there = f"{count:,} documents, codes of {units:,}"
    return there, [title for title in titles if index.known(title)], index.search


def images(variant: str, artifacts: Path) -> Searched:
    from ae_lightning.search.images import ImageIndex

    index = ImageIndex.open(variant, artifacts)
    there = f"{len(index.codes):,} images, codes of {index.stack.units:,}"
    return there, index.data.inputs("test"), lambda image: index.search(image[None])


KINDS = {"documents": documents, "images": images}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--queries", type=int, default=100)
    arguments = parser.parse_args()
    began = time.perf_counter()
    from ae_lightning.inference.artifacts import prepared

    kind = prepared(arguments.variant, arguments.artifacts).examples
    there, queries, search = KINDS[kind](arguments.variant, arguments.artifacts)
    loaded = time.perf_counter() - began
    seconds = []
    for query in queries[:: max(len(queries) // arguments.queries, 1)][: arguments.queries]:
        start = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - start)
    print(f"{arguments.variant}: {there}")
    print(f"loaded in {loaded:.2f} s, imports included")
    print(f"{len(seconds)} queries: median {1000 * statistics.median(seconds):.2f} ms")
    print(f"slowest {1000 * max(seconds):.2f} ms")


if __name__ == "__main__":
    main()
