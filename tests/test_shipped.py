"""What ships: weights that find most of what the examples hold, documents that agree with the code."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import nbformat
import pytest
from nbclient import NotebookClient

from tocsin.model import FLAGGING, RhetoricClassifier
from tocsin.serve.main import cli

ROOT = Path(__file__).parents[1]
MAX_WEIGHT_BYTES = 25_000_000


@pytest.fixture(scope="module")
def shipped() -> RhetoricClassifier:
    return RhetoricClassifier.from_pretrained("default")


@pytest.fixture(scope="module")
def found(shipped: RhetoricClassifier) -> dict[str, dict[str, set[str]]]:
    """Sentences of each example: all, those that carry a flagging label, and those that are conciliatory."""
    results = {}
    for line in (ROOT / "examples/articles.jsonl").open(encoding="utf-8"):
        article = json.loads(line)
        score = shipped.score(article["text"], title=article["title"], language=article.get("language"))
        slices = [
            (article[s.sentence.where][s.sentence.start : s.sentence.end], set(s.labels)) for s in score.sentences
        ]
        results[article["id"]] = {
            "all": {text for text, _ in slices},
            "inflammatory": {text for text, labels in slices if labels & FLAGGING},
            "conciliatory": {text for text, labels in slices if "conciliatory" in labels},
        }
    return results


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, list[str]]]:
    values: dict[str, dict[str, list[str]]] = json.loads((ROOT / "examples/expected.json").read_text(encoding="utf-8"))
    return values


def test_every_sentence_a_reader_marked_is_a_sentence_for_the_model(
    found: dict[str, dict[str, set[str]]], expected: dict[str, dict[str, list[str]]]
) -> None:
    for key, value in expected.items():
        for kind in ("inflammatory", "conciliatory"):
            assert set(value[kind]) <= found[key]["all"], key


def test_most_inflammatory_and_calming_examples_are_found(
    found: dict[str, dict[str, set[str]]], expected: dict[str, dict[str, list[str]]]
) -> None:
    for kind, least in (("inflammatory", 0.7), ("conciliatory", 0.9)):
        wanted = [(key, text) for key, value in expected.items() for text in value[kind]]
        hits = [text in found[key][kind] for key, text in wanted]
        assert len(hits) >= 20
        assert sum(hits) / len(hits) > least, kind


def flagged_calm_articles(
    found: dict[str, dict[str, set[str]]], expected: dict[str, dict[str, list[str]]]
) -> tuple[int, int]:
    calm = [key for key, value in expected.items() if not value["inflammatory"]]
    return sum(bool(found[key]["inflammatory"]) for key in calm), len(calm)


def test_calm_examples_stay_calm(
    found: dict[str, dict[str, set[str]]], expected: dict[str, dict[str, list[str]]]
) -> None:
    flagged, calm = flagged_calm_articles(found, expected)
    assert flagged <= calm // 8


def test_no_more_calm_examples_are_flagged_than_the_readme_says(
    found: dict[str, dict[str, set[str]]], expected: dict[str, dict[str, list[str]]]
) -> None:
    flagged, calm = flagged_calm_articles(found, expected)
    assert calm >= 12
    assert f"{flagged} of {calm} calm articles are flagged" in " ".join((ROOT / "README.md").read_text().split())


def test_the_shipped_weights_are_small_and_made_on_the_shipped_base(shipped: RhetoricClassifier) -> None:
    folder = ROOT / "model" / "default"
    assert sum(path.stat().st_size for path in folder.iterdir()) < MAX_WEIGHT_BYTES
    assert shipped.description.base == "multilingual-e5-small"
    assert shipped.model_id.startswith("default@")
    assert not any("/" in str(value) for value in shipped.description.training.values() if isinstance(value, str))


def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(ast.parse(block), "README.md", "exec"), {})  # noqa: S102 - our own README
    assert "poručio je načelnik opštine" in capsys.readouterr().out


@pytest.mark.timeout(400)
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebooks_run_and_carry_no_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    assert not any(re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE) for cell in cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()


def test_every_file_of_the_tree_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for folder in ("model", "serve", "training", "training/adapters"):
        for path in (ROOT / folder).glob("*.py"):
            if path.name != "__init__.py":
                assert path.name in readme, path


def test_every_command_has_help_and_none_imports_a_model_for_it() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help
    code = "import sys; from tocsin.serve.main import main; main(['--help']); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0  # noqa: S603


def test_packages_import_in_one_direction() -> None:
    banned = {
        "model": ("tocsin.serve", "tocsin.training"),
        "serve": ("tocsin.training",),
        "training": ("tocsin.serve",),
    }
    for folder, others in banned.items():
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not any(other in text for other in others), path
