"""Jobs on a real Ray cluster of two machines' worth of processes: killed workers, a killed driver, equal bytes."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.serve.fingerprint import describe
from tocsin.serve.job import Job
from tocsin.serve.main import main
from tocsin.serve.manifest import LOCK, MANIFEST, RUNS, SHARDS, SUMMARY, Shard
from tocsin.serve.records import Item

ray = pytest.importorskip("ray")
from ray import cloudpickle  # noqa: E402 - after the skip
from ray.cluster_utils import Cluster  # noqa: E402

from tocsin.serve import ray_runner, trials  # noqa: E402
from tocsin.serve.ray_runner import cpus_each  # noqa: E402
from tocsin.serve.worker import SAME, Worker  # noqa: E402

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test

ROOT = Path(__file__).parents[2]
Tocsin = Callable[..., tuple[int, str]]
# The driver is killed at its N-th fsync. The sixth comes when the second shard's files lie in the job without a line.
KILLED_AT_FSYNC = """
import os, signal, sys
fsync, left = os.fsync, int(sys.argv.pop(1))
def dying(handle):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)
os.fsync = dying
from tocsin.serve.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes with one CPU each."""
    running = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    running.add_node(num_cpus=1)
    yield running.address
    ray.shutdown()
    running.shutdown()


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
        extra = ["--model", str(tiny_checkpoint), "--device", "cpu", "--shard-records", "4"]
        status = main([command, *map(str, arguments), *(extra if command == "score" else [])])
        said = capfd.readouterr()
        return status, said.out + said.err

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a job but the log of its runs and the lock."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (RUNS, LOCK)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def on(cluster: str) -> list[str]:
    return ["--runner", "ray", "--workers", "2", "--ray-address", cluster]


def with_hook(hook: Callable[[str, Sequence[Item]], None]) -> type[Worker]:
    """Workers that call a hook with a shard's name and records before they score."""

    class Hooked(Worker):
        def score(self, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> Shard:
            hook(name, [item for item in items if item.place not in deadly])
            return super().score(name, items, out, deadly)

    return Hooked


def test_a_cluster_of_its_own_gives_the_bytes_of_a_local_run(
    tocsin: Tocsin, tiny_checkpoint: Path, articles: Path, tmp_path: Path
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/local/", "--format", "parquet")
    command = ["score", str(articles), "--out", f"{tmp_path}/job/", "--format", "parquet", "--shard-records", "4"]
    command += ["--model", str(tiny_checkpoint), "--device", "cpu", "--runner", "ray", "--workers", "2"]
    process = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "tocsin.serve.main", *command],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(tmp_path)},  # where Ray keeps a token
    )
    assert process.returncode == 3, process.stderr
    assert "18 records scored" in process.stderr
    assert "2 dead letters" in process.stderr
    assert contents(tmp_path / "job") == contents(tmp_path / "local")
    assert tocsin("verify", tmp_path / "job")[0] == 0
    assert not (tmp_path / "job" / ".work").exists()


