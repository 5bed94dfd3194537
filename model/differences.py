"""Trained matrices as differences from the base in 4 bits, the precision of the default base itself.

A block of 64 neighbours in a row shares one scale, and two values share a byte. Vectors (biases, norms) are small and
stay in half precision. All parameters of the default base so fit 12 MB.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

DIFFERENCE, SCALE = ".difference", ".scale"
BLOCK = 64
_LEAST_SCALE = 1e-7  # of a block that did not change; above zero in half precision
_SHRINKING = (1.0, 0.9, 0.8, 0.7)  # of the largest value: cutting it off may leave less error over the block


def rows_to_4_bits(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Bytes of shape (n, blocks * 32) and half-precision scales (n, blocks), for ``rows_from_4_bits``."""
    blocks = nn.functional.pad(rows.float(), (0, -rows.shape[1] % BLOCK)).reshape(len(rows), -1, BLOCK)
    best = torch.full(blocks.shape[:2], torch.inf)
    values, scales = torch.zeros_like(blocks), torch.zeros(blocks.shape[:2], dtype=torch.float16)
    for factor in _SHRINKING:
        scale = (blocks.abs().amax(dim=2) * factor / 7.0).clamp(min=_LEAST_SCALE).half()
        found = (blocks / scale.float().unsqueeze(2)).round().clamp(-8, 7)
        error = (found * scale.float().unsqueeze(2) - blocks).square().sum(dim=2)
        better = error < best
        best[better], values[better], scales[better] = error[better], found[better], scale[better]
    nibbles = (values + 8).to(torch.uint8).flatten(1)
    return nibbles[:, 0::2] | (nibbles[:, 1::2] << 4), scales


def rows_from_4_bits(packed: torch.Tensor, scales: torch.Tensor, width: int) -> torch.Tensor:
    """Rows of shape (n, width) in float32."""
    nibbles = torch.stack([packed & 15, packed >> 4], dim=2).flatten(1)
    values = nibbles.float() - 8.0
    rows: torch.Tensor = (values.reshape(len(values), -1, BLOCK) * scales.float().unsqueeze(2)).flatten(1)
    if rows.shape[1] - BLOCK >= width or rows.shape[1] < width:
        raise ValueError(f"expected differences for rows of {width}, found {rows.shape[1]} values")
    return rows[:, :width]


def pack(trained: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Trained tensors in the form of a checkpoint; matrices as differences from those of the same name in ``base``."""
    packed: dict[str, torch.Tensor] = {}
    for name, tensor in trained.items():
        if tensor.ndim == 2:
            packed[name + DIFFERENCE], packed[name + SCALE] = rows_to_4_bits(tensor.float() - base[name].float())
        else:
            packed[name] = tensor.half()
    return packed


def unpack(packed: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The trained tensors again; KeyError when a scale or a matrix of the base is missing."""
    tensors = {name: tensor.float() for name, tensor in packed.items() if not name.endswith((DIFFERENCE, SCALE))}
    for key in packed:
        if key.endswith(DIFFERENCE):
            name = key.removesuffix(DIFFERENCE)
            width = base[name].shape[1]
            tensors[name] = base[name].float() + rows_from_4_bits(packed[key], packed[name + SCALE], width)
    return tensors
