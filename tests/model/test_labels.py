"""One order of labels everywhere."""

import pytest

from tocsin.model.labels import DEFINITIONS, FLAGGING, LABELS, encode_labels


def test_labels_are_encoded_in_their_order() -> None:
    assert LABELS == ("divisive", "escalatory", "manipulative", "conciliatory")
    assert encode_labels(["conciliatory", "divisive"]) == [1.0, 0.0, 0.0, 1.0]
    assert encode_labels([]) == [0.0] * 4


def test_every_label_is_defined_and_only_conciliatory_does_not_flag() -> None:
    assert tuple(DEFINITIONS) == LABELS
    assert set(LABELS) - FLAGGING == {"conciliatory"}


def test_an_unknown_label_is_refused_with_the_list() -> None:
    with pytest.raises(ValueError, match="expected one of the labels divisive.*found 'toxic'"):
        encode_labels(["toxic"])
