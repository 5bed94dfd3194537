"""Article scores rank articles, and are corrected for length on validation."""

import numpy as np
import pytest
from scored_rows import make_scored

from tocsin.model.article import length_corrected
from tocsin.training.articles import RULES, article_metrics, fit_length_correction, make_articles

THRESHOLDS = {"divisive": 0.5, "escalatory": 0.5, "manipulative": 0.5, "conciliatory": 0.5}


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_gives_an_article_of_one_sentence_its_score(name: str) -> None:
    sentence = np.array([[0.2, 0.9, 0.01, 0.5]])
    np.testing.assert_allclose(RULES[name](sentence), sentence[0])
    np.testing.assert_allclose(length_corrected(sentence[0], 1.0, np.array([0.5, 0.0, 2.0, -1.0])), sentence[0])


def articles(*, by_chance: bool) -> tuple[list[list[float]], list[list[int]], list[str]]:
    """Short and long articles; ``by_chance`` long calm ones hold one high score that means nothing."""
    rng = np.random.default_rng(0)
    scores, truth, groups = [], [], []
    for number in range(200):
        length = 4 if number % 2 else 40
        hot = number % 4 < 2
        values = rng.random(length) * 0.3
        if hot or (by_chance and length == 40 and number % 3):
            values[0] = 0.6 + rng.random() * 0.2
        for row, value in enumerate(values):
            scores.append([value, 0.1, 0.1, 0.1])
            truth.append([int(hot and row == 0), 0, 0, 0])
            groups.append(f"a{number}")
    return scores, truth, groups


def test_length_is_taken_off_where_long_articles_score_high_by_chance() -> None:
    scores, truth, groups = articles(by_chance=True)
    found = make_articles(make_scored(scores, truth, groups=groups))
    corrections = fit_length_correction(found)
    assert corrections["divisive"] > 0.05
    assert corrections["escalatory"] == 0.0  # no positives
    scores, truth, groups = articles(by_chance=False)
    honest = make_articles(make_scored(scores, truth, groups=groups))
    assert fit_length_correction(honest)["divisive"] < corrections["divisive"]


def test_metrics_of_every_rule_stand_beside_the_one_that_is_used() -> None:
    scores, truth, groups = articles(by_chance=True)
    found = make_articles(make_scored(scores, truth, groups=groups))
    metrics = article_metrics(found, THRESHOLDS, dict.fromkeys(THRESHOLDS, 0.0))
    assert metrics["articles/rows"] == 200
    assert metrics["articles/shipped/divisive/roc_auc"] == metrics["articles/max/divisive/roc_auc"] > 0.5
    assert {key.split("/")[1] for key in metrics if key.count("/") == 3} == {*RULES, "shipped"}
    assert metrics["articles/max/hot_flagged"] == 1.0
    assert 0.2 < metrics["articles/max/calm_flagged"] < 0.5  # long calm ones that score high by chance
    strict = article_metrics(found, THRESHOLDS, dict.fromkeys(THRESHOLDS, 1.0))
    assert strict["articles/shipped/calm_flagged"] < metrics["articles/max/calm_flagged"]


def test_short_groups_are_no_articles() -> None:
    assert make_articles(make_scored([[0.1] * 4] * 2, [[0] * 4] * 2, groups=["a", "a"])).sentences == []
