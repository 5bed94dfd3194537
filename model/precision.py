"""Whether bfloat16 pays on a device. A processor may have its instructions and still be slower with them."""

from __future__ import annotations

import functools
import time

import torch

SIZE = 1024  # rows and columns of the measured product: some 10 ms
REPEATS = 3
GAIN = 1.2  # how much faster it must be, so that noise does not decide


@functools.cache
def bf16_pays(device_type: str) -> bool:
    """Whether matrix products are clearly faster in bfloat16 than in float32, measured once in a process.

    Matrix units (Intel AMX) make them seven times as fast. On a processor with AVX-512 BF16 alone they were measured at
    half of float32's speed, so the instruction's presence says nothing.
    """
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_type != "cpu":
        return False
    return GAIN * _seconds(torch.bfloat16) < _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    left, right = torch.ones(SIZE, SIZE, dtype=dtype), torch.ones(SIZE, SIZE, dtype=dtype)
    times = []
    for _ in range(1 + REPEATS):
        begun = time.perf_counter()
        torch.mm(left, right)
        times.append(time.perf_counter() - begun)
    return min(times[1:])
