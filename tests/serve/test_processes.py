"""Worker processes of this machine: equal bytes, a death that costs nothing, a record on which every worker dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest

from tocsin.serve import process_pool, trials
from tocsin.serve.main import main
from tocsin.serve.manifest import LOCK, RUNS, SHARDS, Shard
from tocsin.serve.records import Item
from tocsin.serve.worker import Worker

Tocsin = Callable[..., tuple[int, str]]


class DiesOnce(Worker):
    """Dies on the third shard, unless one has done so before."""

    def score(self, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> Shard:
        mark = Path(self.job.out).parents[2] / "died"
        if name == "00003" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score(name, items, out, deadly)


class DiesOnRoom11(Worker):
    """Dies whenever one of its records is about room 11."""

    def score(self, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> Shard:
        if any("room 11 " in item.raw for item in items if item.place not in deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score(name, items, out, deadly)


class Sleeps(Worker):
    """Has begun to score and does not end."""

    def score(self, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> Shard:
        Path(out, "asleep").write_text(str(os.getpid()))
        time.sleep(600)
        raise AssertionError


class FailsOddly(Worker):
    """Raises what no other process can read."""

    def load(self) -> None:
        class OddError(RuntimeError):
            def __init__(self, one: int, two: int) -> None:
                super().__init__(f"{one} and {two}")

        raise OddError(1, 2)


class NeverLoads(Worker):
    """Dies before it is ready."""

    def load(self) -> None:
        os._exit(1)


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """Twenty records, of which two are dead letters."""
    path = tmp_path / "in.jsonl"
    rows = [
        json.dumps({"id": n, "text": f"The minister said in room {n} that we will take it back. " * (1 + n % 4)})
        for n in range(18)
    ]
    rows[5:5] = ["{broken", json.dumps({"id": 3, "text": "Again."})]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def tocsin(tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> Tocsin:
    """Run a command; its exit status and everything that it and its workers said."""

    def run(command: str, *arguments: str | Path) -> tuple[int, str]:
        extra = ["--model", str(tiny_checkpoint), "--device", "cpu", "--shard-records", "4", "--engine", "torch"]
        status = main([command, *map(str, arguments), *(extra if command == "score" else [])])
        said = capfd.readouterr()
        return status, said.out + said.err

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a job but the log of its runs and the lock."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (RUNS, LOCK)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_two_processes_give_the_bytes_of_one_and_a_death_changes_nothing(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/local/")
    monkeypatch.setattr(process_pool, "Worker", DiesOnce)
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/", "--workers", "2")
    assert status == 3, said
    assert said.count("a worker died on shard 00003") == 1
    assert contents(tmp_path / "job") == contents(tmp_path / "local")
    assert tocsin("verify", tmp_path / "job")[0] == 0
    assert not (tmp_path / "job" / ".work").exists()


def test_a_record_that_kills_workers_becomes_a_dead_letter(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "DEATHS", 1)  # test_trials.py has the second chance
    monkeypatch.setattr(process_pool, "Worker", DiesOnRoom11)
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/", "--workers", "1")
    assert status == 3, said
    assert "17 records scored" in said
    letter = json.loads((tmp_path / "job" / SHARDS / "00004.dead.jsonl").read_text())
    assert letter["place"].endswith("in.jsonl:14")
    assert letter["reason"] == "expected a worker that lives through the record, found that each one died"
    assert tocsin("verify", tmp_path / "job")[0] == 0


def test_workers_that_cannot_start_end_the_job(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.serve.pool.FAILED_LOADS", 1)
    monkeypatch.setattr(process_pool, "Worker", NeverLoads)
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/", "--workers", "1")
    assert status == 1
    assert "expected workers that load the model, found that 1 in a row died" in said


def test_workers_need_a_job_folder(tocsin: Tocsin, articles: Path, tmp_path: Path) -> None:
    status, said = tocsin("score", articles, "--out", tmp_path / "out.jsonl", "--workers", "2")
    assert status == 1
    assert "expected a job folder with --workers" in said


def test_an_error_of_a_worker_is_said_whatever_its_type(
    tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "Worker", FailsOddly)
    with pytest.raises(RuntimeError, match="1 and 2"):
        tocsin("score", articles, "--out", f"{tmp_path}/job/", "--workers", "1")


def test_no_worker_outlives_a_killed_parent(tiny_checkpoint: Path, articles: Path, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_processes\n"
        "from tocsin.serve import process_pool\n"
        "from tocsin.serve.main import main\n"
        "if __name__ == '__main__':\n"
        "    process_pool.Worker = test_processes.Sleeps\n"
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    (tmp_path / "run.py").write_text(script)
    command = ["score", str(articles), "--out", f"{tmp_path}/job/", "--model", str(tiny_checkpoint), "--workers", "1"]
    parent = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, str(tmp_path / "run.py"), *command, "--device", "cpu"], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 90
    while not (found := list(tmp_path.glob("job/.work/*/*/asleep"))) or not found[0].read_text():
        assert time.monotonic() < deadline
        assert parent.poll() is None
        time.sleep(0.05)
    worker = Path("/proc") / found[0].read_text()
    parent.kill()
    parent.wait()
    while worker.exists() and "State:\tZ" not in (worker / "status").read_text():
        assert time.monotonic() < deadline  # it would sleep for ten minutes
        time.sleep(0.01)
