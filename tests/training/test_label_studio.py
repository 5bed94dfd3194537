"""Sentences go out with predictions, come back annotated, and train."""

import json
from pathlib import Path
from xml.etree import ElementTree  # of our own output

import numpy as np
import pytest

from tocsin.model import LABELS
from tocsin.training.label_studio import DISAGREEING, UNCERTAIN, interface, is_export, make_tasks, ranking
from tocsin.training.labelled_files import read_labelled, read_texts

THRESHOLDS = {"divisive": 0.5, "escalatory": 0.2, "manipulative": 0.5, "conciliatory": 0.5}


def test_the_most_uncertain_sentence_is_closest_to_a_threshold() -> None:
    scores = np.array([[0.01, 0.01, 0.01, 0.99], [0.01, 0.21, 0.01, 0.99], [0.4, 0.01, 0.01, 0.01]])
    assert ranking(scores, THRESHOLDS, UNCERTAIN) == [1, 2, 0]


def test_the_most_disputed_sentence_is_where_two_models_differ() -> None:
    one, other = np.full((3, 4), 0.5), np.full((3, 4), 0.5)
    other[2, 3], other[0, 1] = 0.9, 0.6
    assert ranking(one, THRESHOLDS, DISAGREEING, other=other) == [2, 0, 1]
    with pytest.raises(ValueError, match="pass --against"):
        ranking(one, THRESHOLDS, DISAGREEING)
    with pytest.raises(ValueError, match="found 'loud'"):
        ranking(one, THRESHOLDS, "loud")


def test_the_interface_offers_every_label_and_fits_the_tasks() -> None:
    view = ElementTree.fromstring(interface(LABELS))  # noqa: S314 - our own output
    choices = view.find("Choices")
    assert choices is not None
    assert [choice.get("value") for choice in choices] == list(LABELS)
    assert choices.get("choice") == "multiple"
    task = make_tasks([{"text": "a", "lang": "en", "kind": ""}], np.array([[0.9, 0.3, 0.1, 0.1]]), THRESHOLDS, "m@1")[0]
    result = task["predictions"][0]["result"][0]
    assert (result["from_name"], result["to_name"]) == (choices.get("name"), choices.get("toName"))
    assert result["value"]["choices"] == ["divisive", "escalatory"]
    assert task["data"] == {
        "text": "a", "lang": "en",
        "scores": {"divisive": 0.9, "escalatory": 0.3, "manipulative": 0.1, "conciliatory": 0.1},
    }  # fmt: skip


def test_annotations_come_back_as_examples(tmp_path: Path) -> None:
    rows = [{"text": f"Sentence number {n} of the day.", "lang": "mk", "group": f"g{n}"} for n in range(4)]
    tasks = make_tasks(rows, np.full((4, 4), 0.5), THRESHOLDS, "m@1")
    choice = {"from_name": "labels", "to_name": "text", "type": "choices"}
    exported = [
        tasks[0] | {"annotations": [{"result": [choice | {"value": {"choices": ["divisive", "escalatory"]}}]}]},
        tasks[1] | {"annotations": [{"result": []}]},
        tasks[2]
        | {"annotations": [{"was_cancelled": True, "result": [choice | {"value": {"choices": ["divisive"]}}]}]},
        tasks[3] | {"annotations": []},
    ]
    assert is_export(exported)
    path = tmp_path / "export.json"
    path.write_text(json.dumps(exported), encoding="utf-8")
    examples = list(read_labelled(path, LABELS, source="mine"))
    assert [example.group for example in examples] == ["g0", "g1"]
    assert examples[0].lang == "mk"
    assert examples[0].targets == {"divisive": 1, "escalatory": 1, "manipulative": 0, "conciliatory": 0}
    assert examples[1].targets == dict.fromkeys(LABELS, 0)


def write(path: Path, kind: str) -> Path:
    rows = [
        {"text": "They must go, all of them.", "labels": ["divisive"], "lang": "en", "split": "train"},
        {"text": "Razgovori su nastavljeni.", "labels": [], "lang": "hr", "split": "test"},
    ]
    target = path / f"rows.{kind}"
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), target)
    elif kind in ("jsonl", "json"):
        text = json.dumps(rows) if kind == "json" else "\n".join(map(json.dumps, rows))
        target.write_text(text, encoding="utf-8")
    else:
        mark = "\t" if kind == "tsv" else ","
        lines = [mark.join(rows[0])]
        lines += [
            mark.join([f'"{row["text"]}"', ";".join(row["labels"]), str(row["lang"]), str(row["split"])])
            for row in rows
        ]
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_every_format_gives_the_same_examples(tmp_path: Path, kind: str) -> None:
    first, second = read_labelled(write(tmp_path, kind), LABELS, source="mine")
    assert first.text == "They must go, all of them."
    assert first.targets == {"divisive": 1, "escalatory": 0, "manipulative": 0, "conciliatory": 0}
    assert (second.lang, second.split, second.targets["divisive"]) == ("hr", "test", 0)


def test_a_column_a_label_knows_what_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "text,divisive,escalatory\nPrva rečenica je ovdje.,1,\nDruga rečenica je ovdje.,,0\n", encoding="utf-8"
    )
    first, second = read_labelled(path, LABELS, source="mine")
    assert first.targets == {"divisive": 1}
    assert second.targets == {"escalatory": 0}
    assert first.lang == "hbs-Latn"


@pytest.mark.parametrize(
    "text, message",
    [
        ("words,labels\na,divisive\n", "expected text in the column 'text'"),
        ("text,labels\na,toxic\n", "row 1: expected labels among .*found 'toxic'"),
        ("text,mood\na,3\n", "expected a column 'labels'"),
        ("text,divisive\na,maybe\n", "expected 1, 0 or nothing in the column 'divisive', found 'maybe'"),
        ("text,labels,split\na,divisive,dev\n", "expected split to be one of"),
        ("text,labels\na,divisive,escalatory\n", "expected as many cells as columns"),
        ("text,labels\na\n", "expected as many cells as columns"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        list(read_labelled(path, LABELS, source="mine"))


def test_a_missing_file_and_an_unknown_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="correct its path"):
        list(read_labelled(tmp_path / "none.csv", LABELS, source="mine"))
    (tmp_path / "rows.xlsx").write_text("x")
    with pytest.raises(ValueError, match="expected a file that ends in"):
        list(read_labelled(tmp_path / "rows.xlsx", LABELS, source="mine"))
    (tmp_path / "empty.csv").write_text("text\n")
    with pytest.raises(ValueError, match="expected rows with text"):
        read_texts(tmp_path / "empty.csv")
