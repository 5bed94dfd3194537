"""Fit the n-gram scores that stand beside the encoder: one logistic regression a label over hashed token n-grams."""

from __future__ import annotations

import random

import numpy as np
import torch
from datasets import Dataset
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

from tocsin.model.base import load_tokenizer, resolve_base
from tocsin.model.classifier import pad
from tocsin.model.network import NGRAM_PREFIX
from tocsin.model.ngrams import ngram_buckets
from tocsin.training.config import TrainConfig
from tocsin.training.example import UNKNOWN
from tocsin.training.sampling import epoch_rows, row_weights

N_BUCKETS = 2**17  # 2**18 with triples of tokens gained nothing on validation for twice the file
INVERSE_PENALTY = 10.0  # 2 was 0.7 points of average precision worse
_CHUNK = 1024


def fit_ngrams(config: TrainConfig, train: Dataset) -> dict[str, torch.Tensor]:
    """Tensors "ngrams.weight" and "ngrams.bias", scaled so that they have ``ngram_share`` of the logits.

    The rows are one epoch of the configuration's sources. They are fitted alone, not with the encoder: their errors are
    then more independent of the encoder's, which is what adding them lives on. A label without rows of both kinds gets
    no scores.
    """
    rng = random.Random(f"{config.seed}-ngrams")
    chosen = sorted(set(epoch_rows(list(train["source"]), config, rng, row_weights(train, config))))
    rows = train.select(chosen)
    tokenizer = load_tokenizer(resolve_base(config.base, allow_download=config.allow_download))
    encoded = tokenizer(list(rows["text"]), truncation=True, max_length=config.max_tokens)["input_ids"]
    features = vstack([_features(encoded[at : at + _CHUNK]) for at in range(0, len(encoded), _CHUNK)]).tocsr()
    targets = np.array(list(rows["targets"]), dtype=np.int64)
    weight = np.zeros((N_BUCKETS, len(config.labels)), dtype=np.float32)
    bias = np.zeros(len(config.labels), dtype=np.float32)
    for column in range(len(config.labels)):
        known = targets[:, column] != UNKNOWN
        if len(np.unique(targets[known, column])) < 2:
            continue
        model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
        model.fit(features[known], targets[known, column])
        weight[:, column], bias[column] = model.coef_[0], model.intercept_[0]
    scale = config.ngram_share / (1.0 - config.ngram_share)
    return {
        NGRAM_PREFIX + "weight": torch.from_numpy(weight * scale).half(),
        NGRAM_PREFIX + "bias": torch.from_numpy(bias * scale),
    }


def _features(ids: list[list[int]]) -> csr_matrix:
    buckets, weights = ngram_buckets(*pad(ids, 0), N_BUCKETS)
    rows = np.repeat(np.arange(len(ids)), buckets.shape[1])
    values = weights.numpy().ravel()
    present = values > 0
    return csr_matrix((values[present], (rows[present], buckets.numpy().ravel()[present])), shape=(len(ids), N_BUCKETS))
