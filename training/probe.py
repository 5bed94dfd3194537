"""Do words that name people and powers, or the writer's habits, give the labels away?

A linear model that sees nothing but such features should not rank sentences better than chance. Otherwise a classifier
trained on the corpus learns the group instead of the rhetoric.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from tocsin.model.labels import LABELS
from tocsin.model.script import to_latin
from tocsin.training.records import Record

MAX_AUC = 0.55
FOLDS = 5
_WORD_LISTS = Path(__file__).parent / "wordlists" / "identity.toml"
_OWN_LISTS = ("en", "sq", "mk")  # the other languages share the lists of "hbs"
_WORD = re.compile(r"\w+")

Features = dict[str, float]


@lru_cache(maxsize=1)
def _patterns() -> dict[str, dict[str, re.Pattern[str]]]:
    with _WORD_LISTS.open("rb") as stream:
        lists: dict[str, dict[str, list[str]]] = tomllib.load(stream)
    patterns: dict[str, dict[str, re.Pattern[str]]] = {}
    for group, by_language in lists.items():
        for language, words in by_language.items():
            ends = [re.escape(w[:-1]) + r"\b" if w.endswith("$") else re.escape(w) + r"\w*" for w in words]
            patterns.setdefault(language, {})[group] = re.compile(rf"\b(?:{'|'.join(ends)})")
    return patterns


def identity_words(text: str, lang: str) -> dict[str, list[str]]:
    """Group -> its words in the text, in lower case (Serbian in Latin letters); no entry for a group not named."""
    language = lang if lang in _OWN_LISTS else "hbs"
    folded = to_latin(text).casefold() if language == "hbs" else text.casefold()
    found = {group: pattern.findall(folded) for group, pattern in _patterns()[language].items()}
    return {group: words for group, words in found.items() if words}


def identity_features(record: Record) -> Features:
    """Which groups a sentence names, and by which word."""
    language = record.lang if record.lang in _OWN_LISTS else "hbs"
    found = identity_words(record.text, record.lang)
    words = {f"{language}:{word}": 1.0 for group in found.values() for word in group}
    return {"any sentence": 1.0} | words | dict.fromkeys(found, 1.0)


def writer_features(record: Record) -> Features:
    """The brief under which the sentence was written."""
    return {record.writer: 1.0}


def surface_features(record: Record) -> Features:
    """Length, attribution and punctuation: a writer's habits that say nothing about rhetoric."""
    words = len(_WORD.findall(record.text))
    marks = {f"has {mark}": 1.0 for mark in "?!…:;–" if mark in record.text}  # noqa: RUF001
    return {"log words": float(np.log(max(words, 1))), record.attribution: 1.0, record.lang: 1.0} | marks


def probe(features: Sequence[Features], targets: npt.NDArray[np.int_], groups: Sequence[str]) -> dict[str, float]:
    """ROC AUC by label of a logistic regression over the features, cross-validated with groups kept together.

    Args:
        features: One bag of features a sentence.
        targets: 0 or 1, shape (n, n_labels), in the order of LABELS.
        groups: The unit of each sentence.

    Raises:
        ValueError: There are fewer groups than folds, or a label has only one class.
    """
    return {label: probe_label(features, targets[:, column], groups) for column, label in enumerate(LABELS)}


def probe_label(features: Sequence[Features], truth: npt.NDArray[np.int_], groups: Sequence[str]) -> float:
    """The same for one label; ``truth`` has shape (n,)."""
    matrix = DictVectorizer().fit_transform(features)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    model = LogisticRegression(max_iter=2000)
    scores = cross_val_predict(model, matrix, truth, groups=groups, cv=folds, method="predict_proba")
    return float(roc_auc_score(truth, scores[:, 1]))


def target_matrix(records: Sequence[Record]) -> npt.NDArray[np.int_]:
    """0 or 1 a sentence and label, shape (n, n_labels)."""
    return np.array([[label in record.labels for label in LABELS] for record in records], dtype=int)


def association(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Group -> number of sentences that name it, and pointwise mutual information with each label in bits.

    PMI is log2 P(label | group) / P(label), with one imagined sentence at the base rate, so that rare groups do not
    shout; 0 is independence, 1 twice as often as elsewhere (Church and Hanks 1990).
    """
    targets = target_matrix(records)
    base = targets.mean(axis=0)
    members: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        for group in identity_words(record.text, record.lang):
            members.setdefault(group, []).append(number)
    table = {}
    for group, rows in sorted(members.items()):
        shares = (targets[rows].sum(axis=0) + base) / (len(rows) + 1)
        information = np.log2(np.maximum(shares, 1e-9) / base)
        table[group] = {"sentences": float(len(rows))} | dict(zip(LABELS, map(float, information), strict=True))
    return table


def diversity(texts: Sequence[str], *, window: int = 500) -> float:
    """Moving-average type-token ratio (Covington and McFall 2010) of the texts read one after another, 0 to 1.

    Mean share of distinct words in every window of so many words; texts shorter than a window are one window.
    """
    words = [word for text in texts for word in _WORD.findall(text.casefold())]
    if len(words) <= window:
        return len(set(words)) / max(len(words), 1)
    counts: dict[str, int] = {}
    distinct = []
    for number, word in enumerate(words):
        counts[word] = counts.get(word, 0) + 1
        if number >= window:
            left = words[number - window]
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
        if number >= window - 1:
            distinct.append(len(counts))
    return float(np.mean(distinct)) / window
