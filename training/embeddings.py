"""Word embeddings that are trained for the tokens of the training rows, while the others stay as the base has them.

The base's table has 250,000 rows, of which a corpus touches a tenth. Only those get a trained difference, so that an
optimiser step and a checkpoint cost a tenth as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import torch
from torch import nn

from tocsin.model.differences import rows_from_4_bits, rows_to_4_bits
from tocsin.model.network import WORD_DELTA, WORD_IDS, WORD_SCALE
from tocsin.training.config import TrainConfig

MOST_WORDS = 55_000  # in a checkpoint: with all parameters of the default base it then stays below 25 MB
PARAMETER = "difference.weight"  # how the names of trained embeddings end in a network


class TrainedEmbedding(nn.Module):
    """The base's embedding of a token, plus a trained difference for the tokens in ``token_ids``."""

    def __init__(self, base: nn.Embedding, token_ids: torch.Tensor) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.token_ids = token_ids
        rows = torch.full((base.num_embeddings,), len(token_ids), dtype=torch.long)  # the last row stays zero
        rows[token_ids] = torch.arange(len(token_ids))
        self.register_buffer("rows", rows, persistent=False)
        self.difference = nn.Embedding(len(token_ids) + 1, base.embedding_dim, padding_idx=len(token_ids))
        nn.init.zeros_(self.difference.weight)

    @property
    def num_embeddings(self) -> int:
        """Rows of the base's table."""
        return self.base.num_embeddings

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Embeddings of shape (n, tokens, hidden)."""
        found: torch.Tensor = self.base(input_ids) + self.difference(self.get_buffer("rows")[input_ids])
        return found

    def start_from(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take up the differences of a checkpoint, whose tokens must all be trained here too."""
        differences = rows_from_4_bits(tensors[WORD_DELTA], tensors[WORD_SCALE], self.base.embedding_dim)
        with torch.no_grad():
            self.difference.weight[self.get_buffer("rows")[tensors[WORD_IDS].long()]] = differences

    def tensors(self) -> dict[str, torch.Tensor]:
        """Token ids and differences in 4 bits, under the names of a checkpoint: the MOST_WORDS that moved furthest."""
        differences = self.difference.weight.detach().cpu().float()[:-1]
        kept = differences.norm(dim=1).topk(min(MOST_WORDS, len(differences))).indices.sort().values
        packed, scales = rows_to_4_bits(differences[kept])
        return {WORD_IDS: self.token_ids[kept].to(torch.int32), WORD_DELTA: packed, WORD_SCALE: scales}


def frequent_tokens(
    encoded: Iterable[list[int]], config: TrainConfig, start: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Ids, ascending, of the tokens in at least ``embedding_min_count`` texts, and of those that ``start`` trained."""
    counts = Counter(token for ids in encoded for token in set(ids))
    chosen = {token for token, count in counts.items() if count >= config.embedding_min_count}
    if WORD_IDS in start:
        chosen |= set(start[WORD_IDS].tolist())
    return torch.tensor(sorted(chosen), dtype=torch.long)
