"""Trained matrices as differences from the base in 8 bits: half the file, with an error below that of the base itself.

A row is stored as integers from -127 to 127 and one scale, its largest difference over 127. Vectors (biases, norms) are
small and stay in half precision.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

DIFFERENCE, SCALE = ".difference", ".scale"
_LEAST_SCALE = 1e-12  # of a row that did not change


def rows_to_int8(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers of shape (n, m) and scales of shape (n,), whose product is close to ``rows``."""
    scale = (rows.abs().amax(dim=1) / 127.0).clamp(min=_LEAST_SCALE)
    return (rows / scale.unsqueeze(1)).round().to(torch.int8), scale


def pack(trained: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Trained tensors in the form of a checkpoint; matrices as differences from those of the same name in ``base``."""
    packed: dict[str, torch.Tensor] = {}
    for name, tensor in trained.items():
        if tensor.ndim != 2:
            packed[name] = tensor.half()
            continue
        packed[name + DIFFERENCE], packed[name + SCALE] = rows_to_int8(tensor.float() - base[name].float())
    return packed


def unpack(packed: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The trained tensors again; KeyError when a scale or a matrix of the base is missing."""
    tensors = {name: tensor.float() for name, tensor in packed.items() if not name.endswith((DIFFERENCE, SCALE))}
    for key in packed:
        if key.endswith(DIFFERENCE):
            name = key.removesuffix(DIFFERENCE)
            tensors[name] = base[name].float() + packed[key].float() * packed[name + SCALE].float().unsqueeze(1)
    return tensors
