"""What character and word n-grams alone can do: a logistic regression to hold every transformer against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from datasets import Dataset
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from tocsin.model.labels import LABELS
from tocsin.training.calibrate import Floats, as_targets
from tocsin.training.dedupe import fold

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
        self._models: list[LogisticRegression] = []

    def fit(self, rows: Dataset) -> NgramBaseline:
        """Fit on rows with the columns of Example; rows on which a label is unknown are left out for that label.

        Raises:
            ValueError: A label has rows of one kind only.
        """
        matrix = self._features.fit_transform([fold(text) for text in rows["text"]])
        targets = as_targets(rows["targets"])
        for column in range(len(LABELS)):
            known = targets[:, column] >= 0
            model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
            self._models.append(model.fit(matrix[known], targets[known, column]))
        return self

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Probabilities, shape (n, n_labels); not calibrated, so only ranks and chosen thresholds mean something."""
        matrix = self._features.transform([fold(text) for text in texts])
        return np.column_stack([model.predict_proba(matrix)[:, 1] for model in self._models])
