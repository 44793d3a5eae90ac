"""Contrastive loss between the codes of two augmented copies of each image."""

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy in nats of two ``(batch, code)`` (scalar).

    Cross-entropy of picking a code's partner, by cosine over ``temperature``, from the other codes
    of both batches; 0 if always right, ``ln (2 batch - 1)`` if all look alike (Chen et al. 2020,
    "A simple framework for contrastive learning of visual representations", eq. 1).
    """
    codes = F.normalize(torch.cat([first, second]).float(), dim=1)
    alike = (codes @ codes.mT).float() / temperature
    alike = alike.masked_fill(torch.eye(len(codes), dtype=torch.bool, device=codes.device), -1e9)
    partner = torch.arange(len(codes), device=codes.device).roll(len(first))
    return F.cross_entropy(alike, partner)
