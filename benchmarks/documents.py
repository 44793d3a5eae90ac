"""Time and memory of preparing many short documents, at two sizes.

    python benchmarks/documents.py [--sizes 50000 100000] [--words 10]

Each size is prepared by a process of its own from a JSON-lines file in a temporary folder; what
that process holds before it begins (Python and its libraries) is told beside its peak. Words are
drawn as in a language, the k-th most frequent with a share of 1/k, from 50,000. The growth per
document between the sizes is what one needs to know for another number of documents.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in one of ru_maxrss


def spelt(number: int) -> str:
    """A word of letters for each number."""
    letters = ""
    while number or not letters:
        number, letter = divmod(number, 26)
        letters += chr(97 + letter)
    return f"w{letters}"


def write(path: Path, documents: int, words: int) -> None:
    drawn = random.Random(0)
    known = [spelt(number) for number in range(50_000)]
    shares = list(accumulate(1 / (1 + number) for number in range(len(known))))
    with path.open("w", encoding="utf-8") as file:
        for _ in range(documents):
            body = drawn.choices(known, cum_weights=shares, k=words)
            row = {"title": body[0], "body": " ".join(body), "labels": [f"t{drawn.randrange(20)}"]}
            file.write(json.dumps(row) + "\n")


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def prepare_alone(path: Path) -> None:
    """What the child does: prepare and print its figures as JSON in the last line."""
    sys.path.insert(0, str(ROOT))
    from ae_lightning.config.datasets import Documents
    from ae_lightning.data.prepare import prepare

    before, began = peak_bytes(), time.perf_counter()
    prepare("short", Documents(kind="documents", path=path), path.with_name("prepared"))
    print(json.dumps([time.perf_counter() - began, before, peak_bytes()]))


def measure(documents: int, words: int) -> tuple[float, int, int]:
    """Seconds, and bytes before and at the peak."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents.jsonl"
        write(path, documents, words)
        command = [sys.executable, __file__, "--child", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, before, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, before, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 100_000])
    parser.add_argument("--words", type=int, default=10, help="words of a document")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return prepare_alone(arguments.child)
    print("documents  seconds  before MB  peak MB  bytes per further document", flush=True)
    last: tuple[int, int] | None = None
    for size in arguments.sizes:
        seconds, before, peak = measure(size, arguments.words)
        growth = f"{(peak - last[1]) / (size - last[0]):8.0f}" if last else "       -"
        print(
            f"{size:9,} {seconds:8.1f} {before / 1e6:10.0f} {peak / 1e6:8.0f} {growth}", flush=True
        )
        last = size, peak


if __name__ == "__main__":
    main()
