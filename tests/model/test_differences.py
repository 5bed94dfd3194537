"""Trained matrices in 8 bits: small, close, and whole or not at all."""

import pytest
import torch

from tocsin.model.differences import DIFFERENCE, SCALE, pack, unpack


def test_matrices_come_back_within_half_a_step_and_vectors_in_half_precision() -> None:
    torch.manual_seed(0)
    base = {"a.weight": torch.randn(6, 8), "a.bias": torch.zeros(6)}
    trained = {"a.weight": base["a.weight"] + 0.01 * torch.randn(6, 8), "a.bias": torch.full((6,), 0.3)}
    trained["a.weight"][2] = base["a.weight"][2]  # a row that did not change
    packed = pack(trained, base)
    assert packed["a.weight" + DIFFERENCE].dtype == torch.int8
    assert packed["a.bias"].dtype == torch.float16
    again = unpack(packed, base)
    steps = packed["a.weight" + SCALE].unsqueeze(1)
    assert ((again["a.weight"] - trained["a.weight"]).abs() <= 0.51 * steps + 1e-7).all()
    assert torch.equal(again["a.weight"][2], base["a.weight"][2])
    torch.testing.assert_close(again["a.bias"], trained["a.bias"], atol=1e-3, rtol=0)


def test_a_missing_scale_is_an_error() -> None:
    base = {"a.weight": torch.zeros(2, 2)}
    packed = pack({"a.weight": torch.ones(2, 2)}, base)
    del packed["a.weight" + SCALE]
    with pytest.raises(KeyError):
        unpack(packed, base)
