"""Splits, masks and near-copies: what keeps a number honest."""

from pathlib import Path

import pytest

from tocsin.model.labels import LABELS
from tocsin.training import mixture as mixtures
from tocsin.training.adapters import ADAPTERS
from tocsin.training.agreement import decided_labels, sentence_key
from tocsin.training.config import SourceConfig, TrainConfig
from tocsin.training.dedupe import near_copies
from tocsin.training.example import SPLITS, TEST, TRAIN, UNKNOWN, VALIDATION, Example, split_of, targets
from tocsin.training.mixture import build_mixture

CORPORA = Path(__file__).parents[2].parent / "shared" / "data"
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason=f"the public corpora are not at {CORPORA}")
TEST_ONLY_PARTS = {"polar": "test", "cameo": "test"}


def test_labels_that_a_corpus_does_not_decide_stay_unknown() -> None:
    assert targets(divisive=True, escalatory=None) == (1, UNKNOWN, UNKNOWN, UNKNOWN)
    with pytest.raises(ValueError, match="found 'toxic'"):
        targets(toxic=True)


def test_the_split_of_a_group_never_changes_and_has_its_share() -> None:
    splits = [split_of("corpus", str(number)) for number in range(4000)]
    assert splits == [split_of("corpus", str(number)) for number in range(4000)]
    assert 0.08 < splits.count(TEST) / 4000 < 0.12
    assert 0.08 < splits.count(VALIDATION) / 4000 < 0.12


def test_near_copies_are_found_across_scripts_and_small_changes() -> None:
    held_out = ["Načelnik opštine je rekao da će se razgovori o putu nastaviti u ponedeljak."]
    texts = [
        "Начелник општине је рекао да ће се разговори о путу наставити у понедељак!",
        "Načelnik opštine je juče rekao da će se razgovori o putu nastaviti u ponedeljak u 10.",
        "Gradonačelnik je rekao da puta neće biti.",
        "Rekao je da će se",
    ]
    assert near_copies(texts, held_out) == [True, True, False, False]


def example(text: str, split: str, group: str = "g") -> Example:
    return Example(text, "en", targets(divisive=True), "toy", group, split)


def test_the_mixture_drops_leaks_repeats_and_undecided_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "They should all leave this town before the winter comes, the post said."
    rows = [
        example(sentence, TEST),
        example(sentence + " Really.", VALIDATION),
        example(sentence + " Now!", TRAIN),
        example("Quite another sentence about the market in the square.", TRAIN),
        example("Quite another sentence about the market in the square.", TRAIN),
        Example("Nobody knows what this sentence means at all.", "en", targets(), "toy", "g", TRAIN),
        example(" ", TRAIN),
    ]
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(rows))
    mixture = build_mixture(TrainConfig(corpora="", sources={"toy": SourceConfig()}))
    assert (len(mixture.train), len(mixture.validation), len(mixture.test)) == (1, 0, 1)
    assert mixture.dropped == {
        "repeat": 1,
        "no label known": 1,
        "empty": 1,
        "validation row near a test row": 1,
        "training row near a held-out row": 1,
    }


def test_the_data_hash_changes_with_any_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter([example("One sentence about a bridge.", TRAIN)]))
    config = TrainConfig(corpora="", sources={"toy": SourceConfig()})
    first = build_mixture(config).sha256
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter([example("One sentence about a road.", TRAIN)]))
    assert build_mixture(config).sha256 != first


def test_the_regional_corpus_has_every_field_and_keeps_pairs_together() -> None:
    rows = list(ADAPTERS["tocsin-regional"](Path()))
    assert len(rows) > 5000
    splits: dict[str, set[str]] = {}
    for row in rows:
        assert row.split in SPLITS
        assert UNKNOWN not in row.targets
        splits.setdefault(row.group, set()).add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    for column in range(len(LABELS)):
        assert sum(row.targets[column] for row in rows) > 500


@needs_corpora
@pytest.mark.parametrize("name", sorted(set(ADAPTERS) - {"tocsin-regional"}))
def test_every_adapter_reads_its_corpus_and_divides_no_group(name: str) -> None:
    rows = list(ADAPTERS[name](CORPORA))
    decided = [row for row in rows if set(row.targets) != {UNKNOWN}]
    assert len(decided) > 300
    assert {row.split for row in decided} == set(SPLITS)
    assert all(len(row.targets) == len(LABELS) for row in rows)
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.group, set()).add(row.split)
    if name == "serbian-hate":  # machine-written paragraphs are moved to train as a whole
        assert all(len(found) == 1 for found in splits.values())
    divided = [group for group, found in splits.items() if len(found) > 1]
    assert name in {"polar", "gahd-de", "cameo", "checkthat-subjectivity"} or not divided


@needs_corpora
@pytest.mark.parametrize("name", ["parlasent-bcs", "regional-news-ud", "osce-trilingual"])
def test_annotated_sentences_are_found_in_their_corpus_and_decide_all_labels(name: str) -> None:
    rows = {sentence_key(row.text): row for row in ADAPTERS[name](CORPORA)}
    decided = {key: labels for (source, key), labels in decided_labels().items() if source == name}
    assert len(decided) > 300
    assert set(decided) <= set(rows)
    for key, labels in decided.items():
        assert rows[key].targets == targets(**{label: label in labels for label in LABELS})


def test_a_missing_corpus_says_where_it_was_expected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="serbian-hate.*set 'corpora'"):
        list(ADAPTERS["serbian-hate"](tmp_path))


def test_sources_are_read_in_the_order_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter([example("a", TRAIN)]))
    monkeypatch.setitem(ADAPTERS, "toy2", lambda root: iter([example("b", TRAIN)]))
    assert [row.text for row in mixtures.read_sources(["toy2", "toy"], Path())] == ["b", "a"]
