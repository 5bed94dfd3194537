"""N-gram scores: what is hashed, that padding does not count, and that a checkpoint carries them."""

import copy
from pathlib import Path

import pytest
import torch

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import load_checkpoint, save_checkpoint
from tocsin.model.network import NGRAM_PREFIX
from tocsin.model.ngrams import MAX_BUCKETS, MULTIPLIER, NgramScores, ngram_buckets


def test_every_token_and_every_pair_has_a_bucket() -> None:
    ids, mask = torch.tensor([[0, 7, 9, 2]]), torch.ones(1, 4)
    buckets, weights = ngram_buckets(ids, mask, 1000)
    assert buckets[0, :4].tolist() == [0, 7, 9, 2]
    pairs = [(first * MULTIPLIER + second + 500) % 1000 for first, second in ((0, 7), (7, 9), (9, 2))]
    assert buckets[0, 5:].tolist() == pairs
    assert weights[0].tolist() == pytest.approx([7**-0.5] * 4 + [0.0] + [7**-0.5] * 3)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    scores = NgramScores(torch.randn(64, 3), torch.randn(3))
    ids, mask = torch.tensor([[0, 7, 9, 2]]), torch.ones(1, 4)
    padded = torch.cat([ids, torch.full((1, 5), 1)], dim=1), torch.cat([mask, torch.zeros(1, 5)], dim=1)
    torch.testing.assert_close(scores(*padded), scores(ids, mask))
    assert not torch.allclose(scores(ids.flip(1), mask), scores(ids, mask))  # the order of pairs counts


def test_products_stay_within_32_bits() -> None:
    """Compiled engines hold token ids in 32 bits; a larger product would hash differently there."""
    assert (MAX_BUCKETS - 1) * MULTIPLIER + 250_037 < 2**31


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="n-gram weights"):
        NgramScores(torch.zeros(8, 4), torch.zeros(3))


def test_a_checkpoint_carries_them(tiny_checkpoint: Path, tiny_classifier: RhetoricClassifier, tmp_path: Path) -> None:
    description, tensors = load_checkpoint(tiny_checkpoint)
    bias = torch.tensor([1.0, -2.0, 3.0, 0.0])
    tensors = copy.copy(tensors) | {NGRAM_PREFIX + "weight": torch.zeros(16, 4), NGRAM_PREFIX + "bias": bias}
    save_checkpoint(tmp_path / "with", description, tensors)
    loaded = RhetoricClassifier.from_pretrained(tmp_path / "with", device="cpu")
    sentences = ["Voda je stigla.", "Они морају да оду одавде."]
    added = loaded.predict_logits(sentences) - tiny_classifier.predict_logits(sentences)
    assert added == pytest.approx(bias.numpy()[None, :].repeat(2, axis=0), abs=1e-5)
    loaded.save_pretrained(tmp_path / "again")
    again = RhetoricClassifier.from_pretrained(tmp_path / "again", device="cpu")
    assert (again.predict_logits(sentences) == loaded.predict_logits(sentences)).all()


def test_half_of_the_scores_is_no_checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> None:
    description, tensors = load_checkpoint(tiny_checkpoint)
    save_checkpoint(tmp_path / "half", description, tensors | {NGRAM_PREFIX + "weight": torch.zeros(16, 4)})
    with pytest.raises(ValueError, match="weights that fit"):
        RhetoricClassifier.from_pretrained(tmp_path / "half", device="cpu")
