"""Probabilities do not depend on the company of a sentence, and a checkpoint comes back as it was saved."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tocsin.model import LABELS, RhetoricClassifier
from tocsin.model.classifier import pad, resolve_device, token_batches

SENTENCES = [
    "we will attack today",
    "the city said peace",
    "they are traitors",
    "talks",
    "we will take it back by force today",
]


def test_probabilities_have_a_row_a_sentence_and_a_column_a_label(tiny_classifier: RhetoricClassifier) -> None:
    found = tiny_classifier.predict_proba(SENTENCES)
    assert found.shape == (len(SENTENCES), len(LABELS))
    assert ((found >= 0) & (found <= 1)).all()
    assert tiny_classifier.predict_proba([]).shape == (0, len(LABELS))


@pytest.mark.parametrize("batch_tokens", [1, 7, 16, 10_000])
def test_batch_size_order_and_neighbours_do_not_change_scores(
    tiny_classifier: RhetoricClassifier, batch_tokens: int
) -> None:
    alone = np.concatenate([tiny_classifier.predict_proba([sentence]) for sentence in SENTENCES])
    together = tiny_classifier.predict_proba(SENTENCES[::-1], batch_tokens=batch_tokens)[::-1]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_rows_are_padded_to_the_longest() -> None:
    inputs, mask = pad([[5, 1, 7], [9], [4, 4]], 1)
    assert inputs.tolist() == [[5, 1, 7], [9, 1, 1], [4, 4, 1]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]


def test_saving_and_loading_keeps_scores_and_identity(tiny_classifier: RhetoricClassifier, tmp_path: Path) -> None:
    tiny_classifier.save_pretrained(tmp_path / "tiny")
    loaded = RhetoricClassifier.from_pretrained(tmp_path / "tiny", device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(SENTENCES), tiny_classifier.predict_proba(SENTENCES))
    assert loaded.model_id == tiny_classifier.model_id


def test_raised_thresholds_take_labels_away_and_change_the_identity(tiny_classifier: RhetoricClassifier) -> None:
    text = ". ".join(SENTENCES)
    strict = tiny_classifier.with_thresholds(dict.fromkeys(LABELS, 0.999999))
    assert tiny_classifier.score(text, language="en").labels
    assert not strict.score(text, language="en").labels
    assert strict.model_id != tiny_classifier.model_id


def test_one_flipped_byte_of_the_weights_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "damaged"))
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="the file is damaged"):
        RhetoricClassifier.from_pretrained(folder)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("labels", list(reversed(LABELS)), "in the order of the weights"),
        ("labels", ["divisive", "divisive"], "distinct words"),
        ("flagging", ["toxic"], "expected flagging to name some"),
        ("format", 2, "expected checkpoint format 1, found 2"),
        ("thresholds", {"divisive": 0.5}, "expected thresholds for"),
        ("thresholds", dict.fromkeys(LABELS, 7), "between 0 and 1"),
        ("base_sha256", "0" * 64, "expected the base"),
        ("surprise", 1, "expected a checkpoint description"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, field: str, value: object, message: str
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "wrong"))
    path = folder / "tocsin.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(ValueError, match=message):
        RhetoricClassifier.from_pretrained(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x80"])
def test_a_description_that_is_no_json_object_is_refused(tiny_checkpoint: Path, tmp_path: Path, text: str) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "broken"))
    (folder / "tocsin.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="expected a checkpoint description"):
        RhetoricClassifier.from_pretrained(folder)


def test_a_missing_checkpoint_says_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="tocsin.json at"):
        RhetoricClassifier.from_pretrained(tmp_path)


def test_an_unknown_device_or_precision_is_refused(tiny_checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="found 'cuda:99'"):
        resolve_device("cuda:99")
    with pytest.raises(ValueError, match="found 'fp8'"):
        RhetoricClassifier.from_pretrained(tiny_checkpoint, precision="fp8")


def test_batches_respect_the_token_budget_and_hold_every_row_once() -> None:
    lengths = [5, 900, 3, 3, 40, 7, 1]
    batches = list(token_batches(lengths, 50))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[row] for row in batch) * len(batch) <= 50
    with pytest.raises(ValueError, match="at least 1, found 0"):
        list(token_batches(lengths, 0))
