"""Trained matrices in 4 bits: small, close, and whole or not at all."""

import pytest
import torch

from tocsin.model.differences import DIFFERENCE, SCALE, pack, rows_from_4_bits, rows_to_4_bits, unpack


@pytest.mark.parametrize("width", [16, 64, 384])
def test_rows_come_back_close_in_half_a_byte_a_value(width: int) -> None:
    torch.manual_seed(0)
    rows = 0.01 * torch.randn(50, width)
    rows[3] = 0.0
    packed, scales = rows_to_4_bits(rows)
    assert packed.dtype == torch.uint8
    assert packed.shape == (50, max(width, 64) // 2)
    again = rows_from_4_bits(packed, scales, width)
    assert ((again - rows).norm() / rows.norm()) < 0.12
    assert torch.equal(again[3], rows[3])
    with pytest.raises(ValueError, match="expected differences for rows of"):
        rows_from_4_bits(packed, scales, max(width, 64) + 1)


def test_an_outlier_does_not_cost_its_block_everything() -> None:
    rows = torch.full((1, 64), 0.001)
    rows[0, 5] = 0.02
    again = rows_from_4_bits(*rows_to_4_bits(rows), 64)
    assert again[0, 5] == pytest.approx(0.02, rel=0.35)


def test_matrices_are_differences_and_vectors_half_precision() -> None:
    torch.manual_seed(0)
    base = {"a.weight": torch.randn(6, 8), "a.bias": torch.zeros(6)}
    trained = {"a.weight": base["a.weight"] + 0.01 * torch.randn(6, 8), "a.bias": torch.full((6,), 0.3)}
    packed = pack(trained, base)
    assert packed["a.bias"].dtype == torch.float16
    again = unpack(packed, base)
    torch.testing.assert_close(again["a.weight"], trained["a.weight"], atol=3e-3, rtol=0)
    torch.testing.assert_close(again["a.bias"], trained["a.bias"], atol=1e-3, rtol=0)


def test_a_missing_scale_is_an_error() -> None:
    base = {"a.weight": torch.zeros(2, 2)}
    packed = pack({"a.weight": torch.ones(2, 2)}, base)
    assert set(packed) == {"a.weight" + DIFFERENCE, "a.weight" + SCALE}
    del packed["a.weight" + SCALE]
    with pytest.raises(KeyError):
        unpack(packed, base)
