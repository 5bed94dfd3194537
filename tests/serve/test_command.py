"""tocsin score from the outside: what goes in, what comes out, and the exit status."""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.model import LABELS
from tocsin.serve.main import main

TEXT = "The minister said we will take it back by force. The city is calm today."
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run 'tocsin score' with the tiny model; the exit status and what was said on standard error."""

    def score(*arguments: str | Path) -> tuple[int, str]:
        status = main(["score", *map(str, arguments), "--model", str(tiny_checkpoint), "--device", "cpu"])
        return status, capsys.readouterr().err

    return score


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def dead(path: Path) -> list[dict[str, str]]:
    return read(path.with_name(path.stem + ".dead.jsonl"))


def test_a_record_has_the_fields_of_the_contract_and_carries_the_rest(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", {"id": 7, "text": TEXT, "title": "Talks", "outlet": "X", "model": "m"})
    status, _ = run(source, "--out", tmp_path / "out.jsonl")
    (record,) = read(tmp_path / "out.jsonl")
    assert status == 0
    assert list(record) == [
        "schema", "id", "language", "status", "flagged", "labels", "scores", "outlet_scores", "sentence_count",
        "sentences", "model", "outlet", "input_model",
    ]  # fmt: skip
    assert (record["schema"], record["id"], record["language"], record["status"]) == (1, 7, "en", "ok")
    assert list(record["scores"]) == list(record["outlet_scores"]) == list(LABELS)
    assert record["sentence_count"] == 3
    assert record["flagged"] is bool({"divisive", "escalatory", "manipulative"}.intersection(record["labels"]))
    assert not (tmp_path / "out.dead.jsonl").exists()
    for sentence in record["sentences"]:
        assert sentence["labels"]
        assert sentence["where"] in ("title", "text")


def test_all_sentences_are_listed_on_request_and_slice_out_of_the_original(run: Run, tmp_path: Path) -> None:
    text = "\u200bТо је <b>крај</b>.\n\nМинистар је рекао: „Нећемо стати. Никада.“"
    source = write_lines(tmp_path / "in.jsonl", {"text": text})
    run(source, "--out", tmp_path / "out.jsonl", "--all-sentences", "--threshold", "divisive=0.99")
    (record,) = read(tmp_path / "out.jsonl")
    slices = [text[sentence["start"] : sentence["end"]] for sentence in record["sentences"]]
    assert slices == ["\u200bТо је <b>крај</b>.", "Министар је рекао: „Нећемо стати.", "Никада.“"]
    assert record["language"] == "hbs-Cyrl"
    assert record["id"] == f"{source}:1"


def test_records_leave_in_the_order_in_which_they_came(run: Run, tmp_path: Path) -> None:
    rows = [{"id": n, "text": TEXT * (1 + n % 5), "language": "en"} for n in range(60)]
    source = write_lines(tmp_path / "in.jsonl", *rows)
    assert run(source, "--out", tmp_path / "out.jsonl")[0] == 0
    assert [record["id"] for record in read(tmp_path / "out.jsonl")] == list(range(60))


BAD_LINES = [
    ('{"id": "x", "text": "unfinished', "expected a JSON object"),
    ("[1, 2]", "expected a JSON object, found list"),
    ('{"id": "x"}', "expected a field 'text', found ['id']"),
    ('{"text": null}', "expected a string in 'text', found null"),
    ('{"text": 5}', "expected a string in 'text', found int"),
    ('{"text": "a", "id": true}', "expected a string or an integer in 'id', found bool"),
    ('{"text": "a", "id": 1.5}', "expected a string or an integer in 'id', found float"),
    ('{"text": "a", "title": 3}', "expected a string in 'title', found int"),
    ('{"text": "a", "language": ["en"]}', "expected a string in 'language', found list"),
    ('{"text": "a", "score": NaN}', "NaN, which JSON does not have"),
    ("[" * 100_000, "expected "),
    ('{"id": "first", "text": "again"}', "expected a new id, found 'first' again (first at "),
]


@pytest.mark.parametrize("line, reason", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_is_a_dead_letter_and_its_neighbours_are_scored(
    run: Run, tmp_path: Path, line: str, reason: str
) -> None:
    source = write_lines(tmp_path / "in.jsonl", {"id": "first", "text": TEXT}, line, {"id": "last", "text": TEXT})
    status, said = run(source, "--out", tmp_path / "out.jsonl")
    (letter,) = dead(tmp_path / "out.jsonl")
    assert status == 3
    assert [record["id"] for record in read(tmp_path / "out.jsonl")] == ["first", "last"]
    assert letter["place"] == f"{source}:2"
    assert reason in letter["reason"]
    assert letter["raw"] == line
    assert "2 records scored" in said
    assert "1 dead letters" in said
    assert "Traceback" not in said


def test_broken_line_seventeen_is_named(run: Run, tmp_path: Path) -> None:
    rows: list[object] = [{"text": TEXT} for _ in range(20)]
    rows[16] = "{broken"
    run(write_lines(tmp_path / "in.jsonl", *rows), "--out", tmp_path / "out.jsonl")
    assert [letter["place"].rsplit(":", 1)[1] for letter in dead(tmp_path / "out.jsonl")] == ["17"]
    assert len(read(tmp_path / "out.jsonl")) == 19


def test_bytes_that_are_not_utf8_are_a_dead_letter(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'\xef\xbb\xbf{"text": "The city is calm."}\n{"text": "Ni\xb9"}\n')
    assert run(source, "--out", tmp_path / "out.jsonl")[0] == 3
    assert len(read(tmp_path / "out.jsonl")) == 1
    assert dead(tmp_path / "out.jsonl")[0]["reason"] == "expected UTF-8, found byte 0xb9 at 12"


def test_lone_surrogates_and_nul_bytes_do_no_harm(run: Run, tmp_path: Path) -> None:
    line = '{"text": "The city \\ud800 is calm.", "note": "\\udfff\\u0000", "tags": ["\\ud800"], "\\ud801": 1}'
    source = write_lines(tmp_path / "in.jsonl", line)
    assert run(source, "--out", tmp_path / "out.jsonl")[0] == 0
    assert read(tmp_path / "out.jsonl")[0]["note"] == "\udfff\x00"
    assert run(source, "--out", tmp_path / "out.parquet")[0] == 0


@pytest.mark.parametrize(
    "text, status, flagged",
    [
        ("😀😀😀", "empty", False),
        ("", "empty", False),
        ("Le maire a dit que tout va bien ici.", "unsupported_language", None),
    ],
)
def test_what_is_not_scored_says_so(run: Run, tmp_path: Path, text: str, status: str, flagged: bool | None) -> None:
    source = write_lines(tmp_path / "in.jsonl", {"text": text})
    assert run(source, "--out", tmp_path / "out.jsonl")[0] == 0
    (record,) = read(tmp_path / "out.jsonl")
    assert (record["status"], record["flagged"], record["scores"], record["sentences"]) == (status, flagged, None, [])


def test_any_language_scores_what_would_be_abstained_from(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", {"text": "Le maire a dit que tout va bien ici.", "language": "fr"})
    run(source, "--out", tmp_path / "out.jsonl", "--any-language")
    assert [(record["language"], record["status"]) for record in read(tmp_path / "out.jsonl")] == [("fr", "ok")]


def test_every_format_gives_the_same_scores(run: Run, tmp_path: Path) -> None:
    rows = [{"id": f"n{n}", "text": f'He said: "{TEXT}",\nthen {n}', "outlet": "X, Y"} for n in range(3)]
    write_lines(tmp_path / "a.jsonl", *rows)
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write((tmp_path / "a.jsonl").read_text(encoding="utf-8"))
    quoted = ['"{}"'.format(row["text"].replace('"', '""')) for row in rows]
    for name, separator in (("c.csv", ","), ("d.tsv", "\t")):
        lines = [separator.join(["id", "text", "outlet"])]
        lines += [separator.join([row["id"], text, '"X, Y"']) for row, text in zip(rows, quoted, strict=True)]
        (tmp_path / name).write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8", newline="")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    results = []
    for name in ("a.jsonl", "b.jsonl.gz", "c.csv", "d.tsv", "e.parquet"):
        assert run(tmp_path / name, "--out", tmp_path / f"out-{name}.jsonl")[0] == 0, name
        results.append(read(tmp_path / f"out-{name}.jsonl"))
    assert all(result == results[0] for result in results[1:])
    assert results[0][2]["outlet"] == "X, Y"


def test_text_files_folders_and_patterns_are_read_in_order_and_once(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "articles" / "deep"
    folder.mkdir(parents=True)
    (folder / "b.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "articles" / "a.txt").write_text(TEXT, encoding="utf-8-sig")
    (tmp_path / "articles" / "notes.pdf").write_bytes(b"%PDF")
    assert run(tmp_path / "articles", tmp_path / "articles" / "*.txt", "--out", tmp_path / "out.jsonl")[0] == 0
    assert [record["id"] for record in read(tmp_path / "out.jsonl")] == [
        str(tmp_path / "articles" / "a.txt"),
        str(folder / "b.txt"),
    ]


def test_standard_input_to_standard_output(
    run: Run, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = json.dumps({"id": 1, "text": TEXT}) + "\nnonsense\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    status = main(["score", "-", "--out", "-", "--model", str(tiny_checkpoint)])
    captured = capsys.readouterr()
    assert status == 3
    assert [json.loads(line)["id"] for line in captured.out.splitlines()] == [1]
    assert json.loads(captured.err.splitlines()[0])["place"] == "<stdin>:2"


def test_columns_can_be_named(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", {"body": TEXT, "key": "k1", "text": "carried", "id": 9})
    run(source, "--out", tmp_path / "out.jsonl", "--text-column", "body", "--id-column", "key")
    (record,) = read(tmp_path / "out.jsonl")
    assert (record["id"], record["text"], record["input_id"]) == ("k1", "carried", 9)


def test_csv_rows_of_the_wrong_width_and_encoding_are_dead_letters(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(f"id,text\n1,{TEXT}\n2\n3,a,b\n4,Ni\xb9\n,{TEXT}\n".encode("latin-1"))
    assert run(source, "--out", tmp_path / "out.jsonl")[0] == 3
    assert [letter["reason"] for letter in dead(tmp_path / "out.jsonl")] == [
        "expected 2 fields, found 1",
        "expected 2 fields, found 3",
        "expected UTF-8, found bytes of another encoding",
    ]
    assert [record["id"] for record in read(tmp_path / "out.jsonl")] == ["1", f"{source}:6"]


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".csv.gz"])
def test_a_torn_gzip_stream_is_reported_and_what_was_read_is_kept(run: Run, tmp_path: Path, suffix: str) -> None:
    noise = random.Random(0)
    texts = [f"Talks go on. {noise.getrandbits(2048):x}" for _ in range(300)]  # digits that do not compress away
    rows = "\n".join(json.dumps({"text": text}) if "jsonl" in suffix else text for text in texts)
    data = gzip.compress(("" if "jsonl" in suffix else "text\n").encode() + rows.encode())
    source = tmp_path / f"in{suffix}"
    source.write_bytes(data[: len(data) - 2000])
    status, said = run(source, "--out", tmp_path / "out.jsonl")
    assert status == 3
    assert 200 < len(read(tmp_path / "out.jsonl")) < 300
    assert "torn" in dead(tmp_path / "out.jsonl")[-1]["reason"]
    assert "Traceback" not in said


def test_limit_stops_early(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", *[{"text": TEXT}] * 5)
    run(source, "--out", tmp_path / "out.jsonl", "--limit", "2")
    assert len(read(tmp_path / "out.jsonl")) == 2


def test_parquet_out_holds_the_same_records_with_types(run: Run, tmp_path: Path) -> None:
    rows = [
        {"id": 1, "text": TEXT, "n": 3, "mixed": 1, "tags": ["a"]},
        {"id": 2, "text": "😀", "n": None, "mixed": "x", "late": True},
    ]
    source = write_lines(tmp_path / "in.jsonl", *rows)
    run(source, "--out", tmp_path / "out.jsonl")
    run(source, "--out", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    first, second = table.to_pylist()
    expected = read(tmp_path / "out.jsonl")
    for name in ("id", "scores", "outlet_scores", "sentences", "labels", "flagged", "status", "language"):
        assert [first[name], second[name]] == [expected[0][name], expected[1][name]]
    assert table.schema.field("id").type == pa.int64()
    assert (first["n"], second["n"], first["mixed"], second["mixed"]) == (3, None, "1", '"x"')
    assert (first["tags"], second["late"]) == ('["a"]', True)


def test_an_output_is_only_replaced_when_asked(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", {"text": TEXT}, "{broken")
    out = tmp_path / "out.jsonl"
    assert run(source, "--out", out)[0] == 3
    before = out.read_bytes()
    status, said = run(source, "--out", out)
    assert (status, said.count("\n")) == (1, 1)
    assert "pass --overwrite" in said
    assert out.read_bytes() == before
    clean = write_lines(tmp_path / "clean.jsonl", {"text": TEXT})
    assert run(clean, "--out", out, "--overwrite")[0] == 0
    assert not (tmp_path / "out.dead.jsonl").exists()  # an old dead-letter file does not outlive its run
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean.jsonl", "in.jsonl", "out.jsonl"]


def test_results_are_readable_by_others_and_writable_by_the_owner_only(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", {"text": TEXT})
    for name in ("out.jsonl", "out.parquet"):
        run(source, "--out", tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o644
