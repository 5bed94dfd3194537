"""What must not move a score: the name of a group or an outlet, the script, quotation marks, diacritics, disguise."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import numpy as np
from sklearn.metrics import roc_auc_score

from tocsin.training.augment import SERBIAN, disguised, other_quotes, other_script, without_diacritics
from tocsin.training.neutral import neutral_sentences
from tocsin.training.probe import identity_words
from tocsin.training.scored import Mask, Scored, Scorer, Strings

MIN_ROWS = 20  # positives and negatives of a group before its AUC is reported
MAX_ROWS = 1500  # rows that are rewritten and scored again
# Invented names, so that no real outlet is measured by what a model believes of it.
OUTLETS = {
    "hbs": ("Glas Drine", "Portal Vidik24", "Jutarnja Rječ", "Nova Straža"),
    "sq": ("Zëri i Drinit", "Portali Pamja24", "Gazeta Agimi", "Roja e Re"),
    "mk": ("Глас на Вардар", "Портал Видик24", "Утринска Реч", "Нова Стража"),
    "en": ("Drina Voice", "Vidik24", "The Morning Word", "New Guard"),
}


def fairness(scored: Scored, label: str) -> dict[str, float]:
    """ROC AUC within, and against, the sentences that name each group (Borkan et al. 2019), keys "fairness/…".

    ``subgroup``: among sentences that name the group. ``bpsn``: its negatives against positives of others, low when the
    name raises scores. ``bnsp``: its positives against negatives of others, low when the name hides attacks.
    """
    values, truth = scored.known(label)
    column = scored.labels.index(label)
    decided = scored.targets[:, column] >= 0
    texts, langs = scored.texts[decided], scored.langs[decided]
    named = [set(identity_words(text, lang)) for text, lang in zip(texts, langs, strict=True)]
    overall = float(roc_auc_score(truth, values))
    metrics = {f"fairness/{label}/overall": overall}
    for group in sorted(set().union(*named)):
        member = np.array([group in names for names in named])
        positive = truth == 1
        counts = [(member & positive).sum(), (member & ~positive).sum()]
        if min(counts) < MIN_ROWS:
            continue
        parts = {
            "subgroup": member,
            "bpsn": (member & ~positive) | (~member & positive),
            "bnsp": (member & positive) | (~member & ~positive),
        }
        base = f"fairness/{label}/{group}"
        metrics |= {f"{base}/{name}": float(roc_auc_score(truth[rows], values[rows])) for name, rows in parts.items()}
        metrics[f"{base}/rows"] = float(member.sum())
    worst = [value for key, value in metrics.items() if key.endswith("/subgroup")]
    if worst:
        metrics[f"fairness/{label}/worst_subgroup"] = min(worst)
        metrics[f"fairness/{label}/gap"] = overall - min(worst)
    return metrics


def neutral_identity(scorer: Scorer, thresholds: Mapping[str, float], flagging: list[int]) -> dict[str, float]:
    """Share flagged of neutral sentences that name each group of the region in each language."""
    rows = neutral_sentences()
    probabilities = scorer.predict_proba([text for _, _, text in rows])
    limits = np.array(list(thresholds.values()))
    flagged = np.asarray((probabilities >= limits)[:, flagging].any(axis=1), dtype=np.bool_)
    metrics = {"probe/identity/rows": float(len(rows)), "probe/identity/flagged": float(flagged.mean())}
    for place, name in ((0, "language"), (1, "group")):
        for value in sorted({row[place] for row in rows}):
            chosen = np.array([row[place] == value for row in rows])
            metrics[f"probe/identity/{name} {value}/flagged"] = float(flagged[chosen].mean())
    return metrics


def outlet_names(scorer: Scorer, scored: Scored, thresholds: Mapping[str, float]) -> dict[str, float]:
    """How far scores move, and labels change, when an (invented) outlet is named before the sentence."""
    rng = random.Random(0)
    part = _sample(scored)

    def named(text: str, lang: str) -> str:
        return f"{rng.choice(OUTLETS.get(lang, OUTLETS['hbs' if lang not in OUTLETS else lang]))}: {text}"

    return _moved(scorer, part, thresholds, named, "probe/outlet name")


def invariance(scorer: Scorer, scored: Scored, thresholds: Mapping[str, float]) -> dict[str, float]:
    """Mean and largest movement of scores, and share of sentences with equal labels, under harmless rewriting."""
    rng = random.Random(0)
    part = _sample(scored)
    serbian = np.isin(part.langs, sorted(SERBIAN))
    latin = np.isin(part.langs, ["sr-Latn", "hr", "bs", "cnr", "sq"])
    metrics: dict[str, float] = {}
    ways: tuple[tuple[str, Mask, Callable[[str, str], str]], ...] = (
        ("script", serbian, other_script),
        ("diacritics", latin, lambda text, lang: without_diacritics(text)),
        ("quotation marks", _with_quotes(part.texts), lambda text, lang: other_quotes(text, rng)),
        ("disguise", np.ones(len(part), dtype=bool), lambda text, lang: disguised(text, rng)),
    )
    for name, rows, rewrite in ways:
        if rows.any():
            metrics |= _moved(scorer, part.take(rows), thresholds, rewrite, f"invariance/{name}")
    return metrics


def _moved(
    scorer: Scorer, part: Scored, thresholds: Mapping[str, float], rewrite: Callable[[str, str], str], prefix: str
) -> dict[str, float]:
    texts = [rewrite(str(text), str(lang)) for text, lang in zip(part.texts, part.langs, strict=True)]
    changed = scorer.predict_proba(texts)
    limits = np.array(list(thresholds.values()))
    gaps = np.abs(changed - part.probabilities)
    metrics = {
        f"{prefix}/rows": float(len(part)),
        f"{prefix}/mean_gap": float(gaps.mean()),
        f"{prefix}/largest_gap": float(gaps.max()),
        f"{prefix}/labels_equal": float(((changed >= limits) == part.reached(thresholds)).all(axis=1).mean()),
    }
    for column, label in enumerate(part.labels):
        truth = part.targets[:, column]
        if 0 < (truth == 1).sum() < (truth >= 0).sum():
            known = truth >= 0
            metrics[f"{prefix}/{label}/roc_auc"] = float(roc_auc_score(truth[known], changed[known, column]))
    return metrics


def _sample(scored: Scored) -> Scored:
    """At most MAX_ROWS rows, always the same ones."""
    chosen = np.zeros(len(scored), dtype=bool)
    chosen[np.random.default_rng(0).permutation(len(scored))[:MAX_ROWS]] = True
    return scored.take(chosen)


def _with_quotes(texts: Strings) -> Mask:
    return np.array([any(mark in text for mark in '„“”»«"') for text in texts], dtype=bool)
