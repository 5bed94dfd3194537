"""From sentences to articles: which rule ranks articles best, and is what comes out a probability?

An article has a label when one of its sentences has it. Articles are the passages of the regional corpus and the
documents of sober sources. Every rule gives an article of one sentence that sentence's score, as the contract asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from tocsin.model.article import length_corrected
from tocsin.model.labels import default_flagging
from tocsin.training.evaluate import calibration_error
from tocsin.training.example import UNKNOWN
from tocsin.training.scored import Floats, Ints, Scored

MIN_SENTENCES = 3
MIN_POSITIVES = 10

Rule = Callable[[Floats], Floats]  # probabilities of an article's sentences, shape (n, n_labels) -> (n_labels,)

RULES: dict[str, Rule] = {
    "max": lambda p: p.max(axis=0),
    "mean of the two highest": lambda p: np.sort(p, axis=0)[-2:].mean(axis=0),
    "noisy or": lambda p: 1.0 - np.prod(1.0 - p, axis=0),
    "3-norm": lambda p: np.minimum((p**3).sum(axis=0) ** (1 / 3), 1.0),
    "mean": lambda p: p.mean(axis=0),
}


@dataclass(frozen=True, slots=True)
class Articles:
    """Articles as their sentences' probabilities, with truth (1, 0 or UNKNOWN) of shape (n_articles, n_labels)."""

    labels: tuple[str, ...]
    sentences: list[Floats]  # each of shape (n_sentences, n_labels)
    truth: Ints

    def scores(self, rule: Rule) -> Floats:
        """Score of each article under a rule, shape (n_articles, n_labels)."""
        scores = np.array([rule(rows) for rows in self.sentences], dtype=np.float64)
        return scores.reshape(-1, len(self.labels))

    @property
    def lengths(self) -> Floats:
        """Sentences of each article."""
        return np.array([len(rows) for rows in self.sentences], dtype=np.float64)


def make_articles(scored: Scored) -> Articles:
    """Passages and documents with at least MIN_SENTENCES rows.

    A label that no sentence has is absent where every sentence decides it, and unknown otherwise.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(scored.sources, scored.groups, strict=True)):
        groups.setdefault((str(key[0]), str(key[1])), []).append(row)
    chosen = [rows for rows in groups.values() if len(rows) >= MIN_SENTENCES]
    truth = np.array([_truth(scored.targets[rows]) for rows in chosen], dtype=np.int64)
    return Articles(
        scored.labels, [scored.probabilities[rows] for rows in chosen], truth.reshape(-1, len(scored.labels))
    )


def _truth(targets: Ints) -> Ints:
    """1, 0 or UNKNOWN a label for an article from its sentences' targets, shape (n_sentences, n_labels)."""
    undecided = (targets == UNKNOWN).any(axis=0)
    truth: Ints = np.where((targets == 1).any(axis=0), 1, np.where(undecided, UNKNOWN, 0))
    return truth


def fit_length_correction(articles: Articles) -> dict[str, float]:
    """By how many logits, times log n, an article of n sentences lies below its strongest sentence, for each label.

    The most likely value on the given articles; the more sentences, the likelier one of them scores high by chance.
    0 for a label with few articles.
    """
    scores, lengths = articles.scores(RULES["max"]), articles.lengths
    corrections = {}
    for column, label in enumerate(articles.labels):
        known = articles.truth[:, column] != UNKNOWN
        truth, highest, counts = articles.truth[known, column], scores[known, column], lengths[known]
        if min(truth.sum(), len(truth) - truth.sum()) < MIN_POSITIVES:
            corrections[label] = 0.0
            continue

        def loss(values: Floats, truth: Ints = truth, highest: Floats = highest, counts: Floats = counts) -> float:
            p = np.clip(length_corrected(highest, counts, float(values[0])), 1e-9, 1 - 1e-9)
            return -float(np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)))

        fitted = float(minimize(loss, np.zeros(1), method="Nelder-Mead").x[0])
        corrections[label] = round(max(fitted, 0.0), 4)  # no article scores above its strongest sentence
    return corrections


def article_metrics(
    articles: Articles, thresholds: Mapping[str, float], corrections: Mapping[str, float]
) -> dict[str, float]:
    """Metrics of each rule, keys "articles/rule/label/metric"; "shipped" is the rule that the model uses.

    "articles/rule/calm_flagged" is the share of articles without a flagging label that are flagged, "hot_flagged" that
    of the others.
    """
    ways = {name: articles.scores(rule) for name, rule in RULES.items()}
    weights = np.array([corrections[label] for label in articles.labels])
    ways["shipped"] = length_corrected(ways["max"], articles.lengths[:, None], weights)
    metrics = {"articles/rows": float(len(articles.sentences))}
    limits = np.array([thresholds[label] for label in articles.labels])
    columns = [articles.labels.index(label) for label in default_flagging(articles.labels)]
    hot = (articles.truth[:, columns] == 1).any(axis=1)
    calm = (articles.truth[:, columns] == 0).all(axis=1)
    for name, scores in ways.items():
        flagged = np.asarray((scores >= limits)[:, columns].any(axis=1), dtype=np.bool_)
        for kind, rows in (("hot", hot), ("calm", calm)):
            if rows.sum() >= MIN_POSITIVES:
                metrics |= {f"articles/{name}/{kind}_flagged": float(flagged[rows].mean())}
                metrics |= {f"articles/{kind}_rows": float(rows.sum())}
        for column, label in enumerate(articles.labels):
            known = articles.truth[:, column] != UNKNOWN
            truth, values = articles.truth[known, column], scores[known, column]
            if min(truth.sum(), len(truth) - truth.sum()) < MIN_POSITIVES:
                continue
            base = f"articles/{name}/{label}"
            metrics |= {
                f"{base}/positives": float(truth.sum()),
                f"{base}/average_precision": float(average_precision_score(truth, values)),
                f"{base}/roc_auc": float(roc_auc_score(truth, values)),
                f"{base}/f1": float(f1_score(truth, values >= thresholds[label], zero_division=0)),
                f"{base}/brier": float(brier_score_loss(truth, values)),
                f"{base}/calibration_error": calibration_error(values, truth),
            }
    return metrics
