"""A job folder: killed, cut, locked, changed; and what continues, is refused or is found out."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from tocsin.model import RhetoricClassifier
from tocsin.serve.engine import TorchEngine
from tocsin.serve.main import main
from tocsin.serve.manifest import LOCK, MANIFEST, RUNS, SHARDS, SUMMARY, file_sha256

Tocsin = Callable[..., tuple[int, str]]
# The process ends without any clean-up at its N-th fsync: before or after a file has its name, a shard its line.
DIES_AT_FSYNC = """
import os, sys
fsync, left = os.fsync, int(sys.argv.pop(1))
def dying(handle):
    global left
    left -= 1
    if left == 0:
        os._exit(137)
    fsync(handle)
os.fsync = dying
from tocsin.serve.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """Thirty records, of which three are dead letters: broken JSON, a repeated id, no text."""
    path = tmp_path / "in.jsonl"
    rows = [
        json.dumps({"id": n, "text": f"The minister said in room {n} that we will take it back. " * (1 + n % 4)})
        for n in range(27)
    ]
    rows[5:5] = ["{broken", json.dumps({"id": 3, "text": "Again."}), json.dumps({"id": "x"})]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def tocsin(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> Tocsin:
    """Run a command; its exit status and everything that it said."""

    def run(command: str, *arguments: str | Path) -> tuple[int, str]:
        extra = ["--model", str(tiny_checkpoint), "--device", "cpu"]
        extra += [] if "--shard-records" in arguments else ["--shard-records", "7"]
        status = main([command, *map(str, arguments), *(extra if command == "score" else [])])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a job but the log of its runs and the lock."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (RUNS, LOCK)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def ids(folder: Path) -> list[object]:
    return [
        json.loads(line)["id"]
        for path in sorted((folder / SHARDS).glob("0*.jsonl"))
        if ".dead" not in path.name
        for line in path.read_text().splitlines()
    ]


def test_a_job_is_written_in_shards_and_verified(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 3
    assert "27 records scored" in said
    assert "3 dead letters" in said
    assert ids(tmp_path / "job") == list(range(27))
    assert len((tmp_path / "job" / MANIFEST).read_text().splitlines()) == 5
    assert json.loads((tmp_path / "job" / SUMMARY).read_text())["rows"] == 30
    status, said = tocsin("verify", tmp_path / "job")
    assert status == 0
    assert "30 records in = 27 out + 3 dead letters, 5 shards; inputs read again: 30 records" in said


def test_shards_can_be_parquet(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/", "--format", "parquet")[0] == 3
    table = pq.read_table(tmp_path / "job" / SHARDS / "00001.parquet")
    assert table.column("id").to_pylist() == [0, 1, 2, 3, 4]
    assert tocsin("verify", tmp_path / "job")[0] == 0


def test_a_job_killed_at_every_fsync_goes_on_to_the_same_bytes(
    tocsin: Tocsin, tiny_checkpoint: Path, articles: Path, tmp_path: Path
) -> None:
    """Each process dies a few syncs further on, until one comes to the end."""
    tocsin("score", articles, "--out", f"{tmp_path}/calm/", "--shard-records", "20")
    command = ["score", str(articles), "--out", f"{tmp_path}/killed/", "--model", str(tiny_checkpoint)]
    command += ["--device", "cpu", "--shard-records", "20"]
    ends = []
    for left in (1, 2, 3, 4, 5, 6, 7):
        process = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-c", DIES_AT_FSYNC, str(left), *command], check=False, capture_output=True
        )
        ends.append(process.returncode)
        if process.returncode == 3:
            break
        assert process.returncode == 137, process.stderr.decode()
        if (tmp_path / "killed" / "job.json").is_file() and not (tmp_path / "killed" / SUMMARY).is_file():
            assert tocsin("verify", tmp_path / "killed")[0] == 1
    assert tocsin("score", articles, "--out", f"{tmp_path}/killed/", "--shard-records", "20")[0] == 3
    assert len(ends) > 4
    assert contents(tmp_path / "killed") == contents(tmp_path / "calm")
    assert tocsin("verify", tmp_path / "killed")[0] == 0


def test_overwriting_that_is_killed_never_leaves_a_finished_job_without_records(
    tocsin: Tocsin, tiny_checkpoint: Path, articles: Path, tmp_path: Path
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    calm = contents(tmp_path / "job")
    command = ["score", str(articles), "--out", f"{tmp_path}/job/", "--model", str(tiny_checkpoint), "--overwrite"]
    process = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", DIES_AT_FSYNC, "2", *command, "--device", "cpu", "--shard-records", "7"],
        check=False,
        capture_output=True,
    )
    assert process.returncode == 137, process.stderr.decode()
    assert tocsin("verify", tmp_path / "job")[0] == 1
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/")[0] == 3
    assert contents(tmp_path / "job") == calm


def test_a_finished_job_is_not_scored_again(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    before = contents(tmp_path / "job")
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 3
    assert "27 records scored" in said
    assert contents(tmp_path / "job") == before
    log = [json.loads(line) for line in (tmp_path / "job" / RUNS).read_text().splitlines()]
    assert [line["records"] for line in log] == [30, 0]


def test_what_a_crash_left_half_done_is_done_again(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    calm = contents(tmp_path / "job")
    lines = (tmp_path / "job" / MANIFEST).read_bytes().splitlines(keepends=True)
    (tmp_path / "job" / MANIFEST).write_bytes(b"".join(lines[:2]) + lines[2][:50])
    (tmp_path / "job" / SUMMARY).unlink()
    (tmp_path / "job" / SHARDS / ".tocsin-left.part").write_text("half")
    (tmp_path / "job" / SHARDS / "00003.jsonl").write_text("half")
    status, said = tocsin("verify", tmp_path / "job")
    assert status == 1
    assert "last line is cut" in said
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/")[0] == 3
    assert contents(tmp_path / "job") == calm


def test_another_job_is_refused_and_says_what_differs(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/", "--threshold", "divisive=0.9")
    assert status == 1
    assert "another thresholds ({} then, {'divisive': 0.9} now)" in said
    articles.write_text(articles.read_text() + '{"text": "One more."}\n')
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "another inputs (" in said
    assert "in.jsonl" in said
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/", "--overwrite")[0] == 3
    assert len(ids(tmp_path / "job")) == 28


def test_inputs_that_changed_behind_their_date_are_found_out(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    (tmp_path / "job" / SUMMARY).unlink()
    state = articles.stat()
    articles.write_text(articles.read_text().replace('"id": 0', '"id": 9', 1))
    os.utime(articles, ns=(state.st_atime_ns, state.st_mtime_ns))
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "records of shard 00001 again" in said


@pytest.mark.parametrize("name", ["00002.jsonl", "00001.dead.jsonl"])
def test_a_flipped_byte_and_a_missing_file_are_found(tocsin: Tocsin, articles: Path, tmp_path: Path, name: str) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    path = tmp_path / "job" / SHARDS / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    status, said = tocsin("verify", tmp_path / "job")
    assert status == 1
    assert f"shards/{name} with SHA-256" in said
    path.unlink()
    assert f"the file shards/{name}, found none" in tocsin("verify", tmp_path / "job")[1]


def test_a_damaged_shard_stops_the_job_and_is_not_taken_for_done(
    tocsin: Tocsin, articles: Path, tmp_path: Path
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    (tmp_path / "job" / SHARDS / "00002.jsonl").unlink()
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "00002.jsonl, found none; restore it" in said


def mend_manifest(folder: Path, **changes: int) -> None:
    """Make the manifest say what the first shard's file now holds, as somebody who hides a change would."""
    path = folder / MANIFEST
    first, *rest = path.read_text().splitlines()
    shard = json.loads(first)
    shard["files"]["00001.jsonl"] = file_sha256(folder / SHARDS / "00001.jsonl")
    shard["counts"] |= changes
    path.write_text("\n".join([json.dumps(shard), *rest]) + "\n")


def swap(lines: list[str]) -> list[str]:
    return [lines[1], lines[0], *lines[2:]]


def double(lines: list[str]) -> list[str]:
    return [lines[0], lines[0], *lines[2:]]


def shorten(lines: list[str]) -> list[str]:
    return lines[1:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swap, "in.jsonl:1 next in shard 00001"),
        (double, "in.jsonl:2 next in shard"),
        (shorten, "in shard 00001, found 4"),
    ],
)
def test_records_out_of_place_are_found_even_if_the_manifest_was_mended(
    tocsin: Tocsin, articles: Path, tmp_path: Path, change: Callable[[list[str]], list[str]], said: str
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    path = tmp_path / "job" / SHARDS / "00001.jsonl"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    mend_manifest(tmp_path / "job")
    status, found = tocsin("verify", tmp_path / "job")
    assert status == 1
    assert said in found


def test_a_summary_that_counts_otherwise_is_found(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    path = tmp_path / "job" / SUMMARY
    path.write_text(json.dumps(json.loads(path.read_text()) | {"flagged": 99}))
    assert "summary.json, found others" in tocsin("verify", tmp_path / "job")[1]


def test_inputs_that_are_gone_or_changed_are_no_proof(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    os.utime(articles, ns=(1, 1))
    status, said = tocsin("verify", tmp_path / "job")
    assert status == 1
    assert "changed since" in said
    articles.unlink()
    status, said = tocsin("verify", tmp_path / "job")
    assert status == 1
    assert "cannot be read again" in said
    assert tocsin("verify", tmp_path / "job", "--without-inputs")[0] == 0


def test_a_job_is_verified_from_any_folder(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tocsin("score", articles.name, "--out", "job/")[0] == 3
    monkeypatch.chdir("/")
    assert tocsin("verify", tmp_path / "job")[0] == 0
    assert tocsin("retry", tmp_path / "job")[0] == 3


def test_other_formats_limits_and_records_without_ids(tocsin: Tocsin, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as stream:
        stream.write('{"text": "The city is calm."}\n{"text": "Talks go on.", "id": "\\ud800x"}\n')
    (tmp_path / "b.csv").write_text("id,text\n1,The city is calm.\n1,Again.\n2,Talks go on.\n")
    (tmp_path / "c.txt").write_text("The city is calm today.")
    inputs = [tmp_path / name for name in ("a.jsonl.gz", "b.csv", "c.txt")]
    for kind in ("jsonl", "parquet"):
        assert (
            tocsin("score", *inputs, "--out", f"{tmp_path}/{kind}/", "--format", kind, "--shard-records", "2")[0] == 3
        )
        status, said = tocsin("verify", tmp_path / kind)
        assert status == 0
        assert "6 records in = 5 out + 1 dead letters, 3 shards" in said
    assert tocsin("score", *inputs, "--out", f"{tmp_path}/few/", "--limit", "3")[0] == 0
    assert "3 records in = 3 out" in tocsin("verify", tmp_path / "few")[1]


def test_a_language_that_is_no_text_does_not_stop_the_job(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Some text.", "language": "\\ud800"}\n')
    status, said = tocsin("score", tmp_path / "in.jsonl", "--out", f"{tmp_path}/job/")
    assert status == 0, said
    assert tocsin("verify", tmp_path / "job")[0] == 0


def test_an_input_that_grows_while_it_is_read_does_not_count(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = TorchEngine.predict_clean

    def growing(self: TorchEngine, sentences: Sequence[str]) -> np.ndarray:
        with articles.open("a") as stream:
            stream.write('{"text": "One more."}\n')
        return predict(self, sentences)

    monkeypatch.setattr(TorchEngine, "predict_clean", growing)
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "inputs that stay as they are" in said
    assert not (tmp_path / "job" / MANIFEST).is_file()


def test_a_vanished_input_stops_and_its_return_goes_on(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.jsonl"
    second.write_text('{"text": "The city is calm today."}\n')
    tocsin("score", articles, second, "--out", f"{tmp_path}/calm/")
    calm = contents(tmp_path / "calm")
    (tmp_path / "calm" / SUMMARY).unlink()
    lines = (tmp_path / "calm" / MANIFEST).read_bytes().splitlines(keepends=True)
    (tmp_path / "calm" / MANIFEST).write_bytes(b"".join(lines[:1]))
    second.rename(tmp_path / "away")
    status, said = tocsin("score", articles, second, "--out", f"{tmp_path}/calm/")
    assert status == 1
    assert "second.jsonl" in said
    (tmp_path / "away").rename(second)
    assert tocsin("score", articles, second, "--out", f"{tmp_path}/calm/")[0] == 3
    assert contents(tmp_path / "calm") == calm


def test_a_full_disk_loses_nothing(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/calm/")
    replace, left = os.replace, [5]

    def full(*names: Path) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device", str(names[0]))
        replace(*names)

    monkeypatch.setattr("os.replace", full)
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "No space left" in said
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/")[0] == 3
    assert contents(tmp_path / "job") == contents(tmp_path / "calm")


def test_two_processes_do_not_work_on_one_folder(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    with FileLock(tmp_path / "job" / LOCK):
        status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "no other process" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_shard_and_says_how_to_go_on(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    predict, calls = TorchEngine.predict_clean, [0]

    def signalled(self: TorchEngine, sentences: Sequence[str]) -> np.ndarray:
        calls[0] += 1
        if calls[0] == 2:
            os.kill(os.getpid(), number)
            time.sleep(0.01)
        return predict(self, sentences)

    monkeypatch.setattr(TorchEngine, "predict_clean", signalled)
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 130
    assert "14 records are safe" in said
    assert "run the same command to go on" in said
    assert len((tmp_path / "job" / MANIFEST).read_text().splitlines()) == 2
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/")[0] == 3
    assert ids(tmp_path / "job") == list(range(27))


def test_dead_letters_of_a_broken_model_are_scored_again(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = TorchEngine.predict_clean

    def breaking(self: TorchEngine, sentences: Sequence[str]) -> np.ndarray:
        if any("room 11 " in sentence or "room 20 " in sentence for sentence in sentences):
            raise RuntimeError("kernel failed")
        return predict(self, sentences)

    with monkeypatch.context() as patch:
        patch.setattr(TorchEngine, "predict_clean", breaking)
        status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 3
    assert "5 dead letters" in said
    assert tocsin("verify", tmp_path / "job")[0] == 0
    status, said = tocsin("retry", tmp_path / "job")
    assert status == 3  # three rows are broken in the file
    assert "2 records scored" in said
    status, said = tocsin("verify", tmp_path / "job")
    assert status == 0
    assert "30 records in = 27 out + 3 dead letters" in said
    assert "2 of them scored by a retry" in said
    assert tocsin("retry", tmp_path / "job", "--batch-tokens", "1024")[0] == 3
    assert tocsin("verify", tmp_path / "job")[0] == 0
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 3
    assert "27 records scored" in said
    assert "3 dead letters" in said
    right = json.loads((tmp_path / "job" / SUMMARY).read_text())
    (tmp_path / "job" / SUMMARY).write_text(json.dumps(right | {"records": 25}))  # as if cut before it was written
    assert tocsin("retry", tmp_path / "job")[0] == 3
    assert json.loads((tmp_path / "job" / SUMMARY).read_text()) == right


def test_memory_that_runs_out_halves_the_batches(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = RhetoricClassifier.predict_encoded

    def hungry(self: RhetoricClassifier, ids: Sequence[list[int]], *, batch_tokens: int = 4096) -> np.ndarray:
        if batch_tokens > 1024:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return predict(self, ids, batch_tokens=batch_tokens)

    monkeypatch.setattr(RhetoricClassifier, "predict_encoded", hungry)
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/")
    assert status == 3
    assert "27 records scored" in said
    assert "going on with --batch-tokens 1024" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "standard input, which cannot be read again"),
        (["{articles}", "--dead-letters", "d.jsonl"], "no --dead-letters with a job folder"),
    ],
)
def test_what_a_job_folder_cannot_do_is_refused(
    tocsin: Tocsin, articles: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    filled = [argument.format(articles=articles) for argument in arguments]
    status, found = tocsin("score", *filled, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert said in found


def test_a_folder_of_other_things_is_left_alone(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("work")
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/mine/")
    assert status == 1
    assert "thesis.txt" in said
    assert tocsin("score", articles, "--out", f"{tmp_path}/mine/", "--overwrite")[0] == 1
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "work"
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    (tmp_path / "job" / SHARDS / "all.jsonl").write_text("mine")
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/", "--overwrite")[0] == 3
    assert (tmp_path / "job" / SHARDS / "all.jsonl").read_text() == "mine"
    status, said = tocsin("score", tmp_path / "job", "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "outside the job folder" in said


def test_a_folder_around_the_job_is_an_input_without_it(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    assert tocsin("score", tmp_path, "--out", f"{tmp_path}/job/")[0] == 3
    assert tocsin("score", tmp_path, "--out", f"{tmp_path}/job/")[0] == 3
    assert len(ids(tmp_path / "job")) == 27
    assert tocsin("verify", tmp_path / "job")[0] == 0


def test_overwriting_with_what_cannot_be_begun_keeps_the_old_job(
    tocsin: Tocsin, articles: Path, tmp_path: Path
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    before = contents(tmp_path / "job")
    (tmp_path / "none.jsonl").write_text("\n")
    assert tocsin("score", tmp_path / "none.jsonl", "--out", f"{tmp_path}/job/", "--overwrite")[0] == 1
    assert contents(tmp_path / "job") == before


def test_inputs_without_records_leave_no_job(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n\n")
    status, said = tocsin("score", tmp_path / "in.jsonl", "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "at least one record" in said
    assert contents(tmp_path / "job") == {}
    assert tocsin("verify", tmp_path / "job")[0] == 1
