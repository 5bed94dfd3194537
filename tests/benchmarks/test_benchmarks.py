"""The benchmark scripts run, count right and notice what they are there to notice; their figures are not tested."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks import articles, contenders, kill_loop, machine, report, scaling, shares, speed, startup, stub
from benchmarks.processes import Run, run
from tocsin.model import RhetoricClassifier
from tocsin.serve.main import main as tocsin
from tocsin.serve.manifest import MANIFEST, SHARDS

InProcess = Callable[..., Run]
SENTENCES = [
    "the minister said we will attack",
    "peace talks today",
    "they are traitors",
    "take it back by force today",
]


@pytest.fixture
def in_process(capsys: pytest.CaptureFixture[str]) -> InProcess:
    """In place of starting a process: its module's main, so that torch is not loaded anew each time."""

    def succeed(command: Sequence[str], **options: object) -> Run:
        del options
        if command[1] == "-c":
            return Run(0, 1.0, 1.0, 100.0, 0.0, '{"import torch": 1.5}', "")
        assert import_module(command[2]).main(list(command[3:])) == 0
        return Run(0, 1.0, 1.0, 100.0, 0.0, capsys.readouterr().out, "", memory=[(0.0, 90.0), (1.0, 100.0)])

    return succeed


def test_articles_are_the_same_for_a_seed_and_a_longer_file_begins_like_a_shorter_one() -> None:
    many = list(articles.generate(300, seed=3))
    assert list(articles.generate(20, seed=3)) == many[:20]
    assert list(articles.generate(20, seed=4)) != many[:20]
    lengths = [len(article["text"].split()) for article in many]
    assert min(lengths) >= articles.LEAST_WORDS * articles.WIRE_KEPT / 2
    assert 250 < sorted(lengths)[150] < 450
    texts = {article["id"]: article["text"] for article in many}
    copies = [article for article in many if article["copy_of"]]
    assert 10 < len(copies) < 60
    whole = [copy for copy in copies if copy["text"].split() == texts[copy["copy_of"]].split()]
    assert 0 < len(whole) < len(copies)


def test_sentences_repeat_in_wire_copy_alone() -> None:
    fresh = [article["text"] for article in articles.generate(100, seed=1) if not article["copy_of"]]
    paragraphs = [paragraph for text in fresh for paragraph in text.split("\n\n")]
    assert len(set(paragraphs)) > 0.99 * len(paragraphs)


@pytest.mark.parametrize(
    "name", ["pipeline fp32, batch 1", "pipeline fp32, batch 8", "whole list fp32", "ours torch fp32"]
)
def test_every_contender_has_the_same_scores(tiny_classifier: RhetoricClassifier, name: str) -> None:
    seconds, scores = contenders.measure(contenders.CONTENDERS[name], tiny_classifier, SENTENCES)
    assert seconds > 0
    np.testing.assert_allclose(scores, tiny_classifier.predict_clean(SENTENCES), atol=1e-5)


def test_the_bf16_pipeline_is_close(tiny_checkpoint: Path) -> None:
    classifier = RhetoricClassifier.from_pretrained(tiny_checkpoint, device="cpu")
    expected = classifier.predict_logits(SENTENCES)
    _, scores = contenders.measure(contenders.CONTENDERS["pipeline bf16, batch 8"], classifier, SENTENCES)
    assert not np.array_equal(scores, classifier.calibrate(expected))
    np.testing.assert_allclose(scores, classifier.calibrate(expected), atol=0.05)


def test_a_whole_list_is_cut_before_it_takes_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "LIST_TOKENS", 12)
    assert contenders.that_fit([[1] * 4, [1] * 4, [1] * 4, [1]], ["a", "b", "c", "d"]) == ["a", "b", "c"]
    assert contenders.that_fit([[1] * 4, [1] * 9], ["a", "b"]) == ["a"]
    assert contenders.that_fit([[1] * 20, [1]], ["a", "b"]) == ["a"]


