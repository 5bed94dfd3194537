"""Run a command as a process of its own and say what it cost: seconds, processor time, memory over time.

Nothing here imports torch: the peak of a child counts from the size of the process that starts it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

TOCSIN = (sys.executable, "-m", "tocsin.serve.main")
STUB = (sys.executable, "-m", "benchmarks.stub")  # tocsin without its model
ROOT = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Run:
    """A process that has ended."""

    status: int  # negative: the signal that ended it
    seconds: float
    cpu_seconds: float
    peak_mb: float  # resident, as the kernel counted it
    elsewhere: float  # share of all cores that other processes took meanwhile
    out: str
    said: str  # standard error
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds and resident MB


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    kill_when: Callable[[float], bool] | None = None,
    sample_seconds: float = SAMPLE_SECONDS,
) -> Run:
    """Run a command from the root of the repository to its end.

    ``kill_when`` is asked with the seconds since the start at every sample; when it says so, SIGKILL ends the process.
    """
    with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as said:
        busy, begun = _busy_seconds(), time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=said,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        memory: list[tuple[float, float]] = []
        ended = 0
        while not ended:
            now = time.monotonic() - begun
            if kill_when is not None and kill_when(now):
                process.send_signal(signal.SIGKILL)
                kill_when = None
            if resident := _resident_mb(process.pid):
                memory.append((round(now, 3), round(resident, 1)))
            time.sleep(sample_seconds)
            # Not Popen.wait: only wait4 tells the peak of this one child.
            ended, code, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(code)
        cpu = usage.ru_utime + usage.ru_stime
        others = max(0.0, _busy_seconds() - busy - cpu)
        return Run(
            status=process.returncode,
            seconds=seconds,
            cpu_seconds=cpu,
            peak_mb=usage.ru_maxrss / 1024,
            elsewhere=others / (seconds * cores()),
            out=_text(out),
            said=_text(said),
            memory=memory,
        )


def succeed(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    sample_seconds: float = SAMPLE_SECONDS,
) -> Run:
    """The run of a command that must end well; RuntimeError with what it said otherwise."""
    done = run(command, environment=environment, sample_seconds=sample_seconds)
    if done.status != 0:
        raise RuntimeError(
            f"expected status 0 of {' '.join(command)}, found {done.status}: {done.said.strip()[-2000:]}"
        )
    return done


def out_folder(name: str) -> Path:
    """The folder that an option names, made where it is missing; absolute, since processes run from the root."""
    path = Path(name).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / _MEGABYTE
    except (OSError, IndexError):  # it has just ended
        return 0.0


def _busy_seconds() -> float:
    """Processor time that all processes of the machine have taken; 0 where the system does not tell."""
    try:
        user, nice, system = map(int, Path("/proc/stat").read_text().split(maxsplit=4)[1:4])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system) / _TICKS


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")
