"""The loss skips what is unknown, and a whole run learns from a handful of sentences."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from toy import silent, toy_rows

from tocsin.model import RhetoricClassifier
from tocsin.training import fit as fitting
from tocsin.training import run
from tocsin.training.adapters import ADAPTERS
from tocsin.training.config import Augmentation, SourceConfig, TrainConfig
from tocsin.training.example import Example, targets
from tocsin.training.fit import make_network, parameter_groups
from tocsin.training.losses import masked_loss, twin_loss
from tocsin.training.mixture import build_mixture
from tocsin.training.sampling import EpochBatches, TrainingTexts, collate, epoch_rows, length_batches

WEIGHTS = torch.ones(4)


def test_unknown_targets_do_not_enter_the_loss() -> None:
    logits = torch.tensor([[2.0, -50.0, 50.0, 0.0]])
    known = torch.tensor([[1.0, -1.0, -1.0, -1.0]])
    assert masked_loss(logits, known, WEIGHTS).item() == pytest.approx(np.log1p(np.exp(-2.0)), rel=1e-4)
    assert masked_loss(logits, -torch.ones(1, 4), WEIGHTS).item() == 0.0


def test_focal_loss_forgives_what_is_right_and_smoothing_does_not_let_it_be_certain() -> None:
    logits, truth = torch.tensor([[5.0, -5.0, 5.0, -5.0]]), torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    plain = masked_loss(logits, truth, WEIGHTS).item()
    assert masked_loss(logits, truth, WEIGHTS, focal_gamma=2.0).item() < 0.01 * plain
    assert masked_loss(-logits, truth, WEIGHTS, focal_gamma=2.0).item() == pytest.approx(
        masked_loss(-logits, truth, WEIGHTS).item(), rel=0.03
    )
    assert masked_loss(logits, truth, WEIGHTS, smoothing=0.2).item() > 10 * plain


def test_twins_are_held_to_their_order_where_they_differ() -> None:
    truth = torch.tensor([[1, 0, -1, 0], [0, 0, 1, 0]])
    pairs = torch.tensor([[0, 1]])
    right, wrong = torch.tensor([[9.0, 0, 0, 0], [-9.0, 9, 9, 9]]), torch.tensor([[-9.0, 0, 0, 0], [9.0, 9, 9, 9]])
    assert twin_loss(right, truth, pairs) < 1e-3
    assert twin_loss(wrong, truth, pairs) > 10
    assert twin_loss(wrong, truth, torch.zeros((0, 2), dtype=torch.long)) == 0.0


def config_of(**sources: SourceConfig) -> TrainConfig:
    return TrainConfig(sources={name: dataclasses.replace(value, path=name) for name, value in sources.items()})


def test_an_epoch_repeats_and_caps_its_sources() -> None:
    sources = ["a"] * 10 + ["b"] * 3
    config = config_of(a=SourceConfig(max_rows=4), b=SourceConfig(repeat=2))
    rows = epoch_rows(sources, config, random.Random(0))
    assert sum(row < 10 for row in rows) == 4
    assert sorted(row for row in rows if row >= 10) == [10, 10, 11, 11, 12, 12]


def test_rows_of_more_weight_are_drawn_more_often() -> None:
    config = config_of(a=SourceConfig(max_rows=10))
    weights = [9.0] * 10 + [1.0] * 90
    drawn = [row for seed in range(50) for row in epoch_rows(["a"] * 100, config, random.Random(seed), weights)]
    assert 0.3 < sum(row < 10 for row in drawn) / len(drawn) < 0.6  # half of all weight


def test_batches_hold_every_row_once_and_are_of_similar_length() -> None:
    lengths = [random.Random(number).randint(3, 100) for number in range(500)]
    batches = length_batches([[row] for row in range(500)], lengths, 16, random.Random(0))
    assert sorted(row for batch in batches for row in batch) == list(range(500))
    spread = [max(lengths[row] for row in batch) - min(lengths[row] for row in batch) for batch in batches]
    assert np.mean(spread) < 10
    assert len(batches) == 32


def test_twins_share_a_batch_and_epochs_differ_but_repeat() -> None:
    rows = Dataset.from_list(
        [
            {"text": f"t {n}", "lang": "en", "source": "a", "group": f"f-p{n // 2}", "targets": [0, 0, 0, 0]}
            for n in range(80)
        ]
    )
    config = dataclasses.replace(config_of(a=SourceConfig()), twin_weight=0.1)
    batches = EpochBatches(rows, [n % 7 + 3 for n in range(80)], config)
    first = list(batches)
    together = sum((0, row) in batch and (0, row + 1) in batch for batch in first for row in range(0, 80, 2))
    assert together >= 38  # a pair may be cut at the edge of a batch
    batches.set_epoch(1)
    assert [[row for _, row in batch] for batch in batches] != [[row for _, row in batch] for batch in first]
    batches.set_epoch(0)
    assert list(batches) == first
    assert len(batches) == len(first)


def test_a_run_learns_its_examples_saves_and_comes_back(toy: TrainConfig, tmp_path: Path) -> None:
    trained = run.train(toy, tmp_path / "out", device="cpu", progress=silent)
    loaded = RhetoricClassifier.from_pretrained(tmp_path / "out", device="cpu")
    rows = build_mixture(toy).train
    scores = loaded.predict_proba(rows["text"])
    np.testing.assert_allclose(scores, trained.predict_proba(rows["text"]), atol=1e-6)
    truth = np.array(rows["targets"])[:, 1]
    assert scores[truth == 1, 1].min() > scores[truth == 0, 1].max()
    assert loaded.description.training["seed"] == toy.seed
    assert "corpora" not in loaded.description.training
    assert loaded.description.data_sha256 == build_mixture(toy).sha256


def test_n_gram_scores_are_fitted_saved_and_left_out_of_the_next_stage(toy: TrainConfig, tmp_path: Path) -> None:
    config = dataclasses.replace(toy, epochs=1, learning_rate=0.0, head_learning_rate=0.0, ngram_share=0.5)
    run.train(config, tmp_path / "out", device="cpu", progress=silent)
    loaded = RhetoricClassifier.from_pretrained(tmp_path / "out", device="cpu")
    assert loaded.network.ngrams is not None
    rows = build_mixture(toy).train
    logits, truth = loaded.predict_logits(rows["text"]), np.array(rows["targets"])[:, 1]
    assert logits[truth == 1, 1].min() > logits[truth == 0, 1].max()  # the encoder learnt nothing, the n-grams did
    assert np.ptp(loaded.network.ngrams.weight[:, 2].numpy()) == 0.0  # no row has the label
    following = dataclasses.replace(config, ngram_share=0.0, start_from=str(tmp_path / "out"))
    assert run.train(following, tmp_path / "next", device="cpu", progress=silent).network.ngrams is None


def test_the_same_seed_gives_the_same_weights_and_another_one_does_not(toy: TrainConfig, tmp_path: Path) -> None:
    short = dataclasses.replace(toy, epochs=1)
    ids = [
        run.train(dataclasses.replace(short, seed=seed), tmp_path / name, progress=silent).description
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert ids[0].weights_sha256 == ids[1].weights_sha256 != ids[2].weights_sha256


def test_a_second_stage_starts_where_the_first_ended(toy: TrainConfig, tmp_path: Path) -> None:
    first = run.train(toy, tmp_path / "first", progress=silent)
    still = dataclasses.replace(
        toy, epochs=1, learning_rate=0.0, head_learning_rate=0.0, start_from=str(tmp_path / "first")
    )
    second = run.train(still, tmp_path / "second", progress=silent)
    texts = [row.text for row in toy_rows()]
    np.testing.assert_allclose(second.predict_logits(texts), first.predict_logits(texts), atol=2e-2)
    other = dataclasses.replace(still, lora_rank=8)
    with pytest.raises(ValueError, match="expected a checkpoint of"):
        run.train(other, tmp_path / "third", progress=silent)


def kill_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for a power cut: the step after ``steps`` raises."""
    honest = fitting.RhetoricTrainer.training_step
    done: list[int] = []

    def step(self: fitting.RhetoricTrainer, *arguments: Any, **options: Any) -> torch.Tensor:  # noqa: ANN401
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        loss: torch.Tensor = honest(self, *arguments, **options)
        return loss

    monkeypatch.setattr(fitting.RhetoricTrainer, "training_step", step)


