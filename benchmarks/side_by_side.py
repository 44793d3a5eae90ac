"""What waiting threads cost: a training step alone and beside a second process.

    python benchmarks/side_by_side.py [--seconds 6]

GNU OpenMP's threads spin while they wait (GOMP_SPINCOUNT, about 300,000 turns by default). Prints
milliseconds a step of deep-30's net for several counts; ae_lightning/__init__.py sets ours.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

STEP = """
import sys, time, torch
from torch.nn import functional as F
from ae_lightning.nn.muon import Muon
from deep_net import new_stack
stack, x = new_stack(), torch.rand(1000, 784)
optimizer, count, began = Muon(stack.parameters(), 0.03), -3, 0.0
while count < 1 or time.perf_counter() - began < float(sys.argv[1]):
    if count == 0:
        began = time.perf_counter()
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        logits = stack.decode_logits(stack.encode(x))
    (F.binary_cross_entropy_with_logits(logits.float(), x, reduction="sum") / 1000).backward()
    optimizer.step()
    count += 1
print((time.perf_counter() - began) / count * 1000)
"""


def step_times(spin: str, processes: int, seconds: float) -> list[float]:
    """Milliseconds a step in each of ``processes`` that run at the same time."""
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    command = [sys.executable, "-c", STEP, str(seconds)]
    running = [
        subprocess.Popen(
            command,
            cwd=Path(__file__).parent,
            env=environment | {"GOMP_SPINCOUNT": spin},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    return [float(process.communicate()[0]) for process in running]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6)
    seconds = parser.parse_args().seconds
    print("spin count   alone ms   beside another ms")
    for spin in ("0", "10000", "300000"):
        (alone,) = step_times(spin, 1, seconds)
        beside = max(step_times(spin, 2, seconds))
        print(f"{spin:>10} {alone:10.1f} {beside:19.1f}")


if __name__ == "__main__":
    main()
