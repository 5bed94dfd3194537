"""Inputs and outputs behind URLs: in memory, and in a real server of the S3 protocol on the loopback interface."""

from __future__ import annotations

import gzip
import http.server
import io
import json
import shutil
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from tocsin.serve import job, remote, upload
from tocsin.serve.inputs import expand_inputs
from tocsin.serve.main import main
from tocsin.serve.manifest import LOCK, RUNS
from tocsin.serve.parquet import read_parquet
from tocsin.serve.progress import Position
from tocsin.serve.records import Columns
from tocsin.serve.remote import RemoteError, RemotePath

SECRET = "hush-hush"  # noqa: S105 - of nobody
BUCKETS = (f"news-{number}" for number in count())
Tocsin = Callable[..., tuple[int, str]]


@dataclass(frozen=True)
class Store:
    """A place behind URLs."""

    system: Any
    url: str  # without a slash at its end

    def put(self, name: str, data: bytes) -> str:
        self.system.pipe_file(f"{self.url}/{name}", data)
        return f"{self.url}/{name}"

    def get(self, name: str) -> bytes:
        data: bytes = self.system.cat_file(f"{self.url}/{name}")
        return data

    def names(self) -> list[str]:
        self.system.invalidate_cache()
        found = self.system.find(self.url)
        return sorted(self.system.unstrip_protocol(name).removeprefix(f"{self.url}/") for name in found)


@pytest.fixture(scope="session")
def server() -> Iterator[ThreadedMotoServer]:
    """A server of the S3 protocol, which keeps its objects in this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def endpoint(server: ThreadedMotoServer) -> str:
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A new bucket."""
    settings = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",  # a test need not wait for a server that will not return
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    system, bucket = fsspec.filesystem("s3"), next(BUCKETS)
    system.mkdir(bucket)
    return Store(system, f"s3://{bucket}")


@pytest.fixture
def memory() -> Iterator[Store]:
    """An empty store in this process."""
    yield Store(fsspec.filesystem("memory"), "memory:///news")
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def tocsin(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> Tocsin:
    """Run a command; its exit status and everything that it said, in which no secret may be."""

    def run(command: str, *arguments: str | Path) -> tuple[int, str]:
        extra = ["--model", str(tiny_checkpoint), "--device", "cpu", "--shard-records", "7"]
        status = main([command, *map(str, arguments), *(extra if command == "score" else [])])
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return status, said.out + said.err

    return run


@pytest.fixture
def refuse(tocsin: Tocsin) -> Callable[..., str]:
    """Run 'tocsin score', check that it ends with status 1 and one line, and return the line."""

    def run(*arguments: str | Path) -> str:
        status, said = tocsin("score", *arguments)
        assert status == 1
        assert said.count("\n") == 1, said
        assert said.startswith("error: expected ")
        return said

    return run


def rows(name: str, number: int = 20) -> list[dict[str, str]]:
    return [{"id": f"{name}-{n}", "text": f"The minister said we will take room {n} back."} for n in range(number)]


def json_lines(name: str = "a", number: int = 20) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows(name, number)).encode()


def articles(folder: Path) -> None:
    """One file of every format, in folders whose names sort otherwise as texts than as paths, and one of none."""
    (folder / "a").mkdir(parents=True)
    (folder / "a-b").mkdir()
    (folder / "a" / "one.jsonl").write_bytes(json_lines("one") + b"{broken\n")
    (folder / "a" / "two.jsonl.gz").write_bytes(gzip.compress(json_lines("two")))
    table = "\n".join(["id,text", *(f"{row['id']},{row['text']}" for row in rows("three"))])
    (folder / "a-b" / "three.csv").write_text(table)
    tabs = table.replace("three", "four").replace(",", "\t")
    (folder / "a-b" / "four.tsv.gz").write_bytes(gzip.compress(tabs.encode()))
    pq.write_table(pa.Table.from_pylist(rows("five")), folder / "five.parquet", row_group_size=3)
    (folder / "six.txt").write_text("The city is calm today.")
    (folder / "notes.pdf").write_bytes(b"%PDF")


