"""Compiled engines: the gate, the cache, the choice, and jobs that use them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import load_checkpoint, save_checkpoint
from tocsin.model.network import NGRAM_PREFIX
from tocsin.serve import choose, parity
from tocsin.serve.engine import AUTO, ENGINES, OPENVINO, TORCH, TorchEngine, open_engine
from tocsin.serve.job import Job
from tocsin.serve.main import main
from tocsin.serve.parity import compare, read_sample

THRESHOLDS = {"a": 0.5, "b": 0.2}


def test_the_gate_counts_decisions_and_moves() -> None:
    reference = np.array([[0.4, 0.1], [0.6, 0.3]])
    same = compare(reference + 1e-6, reference, THRESHOLDS)
    assert same.holds
    assert (same.sentences, same.labels_equal) == (2, 1.0)
    flipped = compare(np.array([[0.51, 0.1], [0.6, 0.3]]), reference, THRESHOLDS)
    assert flipped.labels_equal == 0.75
    assert not flipped.holds
    far = compare(reference + np.array([0.05, 0.0]), reference, THRESHOLDS)
    assert far.labels_equal == 1.0
    assert not far.holds
    assert not compare(np.full((2, 2), np.nan), reference, THRESHOLDS).holds
    with pytest.raises(ValueError, match="expected scores of shape"):
        compare(reference[:1], reference, THRESHOLDS)


def test_the_sample_has_every_script_and_long_sentences() -> None:
    sample = read_sample()
    assert 500 <= len(sample) <= 2000
    assert len(set(sample)) == len(sample)
    assert sum(any("а" <= letter <= "я" for letter in text) for text in sample) > 50
    assert sum("ë" in text for text in sample) > 50
    assert max(map(len, sample)) > 250


def test_a_missing_package_is_named(tiny_classifier: RhetoricClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="expected the package openvino"):
        open_engine(tiny_classifier, OPENVINO, 4096)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an engine among"):
        Job(inputs=["a.jsonl"], out="b.jsonl", engine="onnx")


def test_auto_is_torch_where_nothing_else_can_be(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose.fastest(str(tiny_checkpoint), "cpu", "bf16", make=True) == TORCH
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert choose.fastest(str(tiny_checkpoint), "cpu", "fp32", make=True) == TORCH


@pytest.fixture
def with_ngrams(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RhetoricClassifier:
    """The tiny classifier with n-gram scores, which the compiled model leaves to PyTorch."""
    pytest.importorskip("openvino")
    monkeypatch.setenv("TOCSIN_CACHE", str(tmp_path / "cache"))
    description, tensors = load_checkpoint(tiny_checkpoint)
    torch.manual_seed(0)
    ngrams = {NGRAM_PREFIX + "weight": torch.randn(2**17, 4), NGRAM_PREFIX + "bias": torch.randn(4)}
    save_checkpoint(tmp_path / "model", description, tensors | ngrams)
    return RhetoricClassifier.from_pretrained(tmp_path / "model", device="cpu")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A short sample in place of the shipped one."""
    sample = read_sample()[:40]
    monkeypatch.setattr("tocsin.serve.compiled.read_sample", lambda: sample)
    return sample


def test_a_compiled_engine_gives_the_scores_of_pytorch(with_ngrams: RhetoricClassifier, few: list[str]) -> None:
    expected = TorchEngine(with_ngrams, 4096).predict_clean(few)
    compiled = open_engine(with_ngrams, OPENVINO, 256)
    assert with_ngrams.network.ngrams is not None
    np.testing.assert_allclose(compiled.predict_clean(few), expected, atol=1e-5)
    assert np.ptp(expected) > 0.1
    assert compiled.predict_clean([]).shape == (0, 4)
    long = ["word " * 2000]
    np.testing.assert_allclose(compiled.predict_clean(long), with_ngrams.predict_clean(long), atol=1e-5)


