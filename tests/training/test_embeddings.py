"""Trained word embeddings: which tokens, that they alone move, and that a checkpoint carries them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import silent, toy_rows

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import load_checkpoint, save_checkpoint
from tocsin.model.network import WORD_DELTA, WORD_IDS, WORD_SCALE
from tocsin.training import run
from tocsin.training.config import TrainConfig
from tocsin.training.embeddings import TrainedEmbedding, frequent_tokens

TEXTS = [row.text for row in toy_rows()]


def test_tokens_of_enough_texts_are_chosen_and_those_of_the_stage_before(toy: TrainConfig) -> None:
    config = dataclasses.replace(toy, embedding_min_count=2)
    assert frequent_tokens([[0, 5, 5, 9], [0, 9], [7]], config, {}).tolist() == [0, 9]
    assert frequent_tokens([[0, 9], [0, 9]], config, {WORD_IDS: torch.tensor([3])}).tolist() == [0, 3, 9]


def test_an_untrained_difference_changes_nothing_and_four_bits_lose_little() -> None:
    torch.manual_seed(0)
    base = torch.nn.Embedding(20, 6)
    trained = TrainedEmbedding(base, torch.tensor([3, 7]))
    ids = torch.tensor([[1, 3, 7, 19]])
    torch.testing.assert_close(trained(ids), base(ids))
    with torch.no_grad():
        trained.difference.weight[:2] = torch.randn(2, 6)
    moved = (trained(ids) - base(ids)).abs().sum(dim=2)[0]
    assert (moved > 0).tolist() == [False, True, True, False]
    again = TrainedEmbedding(base, torch.tensor([3, 5, 7]))
    again.start_from(trained.tensors())
    torch.testing.assert_close(again(ids), trained(ids), atol=0.2, rtol=0)


def test_a_run_trains_saves_and_continues_them(toy: TrainConfig, tmp_path: Path) -> None:
    config = dataclasses.replace(toy, epochs=2, learning_rate=0.0, embedding_min_count=1, embedding_learning_rate=0.05)
    trained = run.train(config, tmp_path / "first", device="cpu", progress=silent)
    plain = run.train(dataclasses.replace(config, embedding_min_count=0), tmp_path / "plain", progress=silent)
    assert np.abs(trained.predict_logits(TEXTS) - plain.predict_logits(TEXTS)).max() > 0.1
    _, tensors = load_checkpoint(tmp_path / "first")
    assert tensors[WORD_DELTA].dtype == torch.uint8
    still = dataclasses.replace(
        config, embedding_learning_rate=0.0, head_learning_rate=0.0, start_from=str(tmp_path / "first")
    )
    following = run.train(still, tmp_path / "second", device="cpu", progress=silent)
    np.testing.assert_allclose(following.predict_logits(TEXTS), trained.predict_logits(TEXTS), atol=0.1)
    with pytest.raises(ValueError, match="expected embedding_min_count above 0"):
        run.train(dataclasses.replace(still, embedding_min_count=0), tmp_path / "third", progress=silent)


def test_embeddings_that_do_not_fit_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    description, tensors = load_checkpoint(tiny_checkpoint)
    words = {
        WORD_IDS: torch.tensor([2**20], dtype=torch.int32),
        WORD_DELTA: torch.zeros(1, 32, dtype=torch.uint8),
        WORD_SCALE: torch.ones(1, 1, dtype=torch.float16),
    }
    save_checkpoint(tmp_path / "far", description, tensors | words)
    with pytest.raises(ValueError, match="weights that fit"):
        RhetoricClassifier.from_pretrained(tmp_path / "far", device="cpu")
