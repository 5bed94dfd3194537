"""Thresholds come from validation and bound false alarms; metrics break when the scores do."""

import dataclasses

import numpy as np
import pytest
from datasets import Dataset
from scored_rows import make_scored
from sklearn.metrics import average_precision_score, roc_auc_score

from tocsin.model import LABELS
from tocsin.training.baseline import NgramBaseline
from tocsin.training.bootstrap import ranking_scores
from tocsin.training.calibrate import choose_thresholds, fit_calibration, threshold_for_precision
from tocsin.training.evaluate import (
    at_own_thresholds,
    calibration_error,
    evaluate,
    kinds,
    label_metrics,
    summary_lines,
    twins,
)
from tocsin.training.scored import Scored

THRESHOLDS = dict.fromkeys(LABELS, 0.5)


def scored(rows: int = 400, *, shuffled: bool = False, source: str = "toy") -> Scored:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (rows, 4))
    probabilities = np.clip(targets * 0.6 + rng.random((rows, 4)) * 0.4, 0, 1)
    if shuffled:
        targets = rng.permutation(targets)
    groups = [f"w-p{n // 2}" for n in range(rows)]
    made: Scored = make_scored(probabilities.tolist(), targets.tolist(), source=source, groups=groups)
    return made


def test_perfect_scores_are_perfect_and_shuffled_labels_are_chance() -> None:
    good, chance = evaluate(scored(), THRESHOLDS, focus="toy"), evaluate(scored(shuffled=True), THRESHOLDS, focus="toy")
    assert good["toy/en/divisive/f1"] == good["toy/all/macro/f1"] == 1.0
    assert abs(chance["toy/all/divisive/roc_auc"] - 0.5) < 0.1
    assert chance["toy/all/divisive/f1_low"] < chance["toy/all/divisive/f1"] < chance["toy/all/divisive/f1_high"]
    assert twins(scored(), THRESHOLDS) == {"twins/pairs": 200.0, "twins/both_right": 1.0, "twins/ordered": 1.0}
    guessed = twins(scored(shuffled=True), THRESHOLDS)
    assert guessed["twins/both_right"] < 0.1
    assert abs(guessed["twins/ordered"] - 0.5) < 0.1


def test_unknown_targets_are_not_counted_and_thin_slices_are_left_out() -> None:
    data = scored()
    data.targets[:, 0] = -1
    data.targets[:5, 0] = 1
    metrics = evaluate(data, THRESHOLDS, focus="toy")
    assert "toy/all/divisive/f1" not in metrics
    assert "toy/all/macro/f1" not in metrics
    assert metrics["toy/all/escalatory/rows"] == 400


def test_false_alarms_count_flagging_labels_only() -> None:
    data = scored(source="regional-news-ud")
    data.targets[:] = 0
    data.probabilities[:] = 0.1
    data.probabilities[:4, 0] = 0.9
    data.probabilities[:, 3] = 0.9  # conciliatory does not flag
    metrics = evaluate(data, THRESHOLDS, focus="toy")
    assert metrics["regional-news-ud/all/flagged_per_1000"] == 10.0
    assert any("flagged 10.0 of 1,000 (n=400)" in line for line in summary_lines(metrics, LABELS))


def test_sober_sentences_that_do_carry_a_label_are_no_false_alarms() -> None:
    data = scored(source="regional-news-ud")
    data.targets[:] = 0
    data.probabilities[:] = 0.1
    data.probabilities[:4, 0] = 0.9
    data.targets[:2, 0] = 1
    metrics = evaluate(data, THRESHOLDS, focus="toy")
    assert metrics["regional-news-ud/all/rows"] == 398
    assert metrics["regional-news-ud/all/flagged_per_1000"] == 1000 * 2 / 398


def test_calibration_makes_steep_logits_honest() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (4000, 4))
    logits = 6.0 * (truth * 2 - 1) + rng.normal(0, 9, (4000, 4))
    raw = 1 / (1 + np.exp(-logits))
    calibration = fit_calibration(logits, truth, LABELS)
    scale, shift = calibration["divisive"]
    fitted = 1 / (1 + np.exp(-(scale * logits[:, 0] + shift)))
    assert calibration_error(fitted, truth[:, 0]) < 0.03 < calibration_error(raw[:, 0], truth[:, 0])


