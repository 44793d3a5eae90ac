"""Muon: momentum whose update of every weight matrix is made orthogonal.

K. Jordan et al., "Muon: an optimizer for hidden layers" (2024), with the step-dependent
coefficients of Amsel et al., "The Polar Express" (2025), Algorithm 1, which need three steps where
the fixed quintic of ``torch.optim.Muon`` needs five. Most steps orthogonalise blocks of rows apart,
which costs a fraction of the products, and only each ``period``-th the whole matrix: A. Khaled et
al., "MuonBP: Faster Muon via Block-Periodic Orthogonalization" (2025). Matrices of one shape (an
encoder's and its mirror's) go through one batched product. Vectors, which have nothing to
orthogonalise, follow Adam inside the same optimiser, so that Lightning sees one optimiser and one
schedule.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from ae_lightning.nn.precision import product_type

POLAR_EXPRESS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
)

LEAST_ROWS = 64
"""Rows of a block; with fewer, products of blocks save nothing."""


def orthogonalize(matrices: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrices, roughly: three steps bring singular values to 0.2 .. 1.9.

    Takes and returns ``(count, rows, columns)`` with rows <= columns, in the number type that the
    device multiplies fastest as the products are what costs; an all-zero matrix stays zero.
    """
    x = matrices.to(product_type(matrices.device))
    norm = torch.linalg.matrix_norm(matrices.float())[:, None, None]
    x = x / (norm * 1.01 + 1e-12).to(x.dtype)
    for a, b, c in POLAR_EXPRESS:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def orthogonalize_blocks(matrices: Tensor, most: int) -> Tensor:
    """Orthogonalise equal blocks of rows of ``(count, rows, columns)``, each for itself.

    There are as many as divide the rows evenly, ``most`` at most.
    """
    rows = matrices.shape[1]
    blocks = next((n for n in range(most, 1, -1) if rows % n == 0 and rows // n >= LEAST_ROWS), 1)
    apart = matrices.unflatten(1, (blocks, -1)).flatten(0, 1)
    return orthogonalize(apart).unflatten(0, (-1, blocks)).flatten(1, 2)


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum for matrices, Adam for vectors.

    A matrix moves by ``lr * sqrt(max(1, rows / columns))`` times an orthogonal matrix, or one whose
    at most ``blocks`` blocks of rows are orthogonal: whole in the first and each further
    ``period``-th step. A vector moves by Adam at ``lr * vector_lr``. Weight decay is decoupled and
    for matrices only.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        vector_lr: float = 0.2,
        period: int = 5,
        blocks: int = 4,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "vector_lr": vector_lr,
            "period": period,
            "blocks": blocks,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.ndim < 2:
                    self._adam(parameter, group)
                else:
                    by_shape[tuple(sorted(_matrix(parameter).shape))].append(parameter)
            for parameters in by_shape.values():
                self._orthogonal(parameters, group)
        return loss

    def _orthogonal(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        momentum, rate = group["momentum"], group["lr"]
        updates, whole = [], False
        for parameter in parameters:
            grad = parameter.grad
            assert grad is not None
            state = self.state[parameter]
            if not state:
                state.update(momentum=torch.zeros_like(parameter), count=0)
            whole = state["count"] % group["period"] == 0
            state["count"] += 1
            average = state["momentum"].lerp_(grad, 1 - momentum)
            updates.append(_wide(_matrix(torch.lerp(grad, average, momentum))))
        orthogonal = orthogonalize_blocks(torch.stack(updates), 1 if whole else group["blocks"])
        for parameter, update in zip(parameters, orthogonal, strict=True):
            rows, columns = _matrix(parameter).shape
            if group["weight_decay"]:
                parameter.mul_(1 - rate * group["weight_decay"])
            step = update if rows <= columns else update.mT
            parameter.add_(
                step.reshape(parameter.shape), alpha=-rate * max(1, rows / columns) ** 0.5
            )

    def _adam(self, parameter: Tensor, group: dict[str, Any]) -> None:
        grad = parameter.grad
        assert grad is not None
        state = self.state[parameter]
        if not state:
            state.update(mean=torch.zeros_like(grad), square=torch.zeros_like(grad), count=0)
        state["count"] += 1
        mean = state["mean"].lerp_(grad, 0.1).div(1 - 0.9 ** state["count"])
        square = state["square"].lerp_(grad * grad, 0.01).div(1 - 0.99 ** state["count"])
        parameter.addcdiv_(
            mean, square.sqrt_().add_(1e-10), value=-group["lr"] * group["vector_lr"]
        )


def _matrix(tensor: Tensor) -> Tensor:
    """A kernel ``(out, in, height, width)`` as the matrix ``(out, in * height * width)``."""
    return tensor.flatten(1)


def _wide(matrix: Tensor) -> Tensor:
    """The matrix with no more rows than columns."""
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT
