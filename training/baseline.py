"""What character and word n-grams alone can do: a logistic regression to hold every transformer against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from datasets import Dataset
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from tocsin.training.dedupe import fold
from tocsin.training.scored import Floats

MAX_FEATURES = 300_000  # of each kind of n-gram


class NgramBaseline:
    """TF-IDF of character 2- to 5-grams and of words and word pairs, one logistic regression a label.

    Texts are folded first (lower case, Serbian scripts as one), which is the kinder comparison.
    """

    def __init__(self) -> None:
        self._features = make_union(
            TfidfVectorizer(
                analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True, max_features=MAX_FEATURES
            ),
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, max_features=MAX_FEATURES),
        )
        self._models: list[LogisticRegression | None] = []

    def fit(self, rows: Dataset) -> NgramBaseline:
        """Fit on rows made by ``build_mixture``, each label on the rows where it is known.

        A label without rows of both kinds cannot be learnt: its probability is 0.5 everywhere.
        """
        matrix = self._features.fit_transform([fold(text) for text in rows["text"]])
        targets = np.array(list(rows["targets"]), dtype=np.int64)
        for column in range(targets.shape[1]):
            known = targets[:, column] >= 0
            if len(np.unique(targets[known, column])) < 2:
                self._models.append(None)
                continue
            model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
            self._models.append(model.fit(matrix[known], targets[known, column]))
        return self

    def predict_proba(self, sentences: Sequence[str]) -> Floats:
        """Probabilities, shape (n, n_labels); not calibrated, so only ranks and chosen thresholds mean something."""
        matrix = self._features.transform([fold(text) for text in sentences])
        columns = [
            model.predict_proba(matrix)[:, 1] if model else np.full(len(sentences), 0.5) for model in self._models
        ]
        return np.column_stack(columns)

    def predict_clean(self, sentences: Sequence[str]) -> Floats:
        """The same: folding undoes what distinguishes the two."""
        return self.predict_proba(sentences)