@pytest.mark.parametrize(("method", "embeddings"), [("lora", 0), ("full", 1)])
def test_a_run_that_was_killed_and_resumed_gives_the_same_weights(
    toy: TrainConfig, tmp_path: Path, method: str, embeddings: int
) -> None:
    config = dataclasses.replace(
        toy,
        method=method,
        embedding_min_count=embeddings,
        epochs=3,
        save_steps=7,
        dropout=0.2,
        augmentation=Augmentation(0, 0.5, 0.5),
    )
    whole = run.train(config, tmp_path / "whole", progress=silent)
    with pytest.MonkeyPatch.context() as power:
        kill_after(17, power)
        with pytest.raises(KeyboardInterrupt):
            run.train(config, tmp_path / "torn", progress=silent)
    assert (tmp_path / "torn" / "checkpoints" / "checkpoint-14").is_dir()
    torn = run.train(config, tmp_path / "torn", resume=True, progress=silent)
    assert torn.description.weights_sha256 == whole.description.weights_sha256
    started_anew = run.train(dataclasses.replace(config, epochs=2), tmp_path / "short", progress=silent)
    assert started_anew.description.weights_sha256 != whole.description.weights_sha256
    with pytest.raises(ValueError, match=r"found other \['epochs'\]"):
        run.train(dataclasses.replace(config, epochs=9), tmp_path / "torn", resume=True, progress=silent)


