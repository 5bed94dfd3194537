"""A configuration is checked before anything is read."""

from pathlib import Path

import pytest

from tocsin.training.config import load_config

SHIPPED = sorted((Path(__file__).parents[2] / "training").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configurations_load(path: Path) -> None:
    config = load_config(path)
    assert Path(config.corpora).is_absolute()
    assert config.as_dict()["seed"] == config.seed


@pytest.mark.parametrize(
    "text, message",
    [
        ("corpora = '.'\n[sources.polar]\n[typo]", "unknown: \\['typo'\\]"),
        ("epochs = 1", "missing: \\['corpora', 'sources'\\]"),
        ("corpora = '.'\n[sources.nothing]", "found \\['nothing'\\]"),
        ("corpora = '.'\n[sources.polar]\nrows = 3", "expected tables"),
        ("corpora = '.'\n[sources.polar]\nrepeat = 0", "at least 1, found 0"),
        ("corpora = '.'\nepochs = 0\n[sources.polar]", "expected epochs of at least 1, found 0"),
        ("corpora = '.'\ndropout = 1.5\n[sources.polar]", "expected dropout between 0 and 1, found 1.5"),
        ("corpora = ", "expected TOML"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config(path)


def test_a_missing_configuration_points_at_the_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="see training/default.toml"):
        load_config(tmp_path / "none.toml")
