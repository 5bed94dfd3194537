"""bfloat16 is used where it was measured to be clearly faster, and nowhere else."""

from collections.abc import Iterator

import pytest
import torch

from tocsin.model import precision


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Measurements of a process are remembered; each test begins without."""
    precision.bf16_pays.cache_clear()
    yield
    precision.bf16_pays.cache_clear()


@pytest.mark.parametrize(("seconds", "pays"), [(0.2, True), (0.95, False), (2.0, False)])
def test_it_must_be_clearly_faster(monkeypatch: pytest.MonkeyPatch, seconds: float, pays: bool) -> None:
    monkeypatch.setattr(precision, "_seconds", lambda dtype: seconds if dtype is torch.bfloat16 else 1.0)
    assert precision.bf16_pays("cpu") is pays
    monkeypatch.setattr(precision, "_seconds", None)  # not measured again
    assert precision.bf16_pays("cpu") is pays


def test_devices_that_are_not_known_get_float32() -> None:
    assert precision.bf16_pays("mps") is False


def test_the_measurement_takes_no_time_worth_speaking_of() -> None:
    assert 0.0 < precision._seconds(torch.float32) < 5.0
