"""What the machine is, and the fastest matrix product that PyTorch reaches on it, by which speeds can be judged.

python -m benchmarks.machine            # as JSON
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.processes import cores

# Rows, inner, columns: a large square, and the shapes of the shipped encoder's layers over a batch of 4,096 tokens.
SHAPES = ((2048, 2048, 2048), (4096, 384, 1536), (4096, 1536, 384))
REPEATS = 5
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
_PACKAGES = ("tocsin", "torch", "transformers", "tokenizers", "numpy", "openvino")


def describe() -> dict[str, Any]:
    """Processor, versions, and matrix-product peaks in TFLOP/s."""
    shapes = {
        name: {"x".join(map(str, shape)): _tflops(shape, dtype) for shape in SHAPES}
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
    }
    return {
        "processor": _cpuinfo("model name"),
        "cores": cores(),
        "instructions": [flag for flag in _FLAGS if flag in _cpuinfo("flags").split()],
        "memory_gb": round(_memory_kb() / 1024**2, 1),
        "versions": {name: version for name in _PACKAGES if (version := _version(name))},
        "peak_tflops": {name: max(found.values()) for name, found in shapes.items()},
        "tflops": shapes,
    }


def _tflops(shape: tuple[int, int, int], dtype: torch.dtype) -> float:
    rows, inner, columns = shape
    left, right = torch.randn(rows, inner).to(dtype), torch.randn(inner, columns).to(dtype)
    seconds = []
    for _ in range(1 + REPEATS):  # the first one makes its kernels
        begun = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - begun)
    return round(2 * rows * inner * columns / min(seconds[1:]) / 1e12, 4)


def _cpuinfo(field: str) -> str:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def _memory_kb() -> int:
    return next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was found."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    print(json.dumps(describe()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
