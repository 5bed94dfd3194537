"""Corpora of hate and polarization, mapped to ``divisive``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tocsin.training.adapters.tables import read_json_lines, read_table
from tocsin.training.example import TEST, TRAIN, VALIDATION, Example, split_of, targets

# serbian-hate sentence codes. Race, ethnicity, origin, religion and political camp are our groups; sex and sexuality
# are groups of the guide too, but the corpus mixes them with insults of persons, as it does class and profession.
_SERBIAN_DIVISIVE = {"1", "1a", "1b", "1c", "2", "6c"}
_SERBIAN_UNKNOWN = {"3a", "3b", "6a", "6b", "0:6b"}

_POLAR_LANGUAGES = {"eng": "en", "deu": "de", "spa": "es", "ita": "it", "pol": "pl", "rus": "ru", "tur": "tr"}


def serbian_hate(root: Path) -> Iterator[Example]:
    """Serbian sentences under news; machine-written paragraphs never enter a test part."""
    for row in read_json_lines(root / "serbian-hate" / "sr_hate_sentences.jsonl.gz"):
        codes = set(row["labels"])
        divisive = True if codes & _SERBIAN_DIVISIVE else None if codes & _SERBIAN_UNKNOWN else False
        group = str(row["paragraph_id"])
        split = split_of("serbian-hate", group)
        if row["source"] == "LLM":
            split = TRAIN
        yield Example(row["text"], f"sr-{row['script']}", "serbian-hate", group, split, targets(divisive=divisive))


def polar(root: Path) -> Iterator[Example]:
    """Social posts and headlines in seven languages; their own test part stays a test part."""
    for split, folder in ((TRAIN, "train"), (VALIDATION, "dev"), (TEST, "test")):
        for name, lang in _POLAR_LANGUAGES.items():
            path = next(iter(sorted((root / "polar" / folder).glob(f"{name}.csv*"))))
            for row in read_table(path):
                divisive = row["polarization"] == "1"
                # Dehumanising words are also manipulative by the guide; without them the corpus does not say.
                manipulative = True if divisive and row.get("dehumanization") == "1" else None
                known = targets(divisive=divisive, manipulative=manipulative)
                yield Example(row["text"], lang, "polar", f"{lang}-{row['id']}", split, known)


def gahd(root: Path) -> Iterator[Example]:
    """German adversarial sentences with contrastive pairs; its news sentences are calm unless labelled."""
    news = {
        row["gahd_id"] for row in read_table(root / "gahd-de" / "gahd_disaggregated.csv.gz") if row["source"] == "news"
    }
    splits = {"train": TRAIN, "dev": VALIDATION, "test": TEST}
    for row in read_table(root / "gahd-de" / "gahd.csv.gz"):
        divisive = row["label"] == "1"
        calm = False if row["gahd_id"] in news and not divisive else None
        known = targets(divisive=divisive, escalatory=calm, manipulative=calm)
        group = row["contrastive_gahd_id"] or row["gahd_id"]
        yield Example(row["text"], "de", "gahd-de", group, splits[row["split"]], known)


def multitarget_conan(root: Path) -> Iterator[Example]:
    """Hateful claims against counter-speech that often repeats them; grouped by claim, since claims recur."""
    for row in read_table(root / "multitarget-conan" / "Multitarget-CONAN.csv.gz"):
        claim = row["HATE_SPEECH"].strip()
        split = split_of("conan", claim)
        yield Example(claim, "en", "multitarget-conan", claim, split, targets(divisive=True))
        counter = targets(divisive=False, escalatory=False)
        yield Example(
            row["COUNTER_NARRATIVE"].strip(), "en", "multitarget-conan", claim, split, counter, "counter_speech"
        )


def albanian_conan(root: Path) -> Iterator[Example]:
    """Albanian versions of hateful claims, each in the split of its English original (same row number)."""
    claims = {
        row["INDEX"]: row["HATE_SPEECH"].strip()
        for row in read_table(root / "multitarget-conan" / "Multitarget-CONAN.csv.gz")
    }
    for row in read_table(root / "albanian-conan" / "Albanian_CONAN.csv.gz"):
        claim = claims.get(row["INDEX"], row["HATE_SPEECH"])
        split = split_of("conan", claim)
        yield Example(row["HATE_SPEECH"].strip(), "sq", "albanian-conan", claim, split, targets(divisive=True))


def implicit_hate(root: Path) -> Iterator[Example]:
    """English posts, explicit and implicit hate against none."""
    path = root / "implicit-hate" / "implicit_hate_v1_stg1_posts.tsv.gz"
    for number, row in enumerate(read_table(path, delimiter="\t", quoting=csv.QUOTE_NONE)):
        known = targets(divisive=row["class"] != "not_hate")
        yield Example(row["post"], "en", "implicit-hate", str(number), split_of("implicit-hate", row["post"]), known)


def implicit_abuse(root: Path) -> Iterator[Example]:
    """Stereotypes about groups against reports of single events that name the same groups, English and German."""
    for name, lang in (("sentences.english.csv.gz", "en"), ("sentences.german.csv", "de")):
        path = root / "implicit-abuse-identity" / name
        for row in read_table(path, delimiter="\t", quoting=csv.QUOTE_NONE):
            text = (row.get("#SENTENCE_FROM_TWEET") or "").strip().strip('"')
            if text and row.get("LABEL") in ("ABUSE", "OTHER"):
                known = targets(divisive=row["LABEL"] == "ABUSE")
                yield Example(text, lang, "implicit-abuse-identity", text, split_of("implicit-abuse", text), known)


def white_supremacist(root: Path) -> Iterator[Example]:
    """Forum sentences; those that need their context to be judged are left out."""
    path = root / "white-supremacist" / "white_supremacist.tsv.gz"
    for row in read_table(path, delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["label"] in ("hate", "noHate"):
            group = row["file_id"].split("_")[0]
            known = targets(divisive=row["label"] == "hate")
            yield Example(row["text"], "en", "white-supremacist", group, split_of("white-supremacist", group), known)
