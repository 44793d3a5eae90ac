"""Examples per second of two processes with a thread each beside one process with two threads.

    python benchmarks/devices.py [--full] [--batch 500] [--steps 6] [--rounds 3]

Both train the same net on the same batches of random images by our Trainer with AdamW: image-256's
with ``--full``, otherwise one of a quarter of its widths. They take turns, so that the ratio of one
run is what counts; it is the median over the rounds. The processes average their gradients over
gloo on this machine. A step's passes, gradients and update are timed, the first two steps are not.
Prints a table, writes devices.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WIDTHS = (8192, 4096, 2048, 1024, 512, 256)
WARM_UP = 2
CONTENDERS = {"one process, two threads": ("1", "2"), "two processes, one thread each": ("2", "1")}


def train(arguments: argparse.Namespace) -> None:
    """What a child does: train, and print its examples per second and its share of memory."""
    sys.path.insert(0, str(ROOT))
    import psutil  # type: ignore[import-untyped,unused-ignore]
    import torch

    from ae_lightning.config.environment import environment
    from ae_lightning.config.layers import Training
    from ae_lightning.distributed import process_group
    from ae_lightning.distributed.launch import together
    from ae_lightning.nn.checkpoint import build
    from ae_lightning.nn.stack import chain_specs
    from ae_lightning.training.fit import fit
    from ae_lightning.training.module import Reconstruction
    from ae_lightning.training.setup import Fit

    ends: list[float] = []

    class Timed(Reconstruction):
        def on_train_batch_end(self, *_: Any) -> None:
            ends.append(time.perf_counter())

    with together(environment()) as here, tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        widths = [width // (1 if arguments.full else 4) for width in WIDTHS]
        specs = chain_specs(3072, widths, hidden="gelu", code="linear", output="linear")
        steps = WARM_UP + arguments.steps
        images = torch.randint(0, 256, (steps * arguments.batch, 3072), dtype=torch.uint8)
        training = Training(
            optimizer="adamw", learning_rate=1e-4, batch_size=arguments.batch, epochs=1
        )
        how = Fit(training, here, title="devices", module=Timed, resume=Path(folder))
        fit(build(specs), images, images[: arguments.batch], how)
        seconds = (ends[-1] - ends[WARM_UP - 1]) / arguments.steps
        if process_group.is_first():
            peak = psutil.Process().memory_full_info().uss
            print(json.dumps([arguments.batch / seconds, peak]))


def measure(devices: str, threads: str, arguments: list[str]) -> list[float]:
    """Examples per second, and bytes that the first process has for itself at the end."""
    variables = {"AE_ACCELERATOR": "cpu", "AE_DEVICES": devices, "OMP_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, __file__, "--child", *arguments],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="image-256's widths")
    parser.add_argument("--batch", type=int, default=500, help="examples of both together")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return train(arguments)
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(arguments.rounds):
        for name, (devices, threads) in CONTENDERS.items():
            rate, memory = measure(devices, threads, sys.argv[1:])
            found[name].append(rate)
            print(f"{name:32} {rate:8.1f} examples/s {memory / 2**20:8.0f} MiB", flush=True)
    one, two = found.values()
    result = {
        "net": "image-256" if arguments.full else "image-256 of a quarter of the widths",
        "batch": arguments.batch,
        "examples_per_second": {name: statistics.median(rates) for name, rates in found.items()},
        "ratio": statistics.median(b / a for a, b in zip(one, two, strict=True)),
    }
    text = json.dumps(result, indent=2)
    print(text)
    (ROOT / "benchmarks" / "devices.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