def test_a_label_with_few_rows_is_not_calibrated() -> None:
    targets = np.full((50, 4), -1)
    targets[:10, 0] = 1
    assert fit_calibration(np.zeros((50, 4)), targets, LABELS) == {}


FLAGS = ("divisive", "escalatory", "manipulative")


def test_thresholds_rise_until_sober_sentences_stay_unflagged() -> None:
    data = scored()
    free = choose_thresholds(data, np.zeros((0, 4)), max_false_alarms=0.01, flagging=FLAGS)
    sober = np.linspace(0, 0.8, 1000)[:, None].repeat(4, axis=1)
    bound = choose_thresholds(data, sober, max_false_alarms=0.01, flagging=FLAGS)
    limits = np.array([bound[label] for label in LABELS])
    assert bound["divisive"] > free["divisive"]
    assert (sober >= limits)[:, :3].any(axis=1).mean() <= 0.01
    assert bound["conciliatory"] == free["conciliatory"]
    with pytest.raises(ValueError, match="raise max_false_alarms"):
        choose_thresholds(data, np.full((1000, 4), 0.99), max_false_alarms=0.01, flagging=FLAGS)


def test_the_label_that_needs_alarms_most_gets_them() -> None:
    data = scored()
    data.probabilities[:, 0] = np.clip(data.probabilities[:, 0] - 0.35, 0, 1)  # its positives lie as low as sober text
    sober = np.full((1000, 4), 0.1)
    sober[:10, 0] = np.linspace(0.4, 0.6, 10)
    bound = choose_thresholds(data, sober, max_false_alarms=0.01, flagging=FLAGS)
    equal_share = float(np.quantile(sober[:, 0], 1 - 0.01 / 3, method="higher"))
    assert bound["divisive"] < equal_share


def test_the_lowest_threshold_of_a_precision_is_found() -> None:
    scores, truth = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([0, 1, 0, 1, 1])
    assert threshold_for_precision(scores, truth, 1.0) == 0.4
    assert threshold_for_precision(scores, truth, 0.7) == 0.2
    assert threshold_for_precision(scores, 1 - truth, 1.0) is None


def test_a_source_of_another_register_gets_its_own_threshold_from_its_own_validation_rows() -> None:
    truth = [[n % 2, 0, 0, 0] for n in range(60)]
    low = make_scored([[0.1 + 0.1 * (n % 2), 0, 0, 0] for n in range(60)], truth)  # far below any news threshold
    assert evaluate(low, THRESHOLDS, focus="toy")["toy/en/divisive/macro_f1"] < 0.4
    found = at_own_thresholds(low, low)
    assert found["toy/en/divisive/own_macro_f1"] == 1.0
    assert 0.1 < found["toy/en/divisive/own_threshold"] <= 0.2
    assert not any("escalatory" in key for key in found)  # no row of it to choose by
    assert at_own_thresholds(low, low.take(np.arange(60) < 5)) == {}


def test_slices_and_kinds_are_reported_with_their_rows() -> None:
    data = scored()
    data = dataclasses.replace(
        data,
        attributions=np.where(np.arange(400) < 390, "outlet", "quoted"),
        kinds=np.array(["sport"] * 200 + [""] * 200),
    )
    data.targets[:200] = 0
    data.probabilities[:200, 1:] = 0.1
    metrics = evaluate(data, THRESHOLDS, focus="toy")
    assert metrics["slice/attribution outlet/divisive/rows"] == 390
    assert "slice/attribution quoted/divisive/f1" not in metrics  # too thin
    assert metrics["slice/script Latn/divisive/rows"] == 400
    assert metrics["kind/sport/flagged"] == pytest.approx((data.probabilities[:200, 0] >= 0.5).mean())
    assert kinds(data, THRESHOLDS)["kind/sport/rows"] == 200


def test_an_answer_that_repeats_a_claim_must_not_be_flagged_with_it() -> None:
    groups = [f"c{n // 2}" for n in range(40)]
    scores = [[0.9 if n % 2 == 0 or n < 10 else 0.1, 0.1, 0.1, 0.1] for n in range(40)]
    data = make_scored(scores, [[int(n % 2 == 0), -1, -1, -1] for n in range(40)], groups=groups)
    data = dataclasses.replace(data, kinds=np.array(["", "counter_speech"] * 20))
    metrics = evaluate(data, THRESHOLDS, focus="toy")
    assert metrics["toy/all/countered/pairs"] == 20
    assert metrics["toy/all/countered/both_right"] == 0.75


