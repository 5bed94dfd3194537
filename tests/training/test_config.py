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
        ("corpora = '.'\n[sources.polar]\n[typo]", r"found \['typo'\]"),
        ("epochs = 1", "expected tables"),
        ("corpora = '.'\n[sources.nothing]", "found \\['nothing'\\]"),
        ("corpora = '.'\n[sources.polar]\nrows = 3", r"in \[sources.polar\] of .*found \['rows'\]"),
        ("corpora = '.'\n[sources.polar]\nrepeat = 0", "at least 1, found 0"),
        ("[sources.polar]\nfraction = 0.0", "expected fraction above 0"),
        ("corpora = '.'\nepochs = 0\n[sources.polar]", "expected epochs of at least 1, found 0"),
        ("corpora = '.'\ndropout = 1.5\n[sources.polar]", "expected dropout from 0 to below 1, found 1.5"),
        ("epochs = 'many'\n[sources.polar]", "expected int for epochs"),
        ("dropout = 'much'\n[sources.polar]", "expected float for dropout"),
        ("labels = ['a b']\n[sources.polar]", "distinct words"),
        ("method = 'magic'\n[sources.polar]", "expected method 'lora' or 'full'"),
        ("report_to = ['fax']\n[sources.polar]", "expected report_to among"),
        ("[sources.polar]\n[augmentation]\nquotes = 2.0", "augmentation.quotes from 0 to below 1"),
        ("[sources.polar]\n[label_weights]\ntoxic = 2.0", r"found \['toxic'\]"),
        ("corpora = ", "expected TOML"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config(path)


def test_overrides_change_values_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("epochs = 3\n[sources.polar]\nmax_rows = 5\n")
    config = load_config(path, ["epochs=1", "sources.polar.max_rows=9", "sources.mine.path=a.csv", "method=full"])
    assert (config.epochs, config.sources["polar"].max_rows, config.method) == (1, 9, "full")
    assert config.sources["mine"].path == str((tmp_path / "a.csv").resolve())
    for wrong in ("epochs", "epoch=1", "epochs.x=1"):
        with pytest.raises(ValueError, match="expected"):
            load_config(path, [wrong])


def test_saved_values_name_no_folder_of_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("start_from = 'runs/first'\n[sources.mine]\npath = 'a.csv'\n")
    assert str(tmp_path) not in str(load_config(path).as_dict())


def test_a_missing_configuration_points_at_the_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="see training/default.toml"):
        load_config(tmp_path / "none.toml")
