"""Seconds until the documents of a variant can be searched, and milliseconds a query takes then.

    python benchmarks/search.py text-128 [--artifacts artifacts] [--queries 100]

The queries are the titles of test documents, evenly spaced. Loading counts the libraries' import,
which is most of it.
"""

import argparse
import statistics
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--queries", type=int, default=100)
    arguments = parser.parse_args()
    began = time.perf_counter()
    from ae_lightning.search.documents import DocumentIndex

    imported = time.perf_counter()
    index = DocumentIndex.open(arguments.variant, arguments.artifacts)
    opened = time.perf_counter()
    titles = [record["title"] for record in index.documents.records if record["split"] == "test"]
    known = [title for title in titles if index.known(title)]
    chosen = known[:: max(len(known) // arguments.queries, 1)][: arguments.queries]
    seconds = []
    for title in chosen:
        start = time.perf_counter()
        index.search(title)
        seconds.append(time.perf_counter() - start)
    documents, units = index.documents.codes.shape
    print(f"{arguments.variant}: {documents:,} documents, codes of {units:,}")
    print(f"loaded in {opened - began:.2f} s (import {imported - began:.2f} s)")
    print(f"{len(seconds)} queries: median {1000 * statistics.median(seconds):.2f} ms")
    print(f"slowest {1000 * max(seconds):.2f} ms")


if __name__ == "__main__":
    main()
