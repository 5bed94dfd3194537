"""Linear scores of token n-grams, which stand beside the encoder: words that it cannot tell apart still count.

Neighbouring tokens are hashed into a fixed number of buckets (Weinberger et al. 2009), so that no vocabulary is shipped
and nothing is looked at beyond the token ids.
"""

from __future__ import annotations

import torch
from torch import nn

ORDERS = 2  # single tokens and pairs; triples gained nothing on validation
MULTIPLIER = 6151  # odd and below 2 ** 13, so that no product leaves 32 bits for up to 2 ** 18 buckets
MAX_BUCKETS = 2**18


def ngram_buckets(
    input_ids: torch.Tensor, attention_mask: torch.Tensor, n_buckets: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Bucket of every n-gram and its weight, both of shape (n, ORDERS * tokens).

    A weight is one over the square root of the sentence's number of n-grams, and 0 for those that touch padding.
    """
    mask = attention_mask.to(torch.float32)
    buckets, present = [], []
    running = torch.zeros_like(input_ids)
    together = torch.ones_like(mask)
    for order in range(ORDERS):
        # Position t holds the n-gram that ends there; those that would begin before the sentence are masked.
        running = (_delayed(running) * MULTIPLIER + input_ids) % n_buckets
        together = mask * (_delayed(together) if order else 1.0)
        buckets.append((running + order * (n_buckets // ORDERS)) % n_buckets)
        present.append(together)
    weights = torch.cat(present, dim=1)
    return torch.cat(buckets, dim=1), weights / weights.sum(dim=1, keepdim=True).clamp(min=1.0).sqrt()


def _delayed(values: torch.Tensor) -> torch.Tensor:
    return nn.functional.pad(values[:, :-1], (1, 0))


class NgramScores(nn.Module):
    """What the n-grams of a sentence add to its logits."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        n_buckets, n_labels = weight.shape
        if not 0 < n_buckets <= MAX_BUCKETS or bias.shape != (n_labels,):
            raise ValueError(
                f"expected n-gram weights of shape (up to {MAX_BUCKETS}, n_labels) and one bias a label, "
                f"found {tuple(weight.shape)} and {tuple(bias.shape)}"
            )
        self.weight = nn.Parameter(weight.float(), requires_grad=False)
        self.bias = nn.Parameter(bias.float(), requires_grad=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Scores of shape (n, n_labels), in float32."""
        buckets, weights = ngram_buckets(input_ids, attention_mask, self.weight.shape[0])
        scores: torch.Tensor = (self.weight[buckets] * weights.unsqueeze(-1)).sum(dim=1) + self.bias
        return scores