def put_all(store: Store, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put(str(path.relative_to(folder)), path.read_bytes())


def during(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, module: str = "job") -> None:
    """Let something happen when the first block has been read and the model is loaded."""
    load = job.load_classifier

    def acting(asked: job.Job) -> object:
        act()
        return load(asked)

    monkeypatch.setattr(remote, "BLOCK_BYTES", 512)
    monkeypatch.setattr(f"tocsin.serve.{module}.load_classifier", acting)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a job but the log of its runs and the lock."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (RUNS, LOCK)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_every_format_gives_the_bytes_of_local_files(tocsin: Tocsin, store: Store, tmp_path: Path) -> None:
    articles(tmp_path / "in")
    put_all(store, tmp_path / "in")
    assert tocsin("score", tmp_path / "in", "--out", tmp_path / "local.jsonl")[0] == 3
    status, said = tocsin("score", store.url, "--out", tmp_path / "remote.jsonl")
    assert status == 3
    assert f"dead letters by file: {store.url}/a/one.jsonl 1" in said
    for name in ("{}.jsonl", "{}.dead.jsonl"):
        local = (tmp_path / name.format("local")).read_text()
        assert (tmp_path / name.format("remote")).read_text() == local.replace(f"{tmp_path}/in", store.url)
    assert len((tmp_path / "remote.jsonl").read_text().splitlines()) == 101


def test_objects_prefixes_and_patterns_are_found_in_order_and_once(store: Store, tmp_path: Path) -> None:
    articles(tmp_path)
    put_all(store, tmp_path)
    store.put("a/[1].txt", b"x")

    def names(*arguments: str) -> list[str]:
        found = expand_inputs([f"{store.url}/{argument}" for argument in arguments])
        return [str(file).removeprefix(f"{store.url}/") for file in found]

    assert names("a/", "a/*.jsonl") == ["a/[1].txt", "a/one.jsonl", "a/two.jsonl.gz"]
    assert names("*.parquet", "six.txt", "five.parquet") == ["five.parquet", "six.txt"]
    assert names("**/t*") == ["a-b/three.csv", "a/two.jsonl.gz"]
    assert names("a?b") == ["a-b/four.tsv.gz", "a-b/three.csv"]
    assert names("a/[1].txt", "a/[o]*") == ["a/[1].txt", "a/one.jsonl"]  # a name that looks like a pattern is itself
    files = expand_inputs([store.url])
    assert Position(files).total == sum(len(store.get(name)) for name in store.names() if "pdf" not in name)


def test_what_names_nothing_usable_is_refused(refuse: Callable[..., str], store: Store, tmp_path: Path) -> None:
    store.put("a/notes.pdf", b"%PDF")
    out = tmp_path / "out.jsonl"
    assert f"an input at {store.url}/b.jsonl, found no such file" in refuse(f"{store.url}/b.jsonl", "--out", out)
    assert f"an input at {store.url}/*.csv, found no such file" in refuse(f"{store.url}/*.csv", "--out", out)
    assert f"in {store.url}/a, found none; add articles" in refuse(f"{store.url}/a", "--out", out)
    assert "found 'notes.pdf'; rename or convert it" in refuse(f"{store.url}/a/*", "--out", out)
    store.put("a/b.parquet", b"no parquet")
    assert f"expected Parquet in {store.url}/a/b.parquet" in refuse(f"{store.url}/a", "--out", out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_outputs_are_those_of_local_files(tocsin: Tocsin, store: Store, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(json_lines() + b"{broken\n")
    tocsin("score", tmp_path / "in.jsonl", "--out", tmp_path / f"out.{suffix}")
    status, said = tocsin("score", tmp_path / "in.jsonl", "--out", f"{store.url}/new/out.{suffix}")
    assert status == 3
    assert f"1 dead letters in {store.url}/new/out.dead.jsonl" in said
    assert store.get(f"new/out.{suffix}") == (tmp_path / f"out.{suffix}").read_bytes()
    assert store.get("new/out.dead.jsonl") == (tmp_path / "out.dead.jsonl").read_bytes()


def test_an_output_is_only_replaced_when_asked(tocsin: Tocsin, store: Store, tmp_path: Path) -> None:
    source = store.put("in.jsonl", json_lines() + b"{broken\n")
    assert tocsin("score", source, "--out", f"{store.url}/out.jsonl")[0] == 3
    before = store.get("out.jsonl")
    status, said = tocsin("score", source, "--out", f"{store.url}/out.jsonl")
    assert status == 1
    assert f"no file at {store.url}/out.jsonl, found one; pass --overwrite" in said
    assert store.get("out.jsonl") == before
    clean = store.put("clean.jsonl", json_lines("clean", 3))
    assert tocsin("score", clean, "--out", f"{store.url}/out.jsonl", "--overwrite")[0] == 0
    assert len(store.get("out.jsonl").splitlines()) == 3
    assert store.names() == ["clean.jsonl", "in.jsonl", "out.jsonl"]  # dead letters do not outlive their run
    assert tocsin("score", source, "--out", tmp_path / "o.jsonl", "--dead-letters", f"{store.url}/dead.jsonl")[0] == 3
    assert len(store.get("dead.jsonl").splitlines()) == 1


def test_outputs_that_cannot_be_written_are_refused_before_the_model_is_loaded(
    refuse: Callable[..., str], store: Store, s3: Store, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "RhetoricClassifier", None)  # any use of it would be another error
    source = store.put("in.jsonl", json_lines())
    for folder in (f"{store.url}/job/", f"{store.url}/job", f"{store.url}/job.jsonl/"):
        assert "job folder needs the renames and locks of a local or mounted" in refuse(source, "--out", folder)
    assert "an output that is not an input" in refuse(source, "--out", source, "--overwrite")
    assert "dead letters in a file of their own" in refuse(
        source, "--out", f"{store.url}/o.jsonl", "--dead-letters", f"{store.url}/o.jsonl"
    )
    store.put("folder.jsonl/a", b"x")
    assert "found the folder" in refuse(source, "--out", f"{store.url}/folder.jsonl")
    assert "expected an output that can be written" in refuse(source, "--out", f"{endpoint}/out.jsonl")
    assert "expected the bucket s3://none-such for the output" in refuse(source, "--out", "s3://none-such/out.jsonl")


def test_a_reader_never_sees_half_an_output(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, copy, seen = bytes(range(256)) * 50_000, shutil.copyfileobj, list[list[str]]()

    def watched(source: IO[bytes], target: IO[bytes], length: int) -> None:
        copy(source, target, length)
        target.flush()
        seen.append(store.names())

    monkeypatch.setattr(upload, "PART_BYTES", 5 * 1024 * 1024)
    monkeypatch.setattr("shutil.copyfileobj", watched)
    with upload.local_outputs(remote.source_at(f"{store.url}/out.jsonl"), None) as (path, none):
        assert path is not None
        assert none is None
        path.write_bytes(data)
    assert seen == [[]]
    assert store.get("out.jsonl") == data
    assert not path.parent.exists()


def test_an_interrupted_upload_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: IO[bytes], target: IO[bytes], length: int) -> None:
        target.write(source.read(length))
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfileobj", interrupted)
    monkeypatch.setattr(upload, "PART_BYTES", 5 * 1024 * 1024)
    paths: list[Path | None] = []

    def write() -> None:
        with upload.local_outputs(remote.source_at(f"{store.url}/out.jsonl")) as [path]:
            assert path is not None
            path.write_bytes(bytes(6 * 1024 * 1024))
            paths.append(path)

    with pytest.raises(KeyboardInterrupt):
        write()
    assert store.names() == []
    assert paths[0] is not None
    assert not paths[0].parent.exists()
    if store.url.startswith("s3"):
        assert "Uploads" not in store.system.call_s3("list_multipart_uploads", Bucket=store.url.removeprefix("s3://"))


def test_an_output_that_cannot_be_uploaded_is_kept(
    tocsin: Tocsin, s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.jsonl").write_bytes(json_lines() + b"{broken\n")
    tocsin("score", tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    during(monkeypatch, lambda: s3.system.rm(s3.url, recursive=True))
    status, said = tocsin("score", tmp_path / "in.jsonl", "--out", f"{s3.url}/out.jsonl")
    assert status == 1
    assert said.count("\n") == 1
    assert "bucket does not exist" in said
    kept = Path(said.strip().rpartition("the complete files are kept in ")[2])
    assert (kept / "1-out.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()
    assert (kept / "2-out.dead.jsonl").read_bytes() == (tmp_path / "out.dead.jsonl").read_bytes()


def test_a_job_folder_takes_remote_inputs_and_knows_them_again(tocsin: Tocsin, store: Store, tmp_path: Path) -> None:
    articles(tmp_path / "in")
    put_all(store, tmp_path / "in")
    again = ("score", store.url, "--out", f"{tmp_path}/job/")
    assert tocsin(*again)[0] == 3
    done = contents(tmp_path / "job")
    inputs = json.loads(done["job.json"])["fingerprint"]["inputs"]
    assert [entry["path"] for entry in inputs] == [str(file) for file in expand_inputs([store.url])]
    assert all(entry["version"] for entry in inputs)
    status, said = tocsin("verify", tmp_path / "job")
    assert status == 0
    assert "102 records in = 101 out + 1 dead letters, 15 shards; inputs read again: 102 records" in said
    assert tocsin("retry", tmp_path / "job")[0] == 3
    assert tocsin(*again)[0] == 3
    whole = store.get("a/one.jsonl")
    store.put("a/one.jsonl", whole.replace(b"room 1 ", b"room 2 "))
    status, said = tocsin(*again)
    assert status == 1
    assert f"found another inputs ({store.url}/a/one.jsonl)" in said
    assert "inputs that have changed since" in tocsin("verify", tmp_path / "job")[1]
    store.system.rm(f"{store.url}/a/one.jsonl")
    assert "another inputs" in tocsin(*again)[1]
    assert tocsin("verify", tmp_path / "job")[0] == 1


def test_an_input_that_changes_while_it_is_read_does_not_count(
    tocsin: Tocsin, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = store.put("in.jsonl", json_lines())
    during(monkeypatch, lambda: store.put("in.jsonl", json_lines("b", 30)), module="folder")
    status, said = tocsin("score", source, "--out", f"{tmp_path}/job/")
    assert status == 1
    assert "inputs that stay as they are" in said or "no longer exists" in said
    assert not (tmp_path / "job" / "manifest.jsonl").exists()


def test_an_object_that_was_replaced_or_is_gone_ends_without_an_output(
    refuse: Callable[..., str], s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = s3.put("in.jsonl", json_lines())
    for act in (partial(s3.put, "in.jsonl", json_lines("b", 30)), partial(s3.system.rm, source)):
        with monkeypatch.context() as patch:
            during(patch, act)
            assert f"expected to read {source}, found: " in refuse(source, "--out", tmp_path / "out.jsonl")
    first, second = (s3.put(name, json_lines(name)) for name in ("one.jsonl", "two.jsonl"))
    during(monkeypatch, lambda: s3.system.rm(second))
    assert f"expected to read {second}, found: " in refuse(first, second, "--out", tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())


def test_a_server_that_goes_away_stops_a_job_and_its_return_goes_on(
    tocsin: Tocsin, refuse: Callable[..., str], s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second server keeps the same objects, since they lie in this process."""
    source = s3.put("in.jsonl", json_lines(number=40))
    other = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    other.start()
    host, port = other.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert tocsin("score", source, "--out", f"{tmp_path}/calm/")[0] == 0
    with monkeypatch.context() as patch:
        during(patch, other.stop)
        assert "connect" in refuse(source, "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    other = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    other.start()
    with monkeypatch.context() as patch:
        during(patch, other.stop, module="folder")
        assert "connect" in tocsin("score", source, "--out", f"{tmp_path}/job/")[1]
    other = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    other.start()
    assert tocsin("score", source, "--out", f"{tmp_path}/job/")[0] == 0
    assert contents(tmp_path / "job") == contents(tmp_path / "calm")
    assert tocsin("verify", tmp_path / "job")[0] == 0
    other.stop()


def test_a_store_that_denies_is_named_with_the_way_out(
    refuse: Callable[..., str], s3: Store, endpoint: str, tmp_path: Path
) -> None:
    source = s3.put("in.jsonl", json_lines())

    def check_rights_after(requests: int) -> None:
        data = str(requests).encode()
        url, plain = f"{endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        with urllib.request.urlopen(urllib.request.Request(url, data, plain)):  # noqa: S310 - our own server
            pass

    check_rights_after(0)
    try:
        for argument in (source, f"{s3.url}/*.jsonl"):
            said = refuse(argument, "--out", tmp_path / "out.jsonl")
            assert f"expected to read {argument}, found: " in said
            assert "check the URL, your rights and the connection" in said
    finally:
        check_rights_after(10**9)


def test_a_folder_that_cannot_be_listed_is_an_error(
    refuse: Callable[..., str], memory: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.put("in.jsonl", json_lines())
    memory.put("locked/in.jsonl", json_lines())
    ls = MemoryFileSystem.ls

    def denied(self: MemoryFileSystem, path: str, **options: object) -> object:
        if path.endswith("locked"):
            raise PermissionError("Access Denied")
        return ls(self, path, **options)

    monkeypatch.setattr(MemoryFileSystem, "ls", denied)
    for argument in (memory.url, f"{memory.url}/**/*.jsonl"):
        said = refuse(argument, "--out", tmp_path / "out.jsonl")
        assert f"expected to list {memory.url}/locked, found: Access Denied" in said


def test_https_reads_like_a_file_and_keeps_queries_to_itself(
    tocsin: Tocsin, refuse: Callable[..., str], s3: Store, endpoint: str, tmp_path: Path
) -> None:
    articles(tmp_path / "in")
    put_all(s3, tmp_path / "in")
    for name in ("a/one.jsonl", "five.parquet"):
        s3.system.chmod(f"{s3.url}/{name}", "public-read")  # for whoever asks without a signature
    base, out = f"{endpoint}/{s3.url.removeprefix('s3://')}", tmp_path / "out.jsonl"
    tocsin("score", tmp_path / "in" / "a" / "one.jsonl", tmp_path / "in" / "five.parquet", "--out", out)
    local = out.read_bytes()
    urls = (f"{base}/a/one.jsonl?token={SECRET}", f"{base}/five.parquet?token={SECRET}#top")
    assert tocsin("score", *urls, "--out", out, "--overwrite")[0] == 3
    assert out.read_bytes() == local
    assert f"{base}/a/one.jsonl:21" in out.with_suffix(".dead.jsonl").read_text()
    assert "without a query for a job folder" in refuse(urls[0], "--out", f"{tmp_path}/job/")
    assert "found no such file" in refuse(f"{base}/none.jsonl?token={SECRET}", "--out", tmp_path / "o.jsonl")
    assert tocsin("score", f"{base}/a/one.jsonl", "--out", f"{tmp_path}/job/")[0] == 3
    assert tocsin("verify", tmp_path / "job")[0] == 0
    s3.system.chmod(s3.put("a/one.jsonl", json_lines()), "public-read")
    assert "another inputs" in refuse(f"{base}/a/one.jsonl", "--out", f"{tmp_path}/job/")


class Breaking(http.server.BaseHTTPRequestHandler):
    """Promises a file and closes the connection after half of what was asked for; packs for those who let it."""

    data = json_lines(number=40)
    whole = 1  # requests that are answered whole

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()

    def do_GET(self) -> None:
        assert self.headers["Accept-Encoding"] == "identity"
        start, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
        part = self.data[int(start) : int(end) + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        type(self).whole -= 1
        self.wfile.write(part if self.whole >= 0 else part[: len(part) // 2])

    def log_message(self, *_: object) -> None:
        pass


def test_a_connection_that_breaks_ends_without_an_output(
    refuse: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        monkeypatch.setattr(remote, "BLOCK_BYTES", 512)
        monkeypatch.setattr(Breaking, "whole", 3)
        said = refuse(f"{base}/in.jsonl", "--out", tmp_path / "out.jsonl")
        assert f"expected to read {base}/in.jsonl, found: Response payload is not completed" in said
        monkeypatch.setattr(Breaking, "whole", 100)
        assert "time or an ETag" in refuse(f"{base}/in.jsonl", "--out", f"{tmp_path}/job/")
    finally:
        server.shutdown()
        server.server_close()
    assert "Cannot connect to host" in refuse(f"{base}/in.jsonl", "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_missing_package_and_an_unknown_protocol(
    refuse: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.jsonl").write_bytes(json_lines())
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    message = "expected the package s3fs for s3:// paths, found none; pip install s3fs"
    assert message in refuse("s3://bucket/in.jsonl", "--out", tmp_path / "out.jsonl")
    assert message in refuse(tmp_path / "in.jsonl", "--out", "s3://bucket/out.jsonl")
    assert "found 'carrier'; correct the URL" in refuse("carrier://pigeon/in.jsonl", "--out", tmp_path / "out.jsonl")


def test_passwords_in_urls_are_refused_without_being_repeated(refuse: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(json_lines())
    url = f"s3://key:{SECRET}@bucket"
    assert "expected no password in a URL, found one in s3://bucket/in.jsonl" in refuse(
        f"{url}/in.jsonl", "--out", tmp_path / "out.jsonl"
    )
    assert "expected no password" in refuse(tmp_path / "in.jsonl", "--out", f"{url}/out.jsonl")
    assert "found s3://bucket/job/" in refuse(tmp_path / "in.jsonl", "--out", f"{url}/job/")


def test_file_urls_are_local_paths(tocsin: Tocsin, refuse: Callable[..., str], tmp_path: Path) -> None:
    source = tmp_path / "вести 100%.jsonl"
    source.write_bytes(json_lines() + b"{broken\n")
    out = tmp_path / "out.jsonl"
    assert tocsin("score", source.as_uri(), "--out", out.as_uri())[0] == 3
    assert f"{source}:21" in (tmp_path / "out.dead.jsonl").read_text()
    assert tocsin("score", source.as_uri(), "--out", f"{tmp_path.as_uri()}/job/")[0] == 3
    assert tocsin("score", source, "--out", f"{tmp_path}/job/")[0] == 3
    assert tocsin("verify", tmp_path / "job")[0] == 0
    assert "found the host 'elsewhere'" in refuse("file://elsewhere/in.jsonl", "--out", tmp_path / "o.jsonl")


class Counting:
    """A file system of one file that notes how much is asked for."""

    protocol = "counting"

    def __init__(self, data: bytes) -> None:
        self.data, self.asked = data, list[int]()

    def unstrip_protocol(self, path: str) -> str:
        return f"counting://{path}"

    def open(self, path: str, mode: str, **options: object) -> io.BytesIO:
        stream = io.BytesIO(self.data)
        read = stream.read

        def counted(length: int = -1) -> bytes:
            self.asked.append(length)
            return read(length)

        stream.read = counted  # type: ignore[method-assign, assignment]
        return stream


def test_a_block_is_held_of_a_stream_and_a_part_of_a_parquet_file(tmp_path: Path) -> None:
    lines = Counting(json_lines(number=100_000))
    with RemotePath(lines, "in.jsonl", {"size": len(lines.data)}).open() as stream:
        assert stream.readline() == lines.data.splitlines(keepends=True)[0]
        assert lines.asked == [remote.BLOCK_BYTES]
        assert len(stream.read()) == len(lines.data) - len(lines.data.splitlines()[0]) - 1
    assert max(lines.asked) == remote.BLOCK_BYTES
    noise = [{"id": n, "text": str(n**400)} for n in range(8000)]
    pq.write_table(pa.Table.from_pylist(noise), tmp_path / "a.parquet", row_group_size=500, compression="none")
    table = Counting((tmp_path / "a.parquet").read_bytes())
    items = read_parquet(RemotePath(table, "a.parquet", {"size": len(table.data)}), Columns(), lambda _: None)
    next(items)
    assert sum(table.asked) < len(table.data) / 2
    assert 1 + sum(1 for _ in items) == 8000
    assert max(table.asked) <= remote.BLOCK_BYTES


def test_a_file_that_ends_early_is_no_end() -> None:
    with RemotePath(Counting(b"{}\n"), "in.jsonl", {"size": 30}).open() as stream:
        with pytest.raises(RemoteError, match="expected 30 bytes in counting://in.jsonl, found its end after 3"):
            stream.read()
