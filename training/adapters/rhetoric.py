"""Corpora of persuasion techniques and of threats, mapped to ``manipulative`` and ``escalatory``."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from tocsin.training.adapters.tables import open_text, read_json_lines, read_table
from tocsin.training.example import Example, split_of, targets

# Techniques that are the guide's means of manipulation; the others (doubt, repetition, appeals to values or authority,
# slogans …) persuade without being manipulative by themselves, so a fragment with only those stays unknown.
_MANIPULATIVE = {
    "Name_Calling-Labeling",
    "Loaded_Language",
    "Appeal_to_Fear-Prejudice",
    "Guilt_by_Association",
    "Whataboutism",
    "False_Dilemma-No_Choice",
    "Straw_Man",
    "Appeal_to_Hypocrisy",
    "Exaggeration-Minimisation",
    "Conversation_Killer",
}
_TELEGRAM_MANIPULATIVE = {"loaded_language", "appeal_to_fear", "fud", "whataboutism", "straw_man"}
_GERMEVAL_ESCALATORY = {"call2violence", "support", "glorification", "prospensity"}  # spelt as in the file


def slavic_persuasion(root: Path) -> Iterator[Example]:
    """Fragments of debates and posts, split by document, since the corpus' own parts share documents."""
    for folder in ("BG", "PL", "RU"):
        for path in sorted((root / "slavic-persuasion" / folder).glob("*.csv*")):
            for row in read_table(path):
                techniques = set(ast.literal_eval(row["techniques"] or "[]"))
                manipulative = True if techniques & _MANIPULATIVE else None if techniques else False
                group = row["filename"]
                split = split_of("slavic-persuasion", group)
                known = targets(manipulative=manipulative)
                yield Example(row["content"], folder.lower(), "slavic-persuasion", group, split, known)


def telegram_manipulation(root: Path) -> Iterator[Example]:
    """Ukrainian and Russian posts about the war."""
    for row in read_json_lines(root / "unlp2025" / "train.jsonl.gz"):
        techniques = set(row["techniques"] or ())
        manipulative = True if techniques & _TELEGRAM_MANIPULATIVE else None if techniques else False
        split = split_of("unlp2025", row["id"])
        yield Example(row["content"], row["lang"], "unlp2025", row["id"], split, targets(manipulative=manipulative))


def threatgram(root: Path) -> Iterator[Example]:
    """Replies of an extremist milieu: threats of violence against none; wishes for a court sentence stay unknown."""
    with open_text(root / "threatgram101" / "Labeled_15076.json.gz") as stream:
        rows = json.load(stream)
    for row in rows:
        escalatory = {"2": True, "0": False}.get(str(row["Label"]))
        text = row["reply"]
        yield Example(
            text, "en", "threatgram101", text, split_of("threatgram101", text), targets(escalatory=escalatory)
        )


def germeval_violence(root: Path) -> Iterator[Example]:
    """German comments: calls to, support and praise of violence and willingness to it."""
    path = root / "germeval" / "GermEval2026" / "vio" / "vio_train_26.csv.gz"
    for row in read_table(path, delimiter=";"):
        label = row["vio"]
        escalatory = True if label in _GERMEVAL_ESCALATORY else False if label == "nothing" else None
        group = row["description"]
        yield Example(group, "de", "germeval", group, split_of("germeval", group), targets(escalatory=escalatory))