def test_speed_compares_side_by_side(
    tiny_checkpoint: Path,
    tmp_path: Path,
    in_process: InProcess,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(speed, "succeed", in_process)
    monkeypatch.setattr(machine, "SHAPES", ((64, 64, 64),))
    names = ["pipeline fp32, batch 1", "whole list fp32", "ours torch fp32", "tocsin score torch fp32"]
    options = ["--out", str(tmp_path), "--articles", "3", "--rounds", "2", "--model", str(tiny_checkpoint)]
    assert speed.main([*options, "--only", *names]) == 0
    printed = capsys.readouterr().out
    assert all(f"| {name} |" in printed for name in names)
    found = json.loads((tmp_path / "speed.json").read_text())
    assert found["decisions_equal"]["ours torch fp32"] == 1.0
    assert len(found["measured"]["tocsin score torch fp32"]["seconds"]) == 2


def test_speed_rates_and_targets() -> None:
    known = {"articles": 10, "tokens": 1000, "mflop_a_token": 1.0, "thresholds": {"a": 0.5}, "sentences": ["x"] * 4}
    measured = {
        "pipeline fp32, batch 1": speed.Measured([10.0, 12.0, 11.0], sentences=4),
        "pipeline fp32, batch 8": speed.Measured([5.0], sentences=4),
        "whole list fp32": speed.Measured([2.0], sentences=2),
        "ours torch fp32": speed.Measured([0.5], sentences=4),
    }
    reference = np.array([[0.1], [0.6], [0.4], [0.9]])
    scores = dict.fromkeys(measured, reference) | {"whole list fp32": np.array([[0.55], [0.6]])}
    speeds = speed.summarise(measured, known, scores)
    assert speeds["pipeline fp32, batch 1"].articles == pytest.approx(10 / 11)
    assert speeds["whole list fp32"].articles == pytest.approx(2.5)
    assert speeds["whole list fp32"].decisions == 0.5
    assert speed.best_pipeline(speeds, "fp32") == pytest.approx(2.0)
    assert speed.best_pipeline(speeds, "bf16") is None
    machine_found = {"peak_tflops": {"fp32": 0.004, "bf16": 0.002}}
    said = speed.verdicts(speeds, known, machine_found)
    assert "against the best fp32 pipeline | ≥ 10x | 10x | yes |" in said
    assert "against the best bf16 pipeline | ≥ 4x | - | not measured |" in said
    assert "of the bf16 peak | ≥ 50% | 100% | yes |" in said


def test_shares_add_up_and_what_is_timed_is_what_tocsin_does(tiny_checkpoint: Path, tmp_path: Path) -> None:
    classifier = RhetoricClassifier.from_pretrained(tiny_checkpoint, device="cpu")
    path = articles.write_articles(tmp_path / "in.jsonl", 5, seed=1)
    found, count = shares.shares(path, tmp_path / "timed.jsonl", classifier, "torch")
    assert count == 5
    assert all(found[stage] > 0 for stage in (shares.READ, *shares.STAGES, shares.REST))
    assert tocsin(["score", str(path), "--out", str(tmp_path / "out.jsonl"), "--model", str(tiny_checkpoint)]) == 0
    assert (tmp_path / "timed.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


def test_an_inner_stage_is_taken_off_the_outer_one() -> None:
    clocks = shares.Clocks()
    inner = clocks.around("inner", lambda: sum(range(200_000)))
    clocks.around("outer", inner)()
    assert clocks.seconds["outer"] < 0.2 * clocks.seconds["inner"]


def test_scaling_and_start_up_report(
    tiny_checkpoint: Path, tmp_path: Path, in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (scaling, startup):
        monkeypatch.setattr(module, "succeed", in_process)
    monkeypatch.setattr(scaling, "SHARD_RECORDS", 2)
    options = ["--out", str(tmp_path), "--model", str(tiny_checkpoint)]
    assert scaling.main([*options, "--real", "5", "--stub", "5", "8"]) == 0
    assert "stub torch: 8 articles slower than 5" in (tmp_path / "scaling.md").read_text()
    assert "</svg>" in (tmp_path / "memory.svg").read_text()
    assert startup.main([*options, "--rounds", "2"]) == 0
    assert "| torch | warm | 1.00 (1.00 to 1.00) | 100 |" in (tmp_path / "startup.md").read_text()


def test_the_stub_runs_no_model(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = articles.write_articles(tmp_path / "in.jsonl", 3, seed=1)
    out = tmp_path / "out.jsonl"
    assert stub.main(["score", str(path), "--out", str(out), "--model", str(tiny_checkpoint), "--all-sentences"]) == 0
    found = [sentence["scores"] for line in out.read_text().splitlines() for sentence in json.loads(line)["sentences"]]
    assert {score for scores in found for score in scores.values()} == {stub.HIGH, stub.LOW}


def test_a_process_is_watched_and_killed() -> None:
    calm = run([sys.executable, "-c", "print('x'); b = bytearray(30_000_000); import time; time.sleep(0.3)"])
    assert (calm.status, calm.out) == (0, "x\n")
    assert max(resident for _, resident in calm.memory) > 20
    assert calm.peak_mb > 20
    killed = run([sys.executable, "-c", "import time; time.sleep(20)"], kill_when=lambda seconds: seconds > 0.2)
    assert killed.status == -signal.SIGKILL
    assert killed.seconds < 5


@pytest.mark.slow
def test_a_job_is_killed_and_comes_to_the_same_bytes(tiny_checkpoint: Path, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path), "--model", str(tiny_checkpoint), "--kills", "1", "--articles", "20"]
    assert kill_loop.main([*options, "--shard-records", "1", "--seed", "1"]) == 0  # whose first kill comes early
    [line] = (tmp_path / "kills.log").read_text().splitlines()
    assert json.loads(line)["shards_before"] == 0
    assert "bytes equal" in (tmp_path / "kills.md").read_text()


def test_what_a_kill_must_not_lose_is_noticed(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = articles.write_articles(tmp_path / "in.jsonl", 4, seed=1)
    job = tmp_path / "job"
    assert (
        tocsin(["score", str(path), "--out", f"{job}/", "--model", str(tiny_checkpoint), "--shard-records", "2"]) == 0
    )
    kill, lines = kill_loop.look(job, 1, 0.5, [])
    assert (kill.shards_before, kill.shards_after, kill.cut_line, kill.left) == (0, 2, False, [])
    (job / SHARDS / "00003.jsonl").write_text("half")
    assert kill_loop.look(job, 2, 0.5, lines)[0].left == ["00003.jsonl"]
    with (job / MANIFEST).open("ab") as stream:
        stream.write(b'{"name": "000')
    assert kill_loop.look(job, 3, 0.5, lines)[0].cut_line
    with pytest.raises(ValueError, match="expected the 3 shards of before after kill 4, found 2"):
        kill_loop.look(job, 4, 0.5, [*lines, b"{}"])
    (job / SHARDS / "00001.jsonl").write_text("other")
    with pytest.raises(ValueError, match="expected whole shards after kill 5"):
        kill_loop.look(job, 5, 0.5, lines)


def test_a_target_says_whether_it_was_met() -> None:
    assert report.Target("speed", 10, 9.0, unit="x").row() == ["speed", "≥ 10x", "9x", "no"]
    assert report.Target("memory", 1536, 900.0, at_least=False, unit=" MB").row()[-1] == "yes"
    assert report.spread([3.0, 1.0, 2.0]) == "2.0 (1.0 to 3.0)"
