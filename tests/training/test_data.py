"""Splits, masks and near-copies: what keeps a number honest."""

from pathlib import Path

import pytest

from tocsin.model.labels import LABELS
from tocsin.training import mixture as mixtures
from tocsin.training.adapters import ADAPTERS
from tocsin.training.agreement import decided_labels, sentence_key
from tocsin.training.config import SourceConfig, TrainConfig
from tocsin.training.dedupe import near_copies
from tocsin.training.example import SPLITS, TEST, TRAIN, VALIDATION, Example, split_of, targets
from tocsin.training.mixture import LeakError, build_mixture, check_leaks

CORPORA = Path(__file__).parents[2].parent / "shared" / "data"
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason=f"the public corpora are not at {CORPORA}")
TEST_ONLY = {"openai-moderation", "petrarch-gsr"}  # as their authors ask


def test_labels_that_a_corpus_does_not_decide_stay_unknown() -> None:
    assert targets(divisive=True, escalatory=None) == {"divisive": 1}
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


def example(text: str, split: str, group: str = "") -> Example:
    return Example(text, "en", "toy", group or text, split, targets(divisive=True))


def test_the_mixture_drops_leaks_repeats_and_undecided_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "They should all leave this town before the winter comes, the post said."
    rows = [
        example(sentence, TEST),
        example(sentence + " Really.", VALIDATION),
        example(sentence + " Now!", TRAIN),
        example("Quite another sentence about the market in the square.", TRAIN),
        example("Quite another sentence about the market in the square.", TRAIN),
        Example("Nobody knows what this sentence means at all.", "en", "toy", "g", TRAIN),
        example(" ", TRAIN),
    ]
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(rows))
    mixture = build_mixture(TrainConfig(sources={"toy": SourceConfig()}), cache=False)
    assert (len(mixture.train), len(mixture.validation), len(mixture.test)) == (1, 0, 1)
    assert mixture.dropped == {
        "repeat": 1,
        "no label known": 1,
        "empty": 1,
        "validation row near a test row": 1,
        "training row near a held-out row": 1,
        "row of a group in a later split": 0,
        "training row near an earlier one": 0,
    }


def test_the_build_fails_at_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "They should all leave this town before the winter comes, the post said."
    near = {TRAIN: [example(sentence + " Now!", TRAIN)], VALIDATION: [], TEST: [example(sentence, TEST)]}
    with pytest.raises(LeakError, match="no near-copies across splits"):
        check_leaks(near)
    divided = {TRAIN: [example("One about a bridge.", TRAIN, "g")], VALIDATION: [], TEST: [example("Two.", TEST, "g")]}
    with pytest.raises(LeakError, match="'g' of toy in train and test"):
        check_leaks(divided)
    rows = [example(sentence, TEST), example(sentence + " Now!", TRAIN)]
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(rows))
    monkeypatch.setattr(mixtures, "_without", lambda rows, held_out, reason, dropped: rows)
    with pytest.raises(LeakError):
        build_mixture(TrainConfig(sources={"toy": SourceConfig()}), cache=False)


def test_a_contrastive_pair_divided_by_its_corpus_stays_out_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [example("A sentence about a bridge.", TRAIN, "g"), example("Another about a road in town.", TEST, "g")]
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(rows))
    mixture = build_mixture(TrainConfig(sources={"toy": SourceConfig()}), cache=False)
    assert (len(mixture.train), len(mixture.test)) == (0, 1)


def test_near_copies_within_training_are_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "They should all leave this town before the winter comes, the post said."
    rows = [
        example(sentence, TRAIN, "a"),
        example(sentence + " Now!", TRAIN, "b"),
        example(sentence + " So.", TRAIN, "a"),
    ]
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(rows))
    assert len(build_mixture(TrainConfig(sources={"toy": SourceConfig()}), cache=False).train) == 2


def test_the_cache_gives_the_same_rows_and_changes_with_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.csv"
    path.write_text(
        "text,divisive,split\nThe bridge is open again today.,1,train\nNothing happened in the town.,,train\n"
    )
    config = TrainConfig(sources={"mine": SourceConfig(path=str(path))})
    built, cached = build_mixture(config), build_mixture(config)
    assert built.sha256 == cached.sha256
    assert cached.train.to_list() == built.train.to_list()
    assert len(list((tmp_path / "cache" / "data").iterdir())) == 1
    path.write_text(path.read_text() + "A third sentence stands here now.,0,train\n")
    assert len(build_mixture(config).train) == 2
    assert len(list((tmp_path / "cache" / "data").iterdir())) == 2


def test_the_data_hash_changes_with_any_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter([example("One sentence about a bridge.", TRAIN)]))
    config = TrainConfig(sources={"toy": SourceConfig()})
    first = build_mixture(config, cache=False).sha256
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter([example("One sentence about a road.", TRAIN)]))
    assert build_mixture(config, cache=False).sha256 != first


def test_the_regional_corpus_has_every_field_and_keeps_pairs_together() -> None:
    rows = list(ADAPTERS["tocsin-regional"](Path()))
    assert len(rows) > 5000
    splits: dict[str, set[str]] = {}
    for row in rows:
        assert row.split in SPLITS
        assert set(row.targets) == set(LABELS)
        splits.setdefault(row.group, set()).add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    for label in LABELS:
        assert sum(row.targets[label] for row in rows) > 500


@needs_corpora
@pytest.mark.parametrize("name", sorted(set(ADAPTERS) - {"tocsin-regional"}))
def test_every_adapter_reads_its_corpus_and_divides_no_group(name: str) -> None:
    rows = list(ADAPTERS[name](CORPORA))
    decided = [row for row in rows if row.targets]
    assert len(decided) > (100 if name in TEST_ONLY else 300)
    assert {row.split for row in decided} == ({TEST} if name in TEST_ONLY else set(SPLITS))
    assert all(set(row.targets) <= set(LABELS) for row in rows)
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
    config = TrainConfig(sources={"toy2": SourceConfig(), "toy": SourceConfig()})
    assert [row.text for row in mixtures.read_sources(config)] == ["b", "a"]
