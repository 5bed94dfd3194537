"""The network: encoder, mean over tokens, one logit a label, n-gram scores; the low-rank update is merged into it."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from tocsin.model.differences import rows_from_4_bits, unpack
from tocsin.model.ngrams import NgramScores

LORA_A, LORA_B = ".lora_A", ".lora_B"
HEAD_PREFIX, ENCODER_PREFIX, NGRAM_PREFIX, WORDS_PREFIX = "head.", "encoder.", "ngrams.", "words."
EMBEDDINGS = "embeddings."
WORD_IDS, WORD_DELTA, WORD_SCALE = "words.ids", "words.delta", "words.scale"  # trained word embeddings


class RhetoricNetwork(nn.Module):
    """Logits of shape (n, n_labels) for token ids and attention mask of shape (n, tokens)."""

    def __init__(self, encoder: PreTrainedModel, n_labels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(int(encoder.config.hidden_size), n_labels)
        self.ngrams: NgramScores | None = None  # load_tensors puts them in where a checkpoint has them

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Raw logits; padding does not enter the mean."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
        # The head is tiny; in float32 it costs nothing and keeps the calibration exact under autocast.
        with torch.autocast(device_type=pooled.device.type, enabled=False):
            logits: torch.Tensor = self.head(self.dropout(pooled))
            if self.ngrams is not None:
                logits = logits + self.ngrams(input_ids, attention_mask)
        return logits


def load_tensors(network: RhetoricNetwork, tensors: dict[str, torch.Tensor], scale: float | None) -> None:
    """Put trained tensors into a network made from the base.

    With ``scale`` (alpha / rank) the encoder's tensors are low-rank factors, which are merged into its weights, so that
    inference costs what the base costs. ValueError names tensors that are missing or do not fit.
    """
    words = {name: tensors[name] for name in (WORD_IDS, WORD_DELTA, WORD_SCALE) if name in tensors}
    head = {name.removeprefix(HEAD_PREFIX): t for name, t in tensors.items() if name.startswith(HEAD_PREFIX)}
    encoder = {name.removeprefix(ENCODER_PREFIX): t for name, t in tensors.items() if name.startswith(ENCODER_PREFIX)}
    ngrams = {name.removeprefix(NGRAM_PREFIX): t for name, t in tensors.items() if name.startswith(NGRAM_PREFIX)}
    try:
        network.head.load_state_dict({name: tensor.float() for name, tensor in head.items()})
        network.ngrams = NgramScores(**ngrams) if ngrams else None
        if scale is None:
            _replace(network.encoder, encoder)
        else:
            _merge(network.encoder, encoder, scale)
        if words:
            _add_words(network.encoder, words)
    except (RuntimeError, KeyError, AttributeError, TypeError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"expected weights that fit the base encoder, found: {reason}; use the base it was trained on"
        ) from error


def _replace(encoder: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Word embeddings may be missing: training leaves them as the base has them."""
    missing, unexpected = encoder.load_state_dict(unpack(tensors, encoder.state_dict()), strict=False)
    if lacking := [name for name in missing if not name.startswith(EMBEDDINGS)]:
        raise KeyError(f"no tensors called {lacking}")
    if unexpected:
        raise KeyError(f"tensors called {unexpected}")


def _merge(encoder: nn.Module, factors: dict[str, torch.Tensor], scale: float) -> None:
    for name in [name.removesuffix(LORA_A) for name in factors if name.endswith(LORA_A)]:
        weight = encoder.get_parameter(f"{name}.weight")
        with torch.no_grad():
            weight.add_(factors[name + LORA_B].float() @ factors[name + LORA_A].float(), alpha=scale)


def _add_words(encoder: PreTrainedModel, words: dict[str, torch.Tensor]) -> None:
    """Add the trained differences to the base's table."""
    table = encoder.get_input_embeddings().weight
    with torch.no_grad():
        differences = rows_from_4_bits(words[WORD_DELTA], words[WORD_SCALE], table.shape[1])
        table.index_add_(0, words[WORD_IDS].long(), differences)
