"""Frobenius norm of the encoder's Jacobian: how much a code changes with its input.

Legend: ``x`` (batch, features), ``code`` (batch, code); J = d code / d x, (code, features) for each
example; W a layer's encoder matrix (units, inputs), z = W x + b, s its activation.
The contractive penalty is the mean squared norm of J (Rifai et al. 2011, "Contractive
auto-encoders", eq. 1).
"""

import torch
from torch import Tensor

from ae_lightning.distributed.global_batch import jointly
from ae_lightning.nn.activations import OF_ROWS
from ae_lightning.nn.layers.dense import DenseLayer, TiedLayer
from ae_lightning.nn.stack import Stack


def layer_jacobian_norm2(layer: DenseLayer | TiedLayer, x: Tensor) -> Tensor:
    """Squared Frobenius norm of a dense layer's Jacobian, (batch,): sum_j s'(z_j)^2 |W_j|^2.

    Rifai et al. (2011) give it for the sigmoid; here s' is autograd's, for any activation of single
    units, and can itself be differentiated. Exact, and as cheap as encoding once more. Needs
    gradients switched on, but not for ``x``.
    """
    z = layer.encoder(x)
    (slope,) = torch.autograd.grad(layer.activation(z).sum(), z, create_graph=True)
    weight = layer.encoder.weight
    # Not a matrix product, which autocast would compute in half width.
    return (slope.to(weight.dtype).square() * weight.square().sum(1)).sum(1)


def jacobian_norm2_estimate(x: Tensor, code: Tensor, signs: Tensor | None = None) -> Tensor:
    """Unbiased estimate of the squared Frobenius norm, averaged over the batch (scalar).

    E |v J|^2 = |J|^2 for independent fair signs v (Hutchinson 1990), one draw for each number of
    ``code``, or ``signs`` (batch, code) of -1 and 1. One backward pass through the encoder, which
    can itself be differentiated. ``code`` must have been computed from an ``x`` that requires
    gradients.
    """
    if signs is None:
        signs = jointly(_fair_signs, code.detach())
    (direction,) = torch.autograd.grad(code, x, signs.to(code.dtype), create_graph=True)
    return direction.square().sum(1).mean()


def _fair_signs(code: Tensor) -> Tensor:
    return torch.randint_like(code, 2).mul_(2).sub_(1)


def contractive(stack: Stack, x: Tensor, code: Tensor) -> Tensor:
    """Mean squared Frobenius norm of the code's Jacobian (scalar), differentiable for training.

    Exact for a stack of one dense or tied layer, estimated for any other. Reuses the forward pass:
    call ``x.requires_grad_()`` before ``stack.trace(x)`` and hand over that trace's code.
    """
    if layer := _only_dense(stack):
        return layer_jacobian_norm2(layer, x).mean()
    return jacobian_norm2_estimate(x, code)


def jacobian_norm(stack: Stack, x: Tensor) -> Tensor:
    """Frobenius norm of the code's Jacobian, exact, (batch,), for evaluation.

    In closed form for one dense layer, otherwise by a backward pass for each number of the code.
    """
    with torch.enable_grad():
        if layer := _only_dense(stack):
            return layer_jacobian_norm2(layer, x).sqrt().detach()
        return exact_jacobian_norm(stack, x)


def exact_jacobian_norm(stack: Stack, x: Tensor) -> Tensor:
    """:func:`jacobian_norm` by autograd alone, whatever the stack is made of."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        units = stack.encode(x).unbind(1)
        rows = (torch.autograd.grad(unit.sum(), x, retain_graph=True)[0] for unit in units)
        norm2 = sum((row.square().sum(1) for row in rows), x.new_zeros(len(x)))
    return norm2.sqrt()


def _only_dense(stack: Stack) -> DenseLayer | TiedLayer | None:
    match stack.layers:
        case [(DenseLayer() | TiedLayer()) as layer] if stack.first is None:
            return None if layer.spec.activation in OF_ROWS else layer
    return None
