"""What training minimises: cross-entropy on the labels that are known, and the order within near-twin pairs."""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

TWIN_MARGIN = 2.0  # logits by which the member with the label should lie above the other


def masked_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    positive_weights: torch.Tensor,
    *,
    smoothing: float = 0.0,
    focal_gamma: float = 0.0,
) -> torch.Tensor:
    """Mean binary cross-entropy over the known targets; unknown ones (negative) count nothing.

    Args:
        logits: shape (n, n_labels).
        targets: 1, 0 or negative, shape (n, n_labels).
        positive_weights: one weight a label for its positives.
        smoothing: targets move this far from 0 and 1 to one half.
        focal_gamma: weight (1 - p of the truth) ** gamma of each term (Lin et al. 2017); 0 is plain cross-entropy.

    Returns:
        A scalar; 0 for a batch without any known target.
    """
    known = (targets >= 0).to(logits.dtype)
    truth = targets.clamp(min=0).to(logits.dtype)
    smooth = truth * (1.0 - smoothing) + smoothing / 2.0
    losses = binary_cross_entropy_with_logits(logits, smooth, pos_weight=positive_weights, reduction="none")
    if focal_gamma:
        losses = losses * torch.sigmoid(torch.where(truth > 0, -logits, logits)) ** focal_gamma
    return (losses * known).sum() / known.sum().clamp(min=1.0)


def twin_loss(logits: torch.Tensor, targets: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """Mean ranking loss (Burges et al. 2005, with a margin) over the labels in which two twins differ.

    Args:
        logits: shape (n, n_labels).
        targets: 1, 0 or negative, shape (n, n_labels).
        pairs: row numbers of twins, shape (n_pairs, 2).

    Returns:
        A scalar; 0 without pairs. Twins share their words, so that only what decides the label is left to learn.
    """
    one, other = pairs[:, 0], pairs[:, 1]
    both = (targets[one] >= 0) & (targets[other] >= 0)
    above = (targets[one] - targets[other]).to(logits.dtype) * both
    losses = softplus(TWIN_MARGIN - above * (logits[one] - logits[other])) * above.abs()
    return losses.sum() / above.abs().sum().clamp(min=1.0)
