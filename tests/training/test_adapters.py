"""What each native label means: adapters on made-up files in their corpora's formats, and the catalogue of sources."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tocsin.training.adapters import ADAPTERS, catalogue
from tocsin.training.adapters.more import Article, news_agendas
from tocsin.training.example import SPLITS, TEST, TRAIN, VALIDATION, Example, split_of
from tocsin.training.records import SOURCE

CORPORA = Path(__file__).parents[2].parent / "shared" / "data"
DIVIDED_BY_THEIR_CORPUS = {"polar", "gahd-de"}  # pairs and repeats across their own parts; the mixture removes them
TEST_ONLY = {"openai-moderation", "petrarch-gsr"}
CALM = {"divisive": 0, "escalatory": 0, "manipulative": 0}


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_table(path: Path, header: str, rows: Iterable[Sequence[object]], delimiter: str = ",") -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(header.split(","))
    writer.writerows(rows)
    write(path, stream.getvalue())


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write(path, "".join(json.dumps(row) + "\n" for row in rows))


def read(name: str, root: Path) -> list[Example]:
    rows = list(ADAPTERS[name](root))
    assert {row.source for row in rows} == {name}
    assert {row.lang for row in rows} <= set(catalogue()[name].languages)
    return rows


def known(rows: Iterable[Example]) -> dict[str, dict[str, int]]:
    return {row.text: dict(row.targets) for row in rows}


def test_hatexplain_decides_hate_and_normal_but_not_offensive(tmp_path: Path) -> None:
    header = "text,rationale_pos,label,label_gender,label_religion,label_race,label_economic,label_minority"
    table = [(f"post {label}", "", label, 0, 0, 0, 0, 0) for label in "012"]
    write_table(tmp_path / "hatexplain" / "preprocessed.csv.gz", header, table)
    rows = read("hatexplain", tmp_path)
    assert known(rows) == {"post 0": {"divisive": 0}, "post 1": {}, "post 2": {"divisive": 1}}
    assert [row.split for row in rows] == [split_of("hatexplain", row.text) for row in rows]


def write_us_vs_them(root: Path, parts: Mapping[str, Sequence[tuple[str, float]]]) -> None:
    for part in ("train", "valid", "test"):
        table = [(number, *row, row[1] > 0.5, "Liberals") for number, row in enumerate(parts.get(part, ()))]
        path = root / "us-vs-them" / f"UsVsThem_{part}_public.csv.gz"
        write_table(path, ",body,usVSthem_scale,is_Disc_Crit,group", table)


def test_us_vs_them_takes_discrimination_and_leaves_criticism_unknown(tmp_path: Path) -> None:
    scale = {"supports": 0.0, "neutral": 1 / 3, "mild": 0.55, "critical": 2 / 3, "sharp": 0.8, "attacks": 0.9}
    write_us_vs_them(tmp_path, {"train": list(scale.items())})
    divisive = {text: row.get("divisive") for text, row in known(read("us-vs-them", tmp_path)).items()}
    assert divisive == {
        "supports": 0, "neutral": 0, "mild": None, "critical": None, "sharp": None, "attacks": 1
    }  # fmt: skip


def test_us_vs_them_keeps_its_parts_and_a_comment_of_two_parts_in_the_one_held_out(tmp_path: Path) -> None:
    parts = {
        "train": [("a", 0.9), ("in train and test", 0.9), ("in train and valid", 0.9)],
        "valid": [("b", 0.1), ("in train and valid", 0.9)],
        "test": [("c", 0.1), ("in train and test", 0.9)],
    }
    write_us_vs_them(tmp_path, parts)
    found = sorted((row.text, row.split) for row in read("us-vs-them", tmp_path))
    assert found == [
        ("a", TRAIN),
        ("b", VALIDATION),
        ("c", TEST),
        ("in train and test", TEST),
        ("in train and valid", VALIDATION),
    ]


def test_ethos_reads_groups_and_violence_of_hateful_comments_once(tmp_path: Path) -> None:
    hateful = {  # violence, directed, gender, race, origin, disability, religion, orientation
        "threat to a group": (1, 0.2, 0, 0.8, 0, 0, 0, 0),
        "threat to one person": (0.8, 0.9, 0, 0.7, 0, 0, 0, 0),
        "hate without violence": (0, 0, 0, 0, 0, 0, 1, 0),
        "hate with doubtful violence": (0.3, 0, 0.6, 0, 0, 0, 0, 0),
        "threat to the disabled": (1, 0, 0, 0.4, 0, 1, 0, 0),
        "by origin": (0, 0, 0, 0, 0.5, 0, 0, 0),
        "by orientation": (0, 0, 0, 0, 0, 0, 0, 0.5),
    }
    binary = [("calm", 0.0), ("nearly calm", 0.17), ("doubtful", 0.33), *((text, 0.5) for text in hateful)]
    write_table(tmp_path / "ethos" / "Ethos_Dataset_Binary.csv", "comment,isHate", binary, ";")
    header = (
        "comment,violence,directed_vs_generalized,gender,race,national_origin,disability,religion,sexual_orientation"
    )
    table = [(text, *scores) for text, scores in hateful.items()]
    write_table(tmp_path / "ethos" / "Ethos_Dataset_Multi_Label.csv", header, table, ";")
    rows = read("ethos", tmp_path)
    assert len(rows) == len(binary)
    assert known(rows) == {
        "calm": {"divisive": 0},
        "nearly calm": {"divisive": 0},
        "doubtful": {},
        "threat to a group": {"divisive": 1, "escalatory": 1},
        "threat to one person": {"divisive": 1},
        "hate without violence": {"divisive": 1, "escalatory": 0},
        "hate with doubtful violence": {"divisive": 1},
        "threat to the disabled": {"escalatory": 1},
        "by origin": {"divisive": 1, "escalatory": 0},
        "by orientation": {"divisive": 1, "escalatory": 0},
    }


def test_gab_hate_decides_both_labels_only_for_plain_posts(tmp_path: Path) -> None:
    marks = {  # hd, cv, vo
        "plain": (0, 0, 0),
        "vulgar": (0, 0, 1),
        "hateful": (1, 0, 0),
        "violent": (0, 1, 0),
        "hateful and violent": (1, 1, 1),
    }
    posts = [{"text_id": "1", "Text": text, "hd": hd, "cv": cv, "vo": vo} for text, (hd, cv, vo) in marks.items()]
    write_json_lines(tmp_path / "gab-hate" / "dev.jsonl.gz", posts)
    more = [{"text_id": "2", "Text": f"tested {number}", "hd": 0, "cv": 0, "vo": 0} for number in range(30)]
    write_json_lines(tmp_path / "gab-hate" / "test.jsonl.gz", more)
    rows = read("gab-hate", tmp_path)
    dev, test = rows[: len(posts)], rows[len(posts) :]
    assert known(dev) == {
        "plain": {"divisive": 0, "escalatory": 0},
        "vulgar": {},
        "hateful": {"divisive": 1},
        "violent": {"escalatory": 1},
        "hateful and violent": {"divisive": 1, "escalatory": 1},
    }
    assert TEST not in {row.split for row in dev}
    assert {row.split for row in test} == {TEST}


def test_openai_moderation_is_a_test_without_sexual_or_unchecked_texts(tmp_path: Path) -> None:
    clean = {"S": 0, "S3": 0}
    lines = [
        {"prompt": "hate", **clean, "H": 1, "H2": 0, "V": 0},
        {"prompt": "hateful threat", **clean, "H": 1, "H2": 1, "V": 1},
        {"prompt": "threat without hate mark", **clean, "H": 0, "H2": 1, "V": 0},
        {"prompt": "calm", **clean, "H": 0, "H2": 0, "V": 0},
        {"prompt": "accident", **clean, "H": 0, "H2": 0, "V": 1, "V2": 1},
        {"prompt": "hate and violence, no threat", **clean, "H": 1, "H2": 0, "V": 1},
        {"prompt": "marks missing", **clean},
        {"prompt": "minors not marked", "S": 0, "H": 0},
        {"prompt": "sexual", "S": 1, "S3": 0, "H": 1},
        {"prompt": "sexual, of minors", "S": 0, "S3": 1, "H": 1},
        {"prompt": "not checked", "H": 1, "H2": 1, "V": 1},
    ]
    write_json_lines(tmp_path / "openai-moderation" / "samples-1680.jsonl.gz", lines)
    rows = read("openai-moderation", tmp_path)
    assert known(rows) == {
        "hate": {"divisive": 1, "escalatory": 0},
        "hateful threat": {"divisive": 1, "escalatory": 1},
        "threat without hate mark": {"divisive": 1, "escalatory": 1},
        "calm": {"divisive": 0, "escalatory": 0},
        "accident": {"divisive": 0},
        "hate and violence, no threat": {"divisive": 1},
        "marks missing": {},
        "minors not marked": {"divisive": 0},
    }
    assert {row.split for row in rows} == {TEST}


@pytest.mark.parametrize(
    "codes, expected",
    [
        (["042"], CALM),
        (["036", "064"], CALM),
        (["190"], CALM),
        (["145", "201"], CALM),
        (["010"], {}),
        (["0211"], {}),
        (["112"], {}),
        (["138"], {}),
        (["160"], {}),
        (["173"], {}),
        (["042", "130"], {}),
        (["912"], {}),
        ([], {}),
    ],
)
def test_petrarch_is_calm_where_every_code_is_a_sober_event(
    codes: list[str], expected: dict[str, int], tmp_path: Path
) -> None:
    news = [{"id": "x_1", "category": "x", "text": "Event.", "cameo": codes}, {"id": "x_2", "text": "", "cameo": codes}]
    write_json_lines(tmp_path / "petrarch-gsr" / "PETR2_GSR_validation.jsonl", news)
    made_up = [{"id": "y-1", "category": "y", "text": "Invented event.", "cameo": codes}]
    write_json_lines(tmp_path / "petrarch-gsr" / "PETR.UnitTest.records.jsonl", made_up)
    rows = read("petrarch-gsr", tmp_path)
    assert known(rows) == {"Event.": expected, "Invented event.": expected}
    assert {row.split for row in rows} == {TEST}


def test_news_ro_decides_racist_and_none_and_splits_by_article(tmp_path: Path) -> None:
    header = "comment_id,reply_to_comment_id,comment_nr,content_id,comment_text,LABEL"
    table = [("1", "", 1, article, f"{article} {label}", label) for article in "abcdef" for label in "01234"]
    write_table(tmp_path / "news-ro-offense" / "comments.csv.gz", header, table)
    rows = read("news-ro-offense", tmp_path)
    meaning = {"0": {"divisive": 0}, "1": {}, "2": {"divisive": 1}, "3": {}, "4": {}}
    assert known(rows) == {f"{article} {label}": meaning[label] for article in "abcdef" for label in "01234"}
    assert all(row.group == row.text[0] for row in rows)
    assert len({(row.group, row.split) for row in rows}) == 6


def agenda(number: str, title: str, labels: str, split: str, contents: str = "Text.") -> dict[str, str]:
    return {
        "id": number, "article-title": title, "article-contents": contents, "annotated-labels": labels,
        "annotated-agenda-score": "2", "annotated-evidence": "{}", "split": split, "weak-label-0": "hate",
    }  # fmt: skip


def test_news_agendas_are_whole_articles_of_two_parts_that_share_no_title(tmp_path: Path) -> None:
    lines = [
        agenda("1", "Hate ", "hatespeech satire", "dev", "One.</br></br> Two.</br></br></br></br>Three."),
        agenda("2", "Propaganda", "politicalbias propaganda", "test"),
        agenda("3", "Conspiracy", "conspiracytheory hatespeech", "test"),
        agenda("4", "Neither", "calltoaction clickbait negativesentiment", "dev"),
        agenda("5", "Nothing", "", "dev"),
        agenda("6", "Outside the parts", "propaganda", "full"),
        agenda("7", "Propaganda", "hatespeech", "dev"),
        agenda("8", "Nothing", "", "dev"),
    ]
    write_json_lines(tmp_path / "newsagendas" / "newsagendas.jsonl.gz", lines)
    articles = list(news_agendas(tmp_path))
    assert articles == [
        Article("1", "Hate", "One.\n\nTwo.\n\nThree.", True, False, VALIDATION),
        Article("2", "Propaganda", "Text.", False, True, TEST),
        Article("3", "Conspiracy", "Text.", True, True, TEST),
        Article("4", "Neither", "Text.", False, False, VALIDATION),
        Article("5", "Nothing", "Text.", False, False, VALIDATION),
        Article("8", "Nothing", "Text.", False, False, VALIDATION),
    ]
    assert articles[0].group == "Hate"


def test_every_source_has_a_card_and_every_card_a_source() -> None:
    assert set(catalogue()) == {*ADAPTERS, "newsagendas"}


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_a_card_is_complete(name: str) -> None:
    card = catalogue()[name]
    assert card.url.startswith("https://") or name == SOURCE
    assert card.licence
    assert card.languages
    assert any(label in card.mapping for label in (*CALM, "all four labels"))


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"the public corpora are not at {CORPORA}")
@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_an_adapter_reads_its_corpus_whole(name: str) -> None:
    rows = list(ADAPTERS[name](CORPORA))
    decided = [row for row in rows if row.targets]
    assert decided
    assert {value for row in rows for value in row.targets.values()} <= {0, 1}
    assert {row.split for row in decided} == ({TEST} if name in TEST_ONLY else set(SPLITS))
    assert {row.lang for row in rows} == set(catalogue()[name].languages)
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.group, set()).add(row.split)
    divided = [group for group, found in splits.items() if len(found) > 1]
    assert bool(divided) == (name in DIVIDED_BY_THEIR_CORPUS)


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"the public corpora are not at {CORPORA}")
def test_the_articles_with_an_agenda_hold_both_labels_in_both_parts() -> None:
    articles = list(news_agendas(CORPORA))
    for split in (VALIDATION, TEST):
        part = [article for article in articles if article.split == split]
        assert {article.divisive for article in part} == {article.manipulative for article in part} == {True, False}
    groups = {split: {article.group for article in articles if article.split == split} for split in SPLITS}
    assert not groups[VALIDATION] & groups[TEST]
    assert not any("br>" in article.text for article in articles)
