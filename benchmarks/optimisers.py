"""Optimisers on deep-30's net, from random weights: seconds to a validation error.

    python benchmarks/optimisers.py train [--only NAME ...]    # errors by epochs; hours on 2 cores
    python benchmarks/optimisers.py time                       # milliseconds a step, on this CPU
    ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI python benchmarks/optimisers.py time
    python benchmarks/optimisers.py table                      # both together

How many epochs a training needs for an error does not depend on what runs beside it, how long a
step takes does: so the two are measured apart, and seconds are steps times milliseconds a step. A
training's learning rate falls to 0 over its epochs, so each budget is a training of its own; the
epochs for an error are interpolated between budgets (logarithms of both). All choices were made on
validation. Everything is kept in optimisers.json, by name.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from deep_net import TRAINED, capability, images, new_stack
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.data.images.augment import shift
from ae_lightning.data.sampler import BatchIndices, to_unit
from ae_lightning.nn import muon
from ae_lightning.nn.muon import Muon
from ae_lightning.nn.precision import multiplies_bf16, product_type

RESULTS = Path(__file__).with_suffix(".json")
WARMUP = 0.05
ERRORS = (3.0, 2.5)
BUDGETS = (8, 16)
SEEDS = (0, 1, 2)


TWO_STEPS = ((7.36269, -20.74396, 15.16095), (2.91753, -2.18239, 0.47553))
"""The best two odd quintics in a row (minimax) for singular values from 0.03 to 1."""


class TwoSteps(Muon):
    """Muon, whole, with two steps of orthogonalisation instead of three."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with patch.object(muon, "POLAR_EXPRESS", TWO_STEPS):
            return super().step(closure)


class ByMatrix(torch.optim.Optimizer):
    """Adam for vectors as in Muon; subclasses move a matrix."""

    def __init__(self, params: Any, lr: float, period: int) -> None:
        super().__init__(params, {"lr": lr, "momentum": 0.95, "vector_lr": 0.2})
        self.period = period

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim < 2:
                    Muon._adam(self, parameter, group)  # type: ignore[arg-type]
                else:
                    self.move(parameter, group["lr"], group["momentum"])

    def move(self, parameter: Tensor, lr: float, momentum: float) -> None:
        raise NotImplementedError


class Preconditioned(ByMatrix):
    """Momentum times the inverse root of gradients' covariance, renewed each ``period`` steps.

    One-sided Shampoo (Gupta et al. 2018; smaller side, power 1/2), as long as Muon's update.
    """

    def __init__(self, params: Any, lr: float, period: int = 20, floor: float = 1e-4) -> None:
        super().__init__(params, lr, period)
        self.floor = floor

    def move(self, parameter: Tensor, lr: float, momentum: float) -> None:
        grad, state = parameter.grad, self.state[parameter]
        assert grad is not None
        wide = grad if grad.shape[0] <= grad.shape[1] else grad.mT
        if not state:
            side = len(wide)
            state.update(average=torch.zeros_like(wide), covariance=wide.new_zeros(side, side))
            state.update(count=0, root=None)
        state["count"] += 1
        state["covariance"].lerp_(wide @ wide.mT, 1 - momentum)
        if state["count"] % self.period == 0 or state["count"] in (1, 2, 4, 8, 16):
            values, vectors = torch.linalg.eigh(state["covariance"])
            scale = (values.clamp_min(0) + self.floor * values.max()).rsqrt()
            state["root"] = ((vectors * scale) @ vectors.mT).to(product_type(parameter.device))
        average = state["average"].lerp_(wide, 1 - momentum)
        update = torch.lerp(wide, average, momentum).to(state["root"].dtype)
        update = (state["root"] @ update).float()
        update *= 0.85 * len(update) ** 0.5 / (update.norm() + 1e-12)
        rows, columns = parameter.shape
        step = update if rows <= columns else update.mT
        parameter.add_(step, alpha=-lr * max(1, rows / columns) ** 0.5)


class Soap(ByMatrix):
    """Adam in the eigenbases of gradients' covariances (Vyas et al. 2024), renewed at times."""

    def __init__(self, params: Any, lr: float, period: int = 10) -> None:
        super().__init__(params, lr, period)

    def move(self, parameter: Tensor, lr: float, momentum: float) -> None:
        grad, state = parameter.grad, self.state[parameter]
        assert grad is not None
        sides = (grad @ grad.mT, grad.mT @ grad)
        if not state:
            state.update(mean=torch.zeros_like(grad), square=torch.zeros_like(grad), count=0)
            state["covariances"] = [side.clone() for side in sides]
        state["count"] += 1
        for covariance, side in zip(state["covariances"], sides, strict=True):
            covariance.lerp_(side, 1 - momentum)
        if state["count"] in (1, 2, 4):
            state["bases"] = [torch.linalg.eigh(c)[1] for c in state["covariances"]]
        elif state["count"] % self.period == 0:
            pairs = zip(state["covariances"], state["bases"], strict=True)
            state["bases"] = [torch.linalg.qr(c @ basis)[0] for c, basis in pairs]
        left, right = (basis.to(product_type(grad.device)) for basis in state["bases"])
        rotated = (left.mT @ grad.to(left.dtype) @ right).float()
        mean = state["mean"].lerp_(grad, 1 - momentum)
        square = state["square"].lerp_(rotated * rotated, 1 - momentum)
        correction = 1 - momentum ** state["count"]
        update = (left.mT @ mean.to(left.dtype) @ right).float() / correction
        update /= (square / correction).sqrt() + 1e-10
        rows, columns = grad.shape
        length = 0.2 * max(1, rows / columns) ** 0.5 / max(rows, columns) ** 0.5  # near Muon's
        parameter.add_((left @ update.to(left.dtype) @ right.mT).float(), alpha=-lr * length)