def test_a_killed_driver_goes_on_under_ray_to_the_same_bytes(
    cluster: str, tocsin: Tocsin, tiny_checkpoint: Path, articles: Path, tmp_path: Path
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/local/")
    command = ["score", str(articles), "--out", f"{tmp_path}/job/", "--model", str(tiny_checkpoint), *on(cluster)]
    process = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", KILLED_AT_FSYNC, "6", *command, "--device", "cpu", "--shard-records", "4"],
        check=False,
        capture_output=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert not (tmp_path / "job" / SUMMARY).exists()
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/", *on(cluster))[0] == 3
    assert contents(tmp_path / "job") == contents(tmp_path / "local")
    assert tocsin("verify", tmp_path / "job")[0] == 0


def test_killed_workers_lose_nothing_of_a_job_that_was_begun_locally(
    cluster: str, tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tocsin("score", articles, "--out", f"{tmp_path}/job/")
    local = contents(tmp_path / "job")
    lines = (tmp_path / "job" / MANIFEST).read_bytes().splitlines(keepends=True)
    (tmp_path / "job" / MANIFEST).write_bytes(lines[0])
    (tmp_path / "job" / SUMMARY).unlink()

    def die_once(name: str, items: Sequence[Item]) -> None:
        mark = tmp_path / "died"
        if name == "00003" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(ray_runner, "Worker", with_hook(die_once))
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/", *on(cluster))
    assert status == 3, said
    assert said.count("a worker died on shard 00003") == 1
    assert contents(tmp_path / "job") == local
    assert tocsin("verify", tmp_path / "job")[0] == 0


def test_a_record_that_kills_workers_becomes_a_dead_letter(
    cluster: str, tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str, items: Sequence[Item]) -> None:
        if any("room 11 " in item.raw for item in items):
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(trials, "DEATHS", 1)  # test_trials.py has the second chance
    monkeypatch.setattr(ray_runner, "Worker", with_hook(die))
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/", *on(cluster))
    assert status == 3, said
    assert "17 records scored" in said
    letter = json.loads((tmp_path / "job" / SHARDS / "00004.dead.jsonl").read_text())
    assert letter["place"].endswith("in.jsonl:14")
    assert letter["reason"] == "expected a worker that lives through the record, found that each one died"
    assert "room 11 " in letter["raw"]
    assert tocsin("verify", tmp_path / "job")[0] == 0
    status, said = tocsin("retry", tmp_path / "job")
    assert "1 records scored" in said


def test_a_signal_ends_what_is_begun_and_says_how_to_go_on(
    cluster: str, tocsin: Tocsin, articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = os.getpid()

    def stop(name: str, items: Sequence[Item]) -> None:
        if name == "00001":
            os.kill(driver, signal.SIGTERM)

    monkeypatch.setattr(ray_runner, "Worker", with_hook(stop))
    status, said = tocsin("score", articles, "--out", f"{tmp_path}/job/", *on(cluster))
    assert status == 130, said
    assert "records are safe in" in said
    assert "run the same command to go on" in said
    assert 0 < len((tmp_path / "job" / MANIFEST).read_text().splitlines()) < 5
    tocsin("score", articles, "--out", f"{tmp_path}/local/")
    assert tocsin("score", articles, "--out", f"{tmp_path}/job/")[0] == 3  # locally
    assert contents(tmp_path / "job") == contents(tmp_path / "local")


def test_the_example_for_ray_data_gives_records_of_the_contract(
    cluster: str, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("example_ray_data", ROOT / "examples" / "ray_data.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setitem(sys.modules, "example_ray_data", example)
    cloudpickle.register_pickle_by_value(example)
    rows = [{"id": f"a{n}", "text": "The minister said we will attack." if n else None} for n in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    try:
        example.main([f"{tmp_path}/in.parquet", f"{tmp_path}/out", "--model", str(tiny_checkpoint)])
    finally:
        ray.shutdown()
    scored = {row["id"]: row for row in pq.read_table(tmp_path / "out").to_pylist()}
    assert sorted(scored) == ["a0", "a1", "a2", "a3", "a4"]
    assert scored["a0"]["dead"].startswith("expected a string in 'text'")
    assert json.loads(scored["a1"]["record"])["id"] == "a1"


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("weights", "0" * 64, "expected weights 000"),
        ("versions", {"torch": "1.0"}, "expected versions {'torch': '1.0'}"),
        ("device", "cuda", "expected device cuda"),
    ],
)
def test_a_machine_that_would_score_otherwise_is_refused(
    tiny_checkpoint: Path, articles: Path, tmp_path: Path, part: str, value: object, said: str
) -> None:
    job = Job(inputs=[str(articles)], out=f"{tmp_path}/", model=str(tiny_checkpoint), device="cpu")
    mark: dict[str, Any] = {name: describe(job, [])["fingerprint"][name] for name in SAME}
    Worker(job, mark, 1).load()
    with pytest.raises(ValueError, match=said):
        Worker(job, mark | {part: value}, 1).load()


def test_a_machine_without_the_job_folder_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    job = Job(inputs=[], out=f"{tmp_path}/elsewhere/", model=str(tiny_checkpoint), device="cpu")
    with pytest.raises(FileNotFoundError, match="put the job on storage that all machines mount"):
        Worker(job, {}, 1).load()


@pytest.mark.parametrize(
    ("nodes", "workers", "each"),
    [([2], 1, 2), ([2], 2, 1), ([2], 3, 1), ([16, 16, 16, 16], 6, 8), ([0, 16], 1, 16), ([0.5], 1, 1), ([], 1, 1)],
)
def test_workers_share_the_cores_of_every_machine(nodes: list[float], workers: int, each: int) -> None:
    assert cpus_each(nodes, workers) == each