def test_brier_score_and_intervals_are_there_unless_not_asked() -> None:
    metrics = label_metrics(scored(), THRESHOLDS, "toy/all")
    assert 0 < metrics["toy/all/divisive/brier"] < 0.25
    assert "toy/all/divisive/f1_low" not in label_metrics(scored(), THRESHOLDS, "toy/all", intervals=False)


def test_intervals_hold_the_value_narrow_with_rows_and_widen_with_groups() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (2000, 4))
    scores = np.where(rng.random((2000, 4)) < 0.8, truth, 1 - truth) * 0.8 + 0.1

    def width(count: int, group_rows: int) -> float:
        groups = [f"g{n // group_rows}" for n in range(count)]
        rows = make_scored(scores[:count].tolist(), truth[:count].tolist(), groups=groups)
        found = label_metrics(rows, THRESHOLDS, "t/all")
        for name in ("f1", "precision", "recall", "average_precision", "roc_auc"):
            base = f"t/all/divisive/{name}"
            assert found[f"{base}_low"] < found[base] < found[f"{base}_high"]
        assert found["t/all/macro/f1_low"] < found["t/all/macro/f1"] < found["t/all/macro/f1_high"]
        return found["t/all/divisive/f1_high"] - found["t/all/divisive/f1_low"]

    assert width(2000, 1) < 0.6 * width(200, 1)
    copies = np.repeat(np.arange(100), 10)
    rows = make_scored(scores[copies].tolist(), truth[copies].tolist(), groups=[f"g{n}" for n in copies])
    clustered = label_metrics(rows, THRESHOLDS, "t/all")
    assert clustered["t/all/divisive/f1_high"] - clustered["t/all/divisive/f1_low"] > 2 * width(1000, 1)


def test_ranking_scores_are_those_of_scikit_learn_for_every_sample() -> None:
    rng = np.random.default_rng(0)
    truth, values = rng.integers(0, 2, 300), rng.integers(0, 40, 300) / 40.0  # with ties
    weights = rng.multinomial(300, np.full(300, 1 / 300), 5)
    precision, area = ranking_scores(truth, values, weights)
    for sample in range(5):
        assert precision[sample] == pytest.approx(average_precision_score(truth, values, sample_weight=weights[sample]))
        assert area[sample] == pytest.approx(roc_auc_score(truth, values, sample_weight=weights[sample]))
    assert np.isnan(ranking_scores(np.zeros(3, dtype=int), values[:3], weights[:, :3])[1]).all()


def test_perfect_scores_have_no_width() -> None:
    found = label_metrics(scored(), THRESHOLDS, "t/all")
    assert found["t/all/divisive/f1_low"] == found["t/all/divisive/roc_auc_high"] == 1.0


def test_n_grams_learn_words_and_skip_unknown_targets() -> None:
    rows = [{"text": f"the storm will come at {n}", "targets": [1, 0, -1, 0]} for n in range(30)]
    rows += [{"text": f"a quiet day in the market {n}", "targets": [0, 1, 1, 1]} for n in range(30)]
    rows += [{"text": f"nothing is decided {n}", "targets": [-1, -1, 0, 0]} for n in range(30)]
    baseline = NgramBaseline().fit(Dataset.from_list(rows))
    storm, market, nothing = baseline.predict_proba(["Storm will come!", "the quiet market", "nothing decided"])
    assert storm[0] > 0.8 > 0.5 > market[0]
    assert market[2] > 0.5 > nothing[2]  # the rows of the storm say nothing about the third label


def test_the_report_reads_the_baseline_too() -> None:
    good, chance = evaluate(scored(), THRESHOLDS, focus="toy"), evaluate(scored(shuffled=True), THRESHOLDS, focus="toy")
    both = good | twins(scored(), THRESHOLDS) | {f"baseline/{name}": value for name, value in chance.items()}
    lines = summary_lines(both, LABELS)
    assert any(line.startswith("near-twin pairs (200): both right 1.000") for line in lines)
    assert (
        sum(line.startswith("n-grams: toy") for line in lines) == len(summary_lines(good, LABELS)) - 1
    )  # twins stand apart
