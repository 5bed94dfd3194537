"""The regional corpus and what checks it: every check is shown a violation that it must find."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tocsin.model.labels import LABELS
from tocsin.training import checks
from tocsin.training.agreement import ANNOTATIONS, Reading, alpha, disagreement, read_readings, sentence_key
from tocsin.training.corpus_command import corpus
from tocsin.training.corpus_page import render
from tocsin.training.corpus_report import report
from tocsin.training.probe import association, diversity, identity_features, identity_words, probe, target_matrix
from tocsin.training.records import FIELDS, Record, parse_record, read_corpus

ROW = {
    "id": "toy-1",
    "text": "Most on Ibru otvoren je za pešake u devet.",
    "lang": "sr-Latn",
    "labels": [],
    "attribution": "outlet",
    "kind": "sober_news",
    "unit": "toy-s1",
    "split": "train",
    "source": "tocsin-regional",
    "licence": "CC-BY-4.0",
}
RECORD = parse_record(ROW)


def test_a_record_knows_its_form_and_its_writer() -> None:
    assert (RECORD.form, RECORD.writer) == ("s", "toy")
    assert replace(RECORD, unit="sr-Latn-2-p11").writer == "sr-Latn-2"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lang": "sr"}, "expected lang to be one of .* found 'sr'"),
        ({"labels": ["toxic"]}, "expected labels to be a list"),
        ({"labels": ["escalatory", "divisive"]}, "in this order"),
        ({"labels": ["divisive", "divisive"]}, "expected labels to be a list"),
        ({"labels": "divisive"}, "expected labels to be a list"),
        ({"attribution": "cited"}, "expected attribution"),
        ({"kind": "rant"}, "expected kind"),
        ({"split": "dev"}, "expected split"),
        ({"text": "  "}, "expected text"),
        ({"extra": 1}, "not known \\['extra'\\]"),
    ],
)
def test_a_record_that_breaks_the_schema_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_record({**ROW, **change})


def test_the_file_and_line_of_a_broken_record_are_named(tmp_path: Path) -> None:
    (tmp_path / "toy.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "lang": "xx"}) + "\n")
    with pytest.raises(ValueError, match="toy.jsonl:2: expected lang"):
        list(read_corpus(tmp_path))
    with pytest.raises(FileNotFoundError, match="found none"):
        list(read_corpus(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "kind, labels, wrong",
    [
        ("sober_news", (), False),
        ("sober_news", ("divisive",), True),
        ("threat", (), True),
        ("threat", ("escalatory",), False),
        ("apology", ("divisive",), True),
        ("counter_speech", ("conciliatory",), False),
        ("counter_speech", ("divisive",), True),
        ("negated_threat", (), False),
    ],
)
def test_kinds_and_labels_must_agree(kind: str, labels: tuple[str, ...], wrong: bool) -> None:
    found = list(checks.kinds_against_labels([replace(RECORD, kind=kind, labels=labels)]))
    assert bool(found) is wrong


@pytest.mark.parametrize(
    "lang, text, stray",
    [
        ("mk", "Сѐ што рече е точно, вели НАТО.", ""),
        ("mk", "Сè што рече е точно.", "è"),  # a Latin letter that looks right
        ("mk", "Тоа го прочитав на Facebook.", ""),
        ("mk", "Тој дойде.", "й"),
        ("sr-Cyrl", "Сваки ќошак зна.", "ќ"),
        ("sr-Cyrl", "Пут је отворен.", ""),
        ("sr-Cyrl", "Пyт је отворен.", "y"),
        ("hr", "Đurđa i Željko kažu da je prošlo.", ""),
        ("hr", "Kaže da je пут otvoren.", "п"),
        ("sq", "Çdo shtëpi e di.", ""),
    ],
)
def test_stray_letters_are_found(lang: str, text: str, stray: str) -> None:
    found = list(checks.stray_letters([replace(RECORD, lang=lang, text=text)]))
    assert bool(found) is bool(stray)
    assert all(f"found {stray}" in line for line in found)


@pytest.mark.parametrize(
    "text, left",
    [
        ("„Dosta“, rekao je.", ""),
        ("„Dosta”, rekao je.", ""),
        ("»Dosta«, rekao je.", ""),
        ('"Enough," he said, "of this."', ""),
        ("„On kaže »dosta« svima“, rekla je.", ""),
        ("„Dosta, rekao je.", "„"),
        ("Dosta“, rekao je.", "“"),
        ("“One” and “two”", ""),
        ("“One and two”, he said”", "”"),
    ],
)
def test_quotation_marks_must_balance(text: str, left: str) -> None:
    assert checks.unbalanced(text) == left


def test_a_quotation_may_run_through_a_passage() -> None:
    first = replace(RECORD, unit="toy-d1", text="„Ne idemo.")
    second = replace(RECORD, unit="toy-d1", text="Ostajemo“, kaže.")
    assert not list(checks.open_quotations([first, second]))
    assert len(list(checks.open_quotations([first]))) == 1


def test_pairs_passages_and_splits_are_checked() -> None:
    twins = [replace(RECORD, unit="toy-p1"), replace(RECORD, unit="toy-p1", labels=("escalatory",))]
    assert not list(checks.units(twins))
    assert list(checks.units([twins[0]]))
    assert list(checks.units([twins[0], twins[0]]))
    assert "expected one split" in next(checks.units([twins[0], replace(twins[1], split="test")]))
    assert "expected one language" in next(checks.units([twins[0], replace(twins[1], lang="hr")]))
    assert list(checks.units([replace(RECORD, unit="toy-d1")] * 4))
    assert not list(checks.units([replace(RECORD, unit="toy-d1")] * 5))


def test_copies_are_found_in_either_script_but_not_between_twins() -> None:
    text = "Načelnik opštine je rekao da će se razgovori o putu nastaviti u ponedeljak."
    other = "Начелник општине је рекао да ће се разговори о путу наставити у уторак."
    one = replace(RECORD, id="a", text=text)
    assert not list(checks.copies([one, replace(one, id="b", text=other)]))
    assert "near-copy" in next(checks.copies([one, replace(one, id="b", unit="toy-s2", text=other)]))
    across = replace(one, id="b", unit="toy-s2", text=other, split="test")
    assert "across train and test" in next(checks.copies([one, across]))
    assert "of its own" in next(checks.copies([one, replace(one, id="b")]))


def test_shares_are_checked() -> None:
    labelled = [replace(RECORD, labels=("divisive",))] * 10
    found = list(checks.shares(labelled))
    assert any("without a label, found 0.0%" in line for line in found)
    assert any("near-twin pairs" in line for line in found)
    assert any("in test, found 0.0%" in line for line in found)


@pytest.mark.parametrize(
    "lang, text, groups",
    [
        ("en", "The Serbian and Albanian mayors met.", {"serbs", "albanians"}),
        ("sr-Cyrl", "Срби и Роми у истом реду.", {"serbs", "roma"}),
        ("hr", "Roman o Krapini je rasprodan.", set()),
        ("mk", "Романот е распродаден.", set()),
        ("mk", "Бугарите и Грците гласаат.", {"bulgarians", "greeks"}),
        ("sq", "Maqedonasit dhe romët votojnë.", {"macedonians", "roma"}),
        ("bs", "Srbljanović je stigao.", set()),
    ],
)
def test_identity_words_are_found_by_language(lang: str, text: str, groups: set[str]) -> None:
    assert set(identity_words(text, lang)) == groups


def toy_corpus(*, leak: bool) -> list[Record]:
    """Sentences that name a group; with a leak, the group decides the label."""
    records = []
    for number in range(200):
        group = "Serbian" if number % 2 else "Croatian"
        labels = LABELS if (number % 2 if leak else number % 4 < 2) else ()
        text = f"The {group} mayor spoke of road number {number}."
        records.append(replace(RECORD, lang="en", text=text, labels=tuple(labels), unit=f"toy-s{number}"))
    return records


def test_the_probe_finds_a_group_that_gives_the_label_away() -> None:
    for leak in (True, False):
        records = toy_corpus(leak=leak)
        units = [record.unit for record in records]
        values = probe([identity_features(record) for record in records], target_matrix(records), units)
        assert all((value > 0.95) is leak for value in values.values())


def test_pmi_counts_bits() -> None:
    table = association(toy_corpus(leak=True))
    assert table["serbs"]["sentences"] == 100
    assert table["serbs"]["divisive"] == pytest.approx(1, abs=0.02)
    assert table["croats"]["divisive"] < -3
    assert association(toy_corpus(leak=False))["serbs"]["divisive"] == pytest.approx(0, abs=0.02)


def test_diversity_is_the_share_of_distinct_words_in_a_window() -> None:
    assert diversity(["a b a b"], window=10) == 0.5
    assert diversity(["a b a b a b"], window=2) == 1.0
    assert diversity(["a a a a b b b b"], window=4) == pytest.approx(np.mean([1, 2, 2, 2, 1]) / 4)


def reading(first: tuple[str, ...], second: tuple[str, ...], lang: str = "hr") -> Reading:
    return Reading("toy", "key", lang, "random", first, second, first)


def test_agreement_of_two_readings() -> None:
    same = [reading(("divisive",), ("divisive",)), reading((), ())]
    assert alpha(same)["divisive"] == 1.0
    assert np.isnan(alpha(same)["escalatory"])  # never given: nothing can be said
    differing = [*same, reading(("divisive",), (), "mk"), reading((), (), "mk")]
    # Two readers, eight values of which three are "divisive", one pair differs: 1 - 7 * 2 / (2 * 3 * 5).
    assert alpha(differing)["divisive"] == pytest.approx(1 - 7 * 2 / (2 * 3 * 5))
    assert disagreement(differing)["mk"] == {"sentences": 2.0} | dict.fromkeys(LABELS, 0.0) | {"divisive": 0.5}


def test_annotations_name_the_line_that_is_wrong(tmp_path: Path) -> None:
    row = {"source": "toy", "key": "k", "lang": "hr", "stratum": "random", "first": [], "second": [], "decided": ["x"]}
    (tmp_path / "real.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(ValueError, match="real.jsonl:1: expected decided"):
        list(read_readings(tmp_path / "real.jsonl"))


def test_sentence_keys_ignore_white_space_at_the_ends() -> None:
    assert sentence_key(" Da. ") == sentence_key("Da.") != sentence_key("Ne.")


def test_the_shipped_corpus_passes_its_checks() -> None:
    result = CliRunner().invoke(corpus, ["check"])
    assert result.exit_code == 0, result.stderr
    assert "0 violations" in result.stderr
    assert "Krippendorff's alpha" in result.stdout


def test_the_shipped_corpus_is_as_large_as_its_card_says() -> None:
    records = list(read_corpus())
    card = (ANNOTATIONS.parent / "README.md").read_text(encoding="utf-8")
    assert f"{len(records):,} sentences" in card
    assert len(records) >= 12_000


def test_violations_end_with_status_one(tmp_path: Path) -> None:
    rows = [{**ROW, "id": f"toy-{n}", "unit": f"toy-s{n}", "text": f"Red {n} ima „otvoren navod."} for n in range(60)]
    for number, row in enumerate(rows):
        row["labels"] = list(LABELS) if number % 2 else []
    (tmp_path / "toy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = CliRunner().invoke(corpus, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert "expected balanced quotation marks" in result.stderr
    assert "expected no label on kind sober_news" in result.stderr


def test_leaks_stale_labels_and_disputed_classes_are_violations(tmp_path: Path) -> None:
    records = [replace(record, id=f"toy-{number}") for number, record in enumerate(toy_corpus(leak=True))]
    _, problems = report(records, tmp_path)
    assert sum("identity words alone" in problem for problem in problems) == len(LABELS)
    assert sum("expected a file of annotations" in problem for problem in problems) == 2
    row = {"source": "toy", "key": "toy-1", "lang": "en", "stratum": "tenth", "first": [], "second": ["divisive"]}
    (tmp_path / "real.jsonl").write_text(json.dumps(row | {"decided": []}) + "\n")
    (tmp_path / "second-pass.jsonl").write_text(
        json.dumps(row | {"decided": []}) + "\n" + json.dumps(row | {"key": "gone", "decided": []}) + "\n"
    )
    _, problems = report(records, tmp_path)
    assert "second pass: expected gone in the corpus, found no such id" in problems
    assert any(problem.startswith("toy-1: expected the decided labels ()") for problem in problems)
    assert any("second pass, en, divisive: expected readings to differ on at most 8%" in p for p in problems)


def test_the_page_never_takes_a_text_for_markup(tmp_path: Path) -> None:
    record = replace(RECORD, text="</script><script>alert(1)</script>")
    html = render([record])
    assert "<script>alert" not in html
    assert "\\u003c/script" in html
    out = tmp_path / "corpus.html"
    result = CliRunner().invoke(corpus, ["page", "--out", str(out)])
    assert result.exit_code == 0, result.output
    text = out.read_text(encoding="utf-8")
    assert '"split": "train"' in text
    assert '"split": "test"' not in text


def test_every_field_is_in_the_card() -> None:
    card = (ANNOTATIONS.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in card for name in FIELDS)