def test_training_stops_when_the_named_metric_no_longer_rises(toy: TrainConfig, tmp_path: Path) -> None:
    still = dataclasses.replace(toy, learning_rate=0.0, head_learning_rate=0.0, patience=2, save_steps=5)
    run.train(still, tmp_path / "out", progress=silent)
    states = [json.loads(path.read_text()) for path in (tmp_path / "out").glob("checkpoints/*/trainer_state.json")]
    assert last_step(tmp_path / "out") <= 20  # of 80
    assert any("eval_macro_average_precision" in entry for state in states for entry in state["log_history"])


def test_layers_learn_more_slowly_towards_the_input_and_frozen_parts_not_at_all(toy: TrainConfig) -> None:
    config = dataclasses.replace(toy, method="full", layer_decay=0.5, learning_rate=0.01, head_learning_rate=0.1)
    network = make_network(config)
    rates = {id(p): group["lr"] for group in parameter_groups(network, config) for p in group["params"]}
    named = dict(network.named_parameters())
    assert rates[id(named["head.weight"])] == 0.1
    assert rates[id(named["encoder.encoder.layer.1.output.dense.weight"])] == 0.01
    assert rates[id(named["encoder.encoder.layer.0.output.dense.weight"])] == 0.005
    assert id(named["encoder.embeddings.word_embeddings.weight"]) not in rates


def test_accumulated_batches_change_the_weights_less_often(toy: TrainConfig, tmp_path: Path) -> None:
    for accumulation, name in ((1, "each"), (4, "fourth")):
        run.train(dataclasses.replace(toy, epochs=1, accumulation=accumulation), tmp_path / name, progress=silent)
    steps = [last_step(tmp_path / name) for name in ("each", "fourth")]
    assert steps == [10, 3]


def last_step(folder: Path) -> int:
    states = [json.loads(path.read_text()) for path in folder.glob("checkpoints/*/trainer_state.json")]
    return max(int(state["global_step"]) for state in states)


def test_seeds_are_summed_up(toy: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.training.evaluate.MIN_CLASS_ROWS", 2)
    summary = run.train_seeds(dataclasses.replace(toy, epochs=1), (1, 2), tmp_path / "seeds", progress=silent)
    assert 0.0 <= summary["validation/divisive/f1/mean"] <= 1.0
    assert summary["validation/divisive/f1/sd"] >= 0.0
    assert sorted(path.name for path in (tmp_path / "seeds").glob("seed-*")) == ["seed-1", "seed-2"]


def test_labels_of_your_own_train_save_and_score(toy: TrainConfig, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = [f"{row.text},{'insult' if row.targets['divisive'] else ''},{row.split}" for row in toy_rows()]
    path.write_text("text,labels,split\n" + "\n".join(lines) + "\n")
    config = dataclasses.replace(
        toy,
        labels=("insult", "praise"),
        flagging=("insult",),
        sources={"mine": SourceConfig(path=str(path), repeat=10)},
    )
    run.train(config, tmp_path / "out", progress=silent)
    loaded = RhetoricClassifier.from_pretrained(tmp_path / "out", device="cpu")
    score = loaded.score("We will attack the city. The minister said talks.", language="en")
    assert score.scores is not None
    assert list(score.scores) == ["insult", "praise"]
    hot, calm = (sentence.scores["insult"] for sentence in score.sentences)
    assert hot > calm


def test_rewritten_texts_are_a_function_of_seed_and_epoch(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Example(f"Vlada je pala već {n}", "sr-Latn", "toy", str(n), "train", targets(divisive=False)) for n in range(50)
    ]
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(rows))
    config = dataclasses.replace(toy, augmentation=Augmentation(0, 0.5, 0))
    seen: list[str] = []

    class Tokenizer:
        pad_token_id = 1

        def __call__(self, texts: list[str], **options: object) -> dict[str, list[list[int]]]:
            seen.extend(texts)
            return {"input_ids": [[0, 2] for _ in texts]}

    texts = TrainingTexts(build_mixture(config).train, Tokenizer(), config)
    items = [texts[(0, row)] for row in range(50)]
    first, seen[:] = list(seen), []
    [texts[(0, row)] for row in range(50)]
    assert seen == first
    assert 10 < sum("vec" in text for text in first) < 40
    assert collate(items[:3], 1)["input_ids"].shape == (3, 2)