@pytest.mark.usefixtures("few")
def test_it_is_made_once(with_ngrams: RhetoricClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    open_engine(with_ngrams, OPENVINO, 256)
    monkeypatch.setattr("tocsin.serve.compiled.build", None)
    open_engine(with_ngrams, OPENVINO, 256)
    open_engine(with_ngrams.with_thresholds({"divisive": 0.123}), OPENVINO, 256)


@pytest.mark.usefixtures("few")
def test_an_engine_that_decides_otherwise_is_refused_and_not_chosen(
    with_ngrams: RhetoricClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "GREATEST_MOVE", -1.0)
    for _ in range(2):  # made, and from the cache
        with pytest.raises(
            ValueError, match="expected the engine openvino to decide as PyTorch does, found labels equal"
        ):
            open_engine(with_ngrams, OPENVINO, 256)
    monkeypatch.setattr(choose, "CANDIDATES", (OPENVINO,))
    assert choose.fastest(str(tmp_path / "model"), "cpu", "fp32", make=True) == TORCH


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("rates", [{TORCH: 10.0, OPENVINO: 20.0}, {TORCH: 20.0, OPENVINO: 10.0}])
def test_auto_takes_the_fastest(
    with_ngrams: RhetoricClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rates: dict[str, float]
) -> None:
    del with_ngrams  # saved as tmp_path / "model"

    def measured(engine: object, sentences: Sequence[str]) -> tuple[np.ndarray, float]:
        name = TORCH if isinstance(engine, TorchEngine) else OPENVINO
        return np.zeros((len(sentences), 4)), rates[name]

    monkeypatch.setattr("tocsin.serve.compiled._measured", measured)
    monkeypatch.setattr(choose, "CANDIDATES", (OPENVINO,))
    assert choose.fastest(str(tmp_path / "model"), "cpu", "fp32", make=False) == TORCH  # nothing is in the cache
    assert choose.fastest(str(tmp_path / "model"), "cpu", "fp32", make=True) == max(rates, key=lambda name: rates[name])


@pytest.mark.usefixtures("few")
def test_a_job_keeps_its_engine(
    with_ngrams: RhetoricClassifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del with_ngrams
    lines = [json.dumps({"id": n, "text": f"The city is calm. They will attack number {n % 3}."}) for n in range(8)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    command = ["score", str(tmp_path / "in.jsonl"), "--model", str(tmp_path / "model"), "--device", "cpu"]
    job = [*command, "--out", f"{tmp_path}/job/", "--shard-records", "4"]
    assert main([*job, "--engine", OPENVINO]) == 0
    assert "sentences came again and were scored once" in capsys.readouterr().err
    assert json.loads((tmp_path / "job" / "summary.json").read_text())["repeated"] == 8
    assert main([*job, "--engine", AUTO]) == 0  # goes on with what it was begun with
    capsys.readouterr()
    assert main([*job, "--engine", TORCH]) == 1
    assert "engine ('openvino' then, 'torch' now)" in capsys.readouterr().err
    assert main([*command, "--out", str(tmp_path / "torch.jsonl"), "--engine", TORCH]) == 0
    shards = sorted((tmp_path / "job" / "shards").glob("*.jsonl"))
    found = [json.loads(line) for shard in shards for line in shard.read_text().splitlines()]
    expected = [json.loads(line) for line in (tmp_path / "torch.jsonl").read_text().splitlines()]
    for one, other in zip(found, expected, strict=True):
        assert one["labels"] == other["labels"]
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-3)


def test_a_failed_batch_costs_only_its_own_call(with_ngrams: RhetoricClassifier, few: list[str]) -> None:
    engine = open_engine(with_ngrams, OPENVINO, 256)
    expected = engine.predict_clean(few)

    class Failing:
        """A queue that takes one batch and breaks on the second, while the first is still running."""

        def __init__(self, queue: Any) -> None:  # noqa: ANN401 - OpenVINO has no types
            self.queue, self.calls = queue, 0

        def start_async(self, *arguments: object) -> None:
            self.calls += 1
            if self.calls == 2:
                raise RuntimeError("bad batch")
            self.queue.start_async(*arguments)

    engine._queue = Failing(engine._queue)  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="bad batch"):
        engine.predict_clean(few)
    np.testing.assert_array_equal(engine.predict_clean(few), expected)


@pytest.mark.usefixtures("few")
def test_damaged_files_of_an_engine_are_not_used(with_ngrams: RhetoricClassifier, tmp_path: Path) -> None:
    open_engine(with_ngrams, OPENVINO, 256)
    (binary,) = (tmp_path / "cache" / "engines").glob("*/model.bin")
    data = bytearray(binary.read_bytes())
    data[-1] ^= 1
    binary.write_bytes(data)
    with pytest.raises(ValueError, match="found other files; delete the folder"):
        open_engine(with_ngrams, OPENVINO, 256)


@pytest.mark.usefixtures("with_ngrams")
def test_an_engine_that_cannot_be_had_costs_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "The city is calm."}\n')
    command = ["score", str(tmp_path / "in.jsonl"), "--model", str(tmp_path / "model"), "--device", "cpu"]
    job = [*command, "--out", f"{tmp_path}/job/"]
    assert main([*job, "--engine", TORCH]) == 0
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main([*job, "--engine", OPENVINO, "--overwrite"]) == 1
    assert "expected the package openvino" in capsys.readouterr().err
    assert main([*job, "--engine", TORCH]) == 0  # still finished
    assert main([*command, "--out", f"{tmp_path}/new/", "--engine", OPENVINO]) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("with_ngrams")
def test_auto_goes_on_without_an_engine_that_fails_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr("tocsin.serve.compiled.build", fail)
    assert choose.fastest(str(tmp_path / "model"), "cpu", "fp32", make=True) == TORCH
    assert "cannot be made here, going on without: no such instruction" in capsys.readouterr().err


@pytest.mark.usefixtures("few", "with_ngrams")
def test_export_writes_a_model_and_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["export", str(tmp_path / "model"), "--out", str(tmp_path / "exported")]
    assert main(command) == 0
    assert "labels equal 100.00%" in capsys.readouterr().out
    report = json.loads((tmp_path / "exported" / "report.json").read_text())
    assert report["parity"]["holds"]
    assert (tmp_path / "exported" / "model.xml").is_file()
    assert main(command) == 1
    assert "expected no folder at" in capsys.readouterr().err


def test_names_agree_with_the_command_line() -> None:
    from tocsin.serve.command import score

    (option,) = (parameter for parameter in score.params if parameter.name == "engine")
    assert list(option.type.choices) == [AUTO, *ENGINES]  # type: ignore[attr-defined]
