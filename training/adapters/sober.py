"""Sober text that names groups, wars and tensions: what must not be flagged."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from tocsin.model.labels import LABELS
from tocsin.training.adapters.tables import open_text, read_json_lines, read_table
from tocsin.training.agreement import decided_labels, sentence_key
from tocsin.training.example import TEST, Example, split_of, targets

_CALM = targets(divisive=False, escalatory=False, manipulative=False)
_OSCE_LANGUAGES = {"english": "en", "macedonian": "mk", "shqip": "sq"}
_OSCE_LINES_A_GROUP = 250  # the files do not mark documents; blocks of lines keep neighbours in one split
_OSCE_MIN_CHARACTERS = 25  # shorter lines are headings, names and page numbers
_UD_LANGUAGE_PART = re.compile(r"\.(?:sr|hr)\.")  # set.sr.1 and set.hr.1 are one SETimes article
_UNSCON_CALM = "_"
_CAMEO_CALM = {"0", "1", "2", "4"}  # class 3, verbal conflict, reports threats and accusations: not decided


def _known(source: str, text: str, presumed: dict[str, int]) -> dict[str, int]:
    """All four labels where the sentence was annotated for this project, what the corpus lets presume otherwise."""
    decided = decided_labels().get((source, sentence_key(text)))
    return presumed if decided is None else targets(**{label: label in decided for label in LABELS})


def regional_news(root: Path) -> Iterator[Example]:
    """News sentences of eleven treebanks, presumed calm unless annotated.

    Split by document; parallel versions of one document (Serbian in two scripts and Croatian; the PUD translations)
    count as one.
    """
    for path in sorted((root / "regional-news-ud").glob("*.jsonl*")):
        for row in read_json_lines(path):
            document = row["doc"] or f"{path.name}-{row['sent_id']}"
            group = _UD_LANGUAGE_PART.sub(".", document)
            split = split_of("regional-news-ud", group, test=20)
            known = _known("regional-news-ud", row["text"], _CALM)
            yield Example(row["text"], row["lang"], "regional-news-ud", group, split, known)


def osce(root: Path) -> Iterator[Example]:
    """Election and trial monitoring in English, Macedonian and Albanian, aligned by line."""
    for name, lang in _OSCE_LANGUAGES.items():
        with open_text(root / "osce-trilingual" / f"{name}.txt.gz") as stream:
            for number, line in enumerate(stream):
                group = str(number // _OSCE_LINES_A_GROUP)
                split = split_of("osce-trilingual", group, test=20)
                if len(line.strip()) >= _OSCE_MIN_CHARACTERS:
                    known = _known("osce-trilingual", line, _CALM)
                    yield Example(line.strip(), lang, "osce-trilingual", group, split, known)


def unscon(root: Path) -> Iterator[Example]:
    """Sentences of diplomats without any adversarial mark; criticism of states is not decided by the corpus."""
    for row in read_table(root / "unscon" / "conflict_annotations_sentences.csv.gz"):
        calm = row["A0"] == _UNSCON_CALM and row["B1"] == _UNSCON_CALM
        known = _CALM if calm else targets()
        group = row["filename"]
        yield Example(row["sentence_text"].strip(), "en", "unscon", group, split_of("unscon", group), known)


def cameo(root: Path) -> Iterator[Example]:
    """English news sentences about events; the corpus' own test part stays a test part."""
    for name in ("train", "test"):
        path = root / "cameo" / "cameo_class" / f"{name}.tsv"
        with open_text(path) as stream:
            for text, code in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                known = _CALM if code in _CAMEO_CALM else targets()
                split = TEST if name == "test" else split_of("cameo", text, test=0)
                yield Example(text, "en", "cameo", text, split, known)


def objective_news(root: Path) -> Iterator[Example]:
    """News sentences marked objective; subjective ones are opinion, which is not manipulation, and stay unknown."""
    codes = {"bulgarian": "bg", "english": "en", "german": "de", "greek": "el", "italian": "it", "polish": "pl"}
    codes |= {"romanian": "ro", "ukrainian": "uk"}
    for folder, lang in codes.items():
        for path in sorted((root / "checkthat-subjectivity" / folder).glob("*.tsv*")):
            for row in read_table(path, delimiter="\t", quoting=csv.QUOTE_NONE):
                text = row["sentence"].strip().strip('"')
                known = (
                    targets(divisive=False, escalatory=False, manipulative=False)
                    if row["label"] == "OBJ"
                    else targets()
                )
                split = TEST if path.name.startswith("test") else split_of("checkthat", text, test=0)
                yield Example(text, lang, "checkthat-subjectivity", text, split, known)


def bias(root: Path) -> Iterator[Example]:
    """American news sentences without biased words; the biased ones are milder than manipulation and stay unknown."""
    for row in read_table(root / "babe" / "final_labels_SG2.csv.gz", delimiter=";"):
        manipulative = False if row["label_bias"] == "Non-biased" else None
        split = split_of("babe", row["news_link"])
        yield Example(row["text"].strip(), "en", "babe", row["news_link"], split, targets(manipulative=manipulative))


def parliaments(root: Path) -> Iterator[Example]:
    """Sentences of the Bosnian, Croatian and Serbian parliaments whose tone is neutral or positive, presumed calm.

    Negative sentences are mostly sharp and fair, but some carry our labels: unknown unless annotated.
    """
    langs = {"HR": "hr", "SRB": "sr-Latn", "BiH": "bs"}
    for row in read_json_lines(root / "parlasent-bcs" / "ParlaSent_BCS.jsonl.gz"):
        presumed = targets() if row["label"] == "Negative" else _CALM
        known = _known("parlasent-bcs", row["sentence"], presumed)
        group = str(row["document_id"])
        split = split_of("parlasent-bcs", group, test=20)
        yield Example(row["sentence"], langs[row["country"]], "parlasent-bcs", group, split, known)
