"""From a CSV to a model card with the commands of the README, in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tocsin.model.checkpoint import read_description
from tocsin.serve.main import main
from tocsin.training.card import model_card, trained_on

HOT = ("We will drive them out of the valley", "They are vermin and must go", "Take the town back by force")
CALM = ("The council met about the valley road", "They repaired the old bridge", "The town opened a library")


@pytest.fixture(scope="module")
def project(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV and a configuration as a researcher would write them, and a trained checkpoint in ``out``."""
    folder = tmp_path_factory.mktemp("project")
    lines = ["text,labels,split,lang,group"]
    for split, count in (("train", 40), ("validation", 40), ("test", 40)):
        for number in range(count):
            text = (HOT if number % 2 else CALM)[number % 3]
            own = " ".join(f"{split}{number}x{part}" for part in range(12))  # so that no row is a near-copy of another
            lines.append(f"{text} {own},{'divisive' if number % 2 else ''},{split},en,{split}-{number}")
    (folder / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "mine.toml").write_text(
        f'base = "{tiny_base}"\nlabels = ["divisive"]\nepochs = 2\nlora_rank = 4\nlora_alpha = 8.0\n'
        'learning_rate = 1e-2\nbatch_rows = 8\n[sources.mine]\npath = "mine.csv"\nrepeat = 3\n',
        encoding="utf-8",
    )
    assert main(["train", str(folder / "mine.toml"), "--out", str(folder / "out"), "--device", "cpu"]) == 0
    return folder


def test_a_csv_trains_is_measured_and_gets_a_card(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, out = str(project / "mine.toml"), str(project / "out")
    assert read_description(project / "out").labels == ("divisive",)
    saved = json.loads((project / "out" / "config.json").read_text())
    assert saved["sources"]["mine"]["repeat"] == 3
    for split in ("validation", "test"):
        assert main(["evaluate", out, config, "--out", str(project / f"{split}.json"), "--split", split]) == 0
    assert "macro-F1 of 1 labels" in capsys.readouterr().out
    metrics = json.loads((project / "test.json").read_text())["metrics"]
    assert metrics["mine/all/divisive/rows"] == 40
    assert metrics["baseline/mine/all/divisive/f1"] > 0.9  # n-grams read the words
    assert "<svg" in (project / "test.html").read_text(encoding="utf-8")
    assert main(["card", out, str(project / "validation.json"), str(project / "test.json")]) == 0
    card = (project / "out" / "README.md").read_text(encoding="utf-8")
    assert "### test" in card
    assert f"| mine | divisive | 40 | 20 | {metrics['mine/all/divisive/precision']:.2f} |" in card
    assert "a file of its own" in card


def test_a_card_names_the_data_of_every_stage_and_what_is_known_to_fail(project: Path) -> None:
    folder = project / "out"
    values = json.loads((folder / "tocsin.json").read_text())
    assert trained_on(values["training"]) == {"mine"}
    assert trained_on({"sources": {"a": {}}, "parent": {"sources": {"b": {}}, "parent": None}}) == {"a", "b"}
    (folder / "known_failures.md").write_text("It takes irony at its word.")
    description = read_description(folder)
    assert "It takes irony at its word." in model_card(folder, description, [])
    (folder / "known_failures.md").unlink()
    assert "Known failures" not in model_card(folder, description, [])


def test_a_card_of_another_model_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = project / "other.json"
    report.write_text(json.dumps({"model": "default@00000000", "facts": {}, "metrics": {}}))
    assert main(["card", str(project / "out"), str(report)]) == 1
    assert "evaluate again" in capsys.readouterr().err
    report.write_text("[]")
    assert main(["card", str(project / "out"), str(report)]) == 1
    assert "expected a report" in capsys.readouterr().err


def test_a_model_is_compared_with_itself_and_a_file_can_be_measured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, data = str(project / "out"), str(project / "mine.csv")
    assert main(["compare", out, out, data, "--split", "test", "--out", str(project / "same.json")]) == 0
    assert "+0.000 [+0.000, +0.000], p=1.000" in capsys.readouterr().out
    assert json.loads((project / "same.json").read_text())["metrics"]["macro/difference"] == 0.0
    assert main(["evaluate", out, data, "--out", str(project / "file.json"), "--split", "test"]) == 0
    assert json.loads((project / "file.json").read_text())["metrics"]["mine/all/divisive/rows"] == 40
    assert main(["evaluate", out, data, "--out", str(project / "none" / "file.json")]) == 1
    assert "expected the folder" in capsys.readouterr().err


def test_the_data_are_built_counted_and_checked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(project / "mine.toml")
    assert main(["data", "build", config]) == 0
    assert "rows: train 40, validation 40, test 40" in capsys.readouterr().out
    assert main(["data", "stats", config, "--card", str(project / "data.md")]) == 0
    assert "    20 / 40" in capsys.readouterr().out
    assert "| mine | not stated: your own file | columns of the file |" in (project / "data.md").read_text()
    assert main(["data", "check", config]) == 0
    assert "label co-occurrence" in capsys.readouterr().out
    (project / "one.csv").write_text("text,labels,split\nOnly one kind of row here.,divisive,train\n")
    (project / "one.toml").write_text('labels = ["divisive"]\n[sources.one]\npath = "one.csv"\n')
    assert main(["data", "check", str(project / "one.toml")]) == 1
    assert "found one kind only" in capsys.readouterr().err


def test_an_annotation_round_trains_the_next_model(project: Path) -> None:
    tasks = project / "tasks.json"
    arguments = [
        "data",
        "export",
        str(project / "out"),
        str(project / "mine.csv"),
        "--out",
        str(tasks),
        "--limit",
        "30",
    ]
    assert main(arguments) == 0
    assert "Choice" in tasks.with_suffix(".xml").read_text()
    exported = json.loads(tasks.read_text(encoding="utf-8"))
    assert len(exported) == 30
    for task in exported:  # the annotator corrects every prediction
        hot = any(task["data"]["text"].startswith(text) for text in HOT)
        choices = {"choices": ["divisive"] if hot else []}
        task["annotations"] = [{"result": [task["predictions"][0]["result"][0] | {"value": choices}]}]
    (project / "annotated.json").write_text(json.dumps(exported), encoding="utf-8")
    second = ["train", str(project / "mine.toml"), "--out", str(project / "second"), "--device", "cpu"]
    assert main([*second, "--set", "sources.round.path=annotated.json", "--set", "epochs=1"]) == 0
    assert set(read_description(project / "second").training["sources"]) == {"mine", "round"}


def test_what_was_trained_scores(project: Path) -> None:
    articles = project / "articles.jsonl"
    articles.write_text(
        '{"id": "a", "text": "They are vermin and must go. The town opened a library.", "language": "en"}\n'
    )
    for name in ("scored.jsonl", "scored.parquet"):
        assert main(["score", str(articles), "--out", str(project / name), "--model", str(project / "out")]) == 0
    record = json.loads((project / "scored.jsonl").read_text())
    assert list(record["scores"]) == ["divisive"]


def test_a_folder_with_a_checkpoint_is_not_overwritten_in_silence(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(project / "mine.toml"), "--out", str(project / "out")]) == 1
    assert "pass --overwrite" in capsys.readouterr().err