class ScheduleFree(torch.optim.Optimizer):
    """AdamW at a constant rate whose iterates are averaged (Defazio et al. 2024, Algorithm 1).

    Gradients are taken between the iterate and the average; :meth:`swap` puts the average in place.
    """

    def __init__(self, params: Any, lr: float, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self.weights = 0.0

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            weight = group["lr"] ** 2  # the warm-up counts less
            self.weights += weight
            for parameter in group["params"]:
                grad, state = parameter.grad, self.state[parameter]
                if not state:
                    state.update(iterate=parameter.clone(), average=parameter.clone(), count=0)
                    state["square"] = torch.zeros_like(parameter)
                state["count"] += 1
                square = state["square"].lerp_(grad * grad, 0.01)
                root = (square / (1 - 0.99 ** state["count"])).sqrt_().add_(1e-10)
                state["iterate"].addcdiv_(grad, root, value=-group["lr"])
                state["average"].lerp_(state["iterate"], weight / self.weights)
                parameter.copy_(state["iterate"].lerp(state["average"], group["momentum"]))

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the parameters and their averages."""
        for group in self.param_groups:
            for parameter in group["params"]:
                kept = parameter.clone()
                parameter.copy_(self.state[parameter]["average"])
                self.state[parameter]["average"].copy_(kept)


class OnTheOutside(torch.optim.Optimizer):
    """Muon, whole, for all but the two largest matrices, which follow AdamW."""

    def __init__(self, params: Any, lr: float) -> None:
        parameters = list(params)
        largest = sorted(parameters, key=torch.numel)[-2:]
        others = [p for p in parameters if all(p is not big for big in largest)]
        self.parts = [
            Muon(others, lr, period=1),
            torch.optim.AdamW(largest, lr / 15, betas=(0.95, 0.99), fused=True),
        ]
        super().__init__(parameters, {"lr": lr})
        self.base = lr

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        share = self.param_groups[0]["lr"] / self.base
        for part, lr in zip(self.parts, (self.base, self.base / 15), strict=True):
            part.param_groups[0]["lr"] = lr * share
            part.step()


@dataclass(frozen=True)
class Contender:
    """An optimiser with the best of the settings that were tried on validation."""

    make: Callable[[Any, float], torch.optim.Optimizer]
    lr: float
    batch: int
    thorough: bool = False
    """Whether it is trained with all budgets and seeds, not with the first of each."""
    constant: bool = False
    """Whether its learning rate stays after the warm-up."""


def _muon(**settings: Any) -> Callable[[Any, float], torch.optim.Optimizer]:
    return lambda params, lr: Muon(params, lr, **settings)


def _adamw(params: Any, lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(params, lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True)


CONTENDERS = {
    "ours": Contender(Muon, 0.03, 1000, thorough=True),
    "ours, 500": Contender(Muon, 0.02, 500, thorough=True),
    "Muon, whole, 1000": Contender(_muon(period=1), 0.03, 1000, thorough=True),
    "Muon, whole, 500": Contender(_muon(period=1), 0.02, 500),
    "AdamW": Contender(_adamw, 3e-3, 500, thorough=True),
    "blocks of 1/8, never whole, 500": Contender(_muon(period=10**9, blocks=8), 0.02, 500),
    "blocks of 1/8, never whole, 250": Contender(_muon(period=10**9, blocks=8), 0.014, 250),
    "two steps, whole, 1000": Contender(
        lambda params, lr: TwoSteps(params, lr, period=1), 0.03, 1000
    ),
    "AdamW on the largest two, 1000": Contender(OnTheOutside, 0.03, 1000),
    "one-sided Shampoo, 1000": Contender(Preconditioned, 0.03, 1000),
    "schedule-free AdamW": Contender(ScheduleFree, 3e-3, 500, constant=True),
    "SOAP, 1000": Contender(Soap, 0.15, 1000),
}


class Training:
    """One training of the net in this process: batches, steps, validation."""

    def __init__(self, contender: Contender, epochs: int, seed: int) -> None:
        data = images().flatten(1)
        self.data, self.validation = data[:TRAINED], to_unit(data[TRAINED:])
        self.stack = new_stack(seed)
        self.optimizer = contender.make(self.stack.parameters(), contender.lr)
        self.lr, self.constant, self.seed = contender.lr, contender.constant, seed
        self.batches = BatchIndices(len(self.data), contender.batch, shuffle=True, seed=seed)
        self.total, self.count = epochs * len(self.batches), 0
        self.bf16 = multiplies_bf16("cpu")

    def epoch(self, number: int) -> None:
        """All batches once."""
        self.batches.set_epoch(number)
        torch.manual_seed(1000 * self.seed + number)
        for indices in self.batches:
            self.step(to_unit(shift(self.data[indices].view(-1, 28, 28), 1)).flatten(1))

    def step(self, batch: Tensor) -> tuple[float, float]:
        """Seconds of the passes and of the optimiser."""
        warm = round(WARMUP * self.total)
        share = 1 if self.constant else (self.total - self.count) / max(1, self.total - warm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * min((self.count + 1) / max(1, warm), share)
        self.count += 1
        began = time.perf_counter()
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits = self.stack.decode_logits(self.stack.encode(batch))
        loss = F.binary_cross_entropy_with_logits(logits.float(), batch, reduction="sum")
        (loss / len(batch)).backward()
        passed = time.perf_counter()
        self.optimizer.step()
        return passed - began, time.perf_counter() - passed

    @torch.no_grad()
    def error(self) -> float:
        """Squared error of a validation image, summed over its values."""
        if isinstance(self.optimizer, ScheduleFree):
            self.optimizer.swap()
        decoded = self.stack.decode(self.stack.encode(self.validation))
        return float((decoded - self.validation).square().sum(1).mean())


def train(names: list[str], known: dict[str, Any]) -> None:
    """Errors after each budget, by seed; what is known already is not trained again."""
    for name in names:
        contender = CONTENDERS[name]
        errors = known.setdefault(name, {}).setdefault("errors", {})
        for epochs in BUDGETS if contender.thorough else BUDGETS[:1]:
            for seed in SEEDS if contender.thorough else SEEDS[:1]:
                by_seed = errors.setdefault(str(epochs), {})
                if str(seed) in by_seed:
                    continue
                training = Training(contender, epochs, seed)
                for number in range(epochs):
                    training.epoch(number)
                by_seed[str(seed)] = round(training.error(), 4)
                print(f"{name}: {epochs} epochs, seed {seed}: {by_seed[str(seed)]}", flush=True)
                write(known)


def measure(names: list[str], known: dict[str, Any], steps: int = 25, rounds: int = 3) -> None:
    """Milliseconds of a step with this CPU's instructions, in turns; medians of the rounds."""
    cpu = capability()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    trainings = {name: Training(CONTENDERS[name], 1, 0) for name in names}
    for _ in range(rounds):
        for name, training in trainings.items():
            batch = torch.rand(CONTENDERS[name].batch, 784)
            seconds = [training.step(batch) for _ in range(steps)][5:]
            times[name].append(tuple(map(statistics.mean, zip(*seconds, strict=True))))
    for name, rows in times.items():
        passes, optimizer = (round(1000 * statistics.median(t), 1) for t in zip(*rows, strict=True))
        milliseconds = known.setdefault(name, {}).setdefault("milliseconds", {})
        milliseconds[cpu] = {"passes": passes, "optimizer": optimizer}
        print(f"{name} ({cpu}): passes {passes} ms, optimizer {optimizer} ms")
    write(known)


def epochs_to(error: float, errors: dict[str, dict[str, float]]) -> float | None:
    """Epochs after which the mean error of the seeds is ``error``; None with one budget."""
    points = sorted(
        (math.log(int(n)), math.log(statistics.mean(e.values()))) for n, e in errors.items()
    )
    if len(points) < 2:
        return None
    (x0, y0), (x1, y1) = points[0], points[-1]
    return math.exp(x0 + (math.log(error) - y0) * (x1 - x0) / (y1 - y0))


def table(known: dict[str, Any]) -> None:
    """Print errors, and seconds to each error by the CPU's instructions."""
    for name, found in known.items():
        for epochs, by_seed in found.get("errors", {}).items():
            values = list(by_seed.values())
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            print(f"{name}: {statistics.mean(values):.3f}{spread} after {epochs} epochs")
        for cpu, step in found.get("milliseconds", {}).items():
            each = sum(step.values()) / 1000 * TRAINED / CONTENDERS[name].batch
            line = [f"  {cpu}: {each:.1f} s an epoch"]
            for error in ERRORS:
                epochs = epochs_to(error, found.get("errors", {}))
                line += [f"{epochs * each:.0f} s to {error}"] if epochs else []
            print(", ".join(line))


def write(known: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "time", "table"])
    parser.add_argument("--only", nargs="*", choices=list(CONTENDERS), default=list(CONTENDERS))
    arguments = parser.parse_args()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if arguments.what == "table":
        table(known)
    else:
        {"train": train, "time": measure}[arguments.what](arguments.only, known)


if __name__ == "__main__":
    main()
