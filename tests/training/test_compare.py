"""A paired bootstrap finds real differences and no others."""

import numpy as np
import pytest
from scored_rows import make_scored

from tocsin.model import LABELS
from tocsin.training.compare import compare

LIMITS = dict.fromkeys(LABELS, 0.5)


def rows(noise: float, seed: int) -> tuple[list[list[float]], list[list[int]]]:
    truth = np.random.default_rng(0).integers(0, 2, (600, 4))
    wrong = np.random.default_rng(seed).random((600, 4)) < noise
    return (np.abs(truth - wrong) * 0.8 + 0.1).tolist(), truth.tolist()


def test_a_better_model_is_better_and_an_equal_one_is_not() -> None:
    good, truth = rows(0.1, 1)
    bad, _ = rows(0.3, 2)
    found = compare(make_scored(bad, truth), make_scored(good, truth), LIMITS, LIMITS)
    assert found["macro/difference"] == pytest.approx(found["macro/other"] - found["macro/one"])
    assert 0.1 < found["macro/low"] < found["macro/difference"] < found["macro/high"]
    assert found["divisive/p"] < 0.01
    same = compare(make_scored(good, truth), make_scored(good, truth), LIMITS, LIMITS)
    assert (same["macro/low"], same["macro/high"], same["macro/p"]) == (0.0, 0.0, 1.0)
    assert found["divisive/p"] > 0.0  # a sample cannot show that a chance is nil
    equal = compare(make_scored(good, truth), make_scored(rows(0.1, 5)[0], truth), LIMITS, LIMITS)
    assert equal["macro/low"] < 0 < equal["macro/high"]


def test_rows_of_one_group_are_drawn_together() -> None:
    good, truth = rows(0.1, 1)
    bad, _ = rows(0.3, 2)
    few = [f"g{n // 60}" for n in range(600)]
    apart = compare(make_scored(bad, truth), make_scored(good, truth), LIMITS, LIMITS)
    clustered = (
        [value for n in range(10) for value in [good[n]] * 60],
        [value for n in range(10) for value in [truth[n]] * 60],
    )
    other = [value for n in range(10) for value in [bad[n]] * 60]
    together = compare(
        make_scored(other, clustered[1], groups=few),
        make_scored(clustered[0], clustered[1], groups=few),
        LIMITS,
        LIMITS,
    )
    width = together["macro/high"] - together["macro/low"]
    assert width > 2 * (apart["macro/high"] - apart["macro/low"])


def test_different_rows_are_refused() -> None:
    good, truth = rows(0.1, 1)
    with pytest.raises(ValueError, match="same rows"):
        compare(make_scored(good, truth), make_scored(good[:-1], truth[:-1]), LIMITS, LIMITS)
