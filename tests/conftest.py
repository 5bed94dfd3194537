"""A two-layer model with random weights and a word tokenizer, made in a moment: what tests score with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tocsin.model import LABELS, RhetoricClassifier
from tocsin.model.base import file_sha256
from tocsin.model.checkpoint import Description
from tocsin.model.network import RhetoricNetwork

os.environ["TOCSIN_ENGINE"] = "torch"  # compiled engines take seconds to make; their tests ask for them
WORDS = "the a minister said we will attack take it back by force talks peace they are traitors army city today".split()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a base encoder: two layers of width 16, weights random but the same in every run."""
    folder = tmp_path_factory.mktemp("tiny-base")
    vocabulary = {token: index for index, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        pad_token_id=1,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a classifier over the tiny base, as 'tocsin score --model' takes it."""
    from tocsin.model.base import load_encoder, load_tokenizer

    torch.manual_seed(1)
    description = Description(
        base=str(tiny_base),
        base_sha256=file_sha256(tiny_base / "model.safetensors"),
        max_tokens=512,
        thresholds=dict.fromkeys(LABELS, 0.5),
        calibration=dict.fromkeys(LABELS, (8.0, 0.0)),  # steep, so that random logits give every kind of score
        adapter=None,
    )
    network = RhetoricNetwork(load_encoder(tiny_base), len(LABELS))
    classifier = RhetoricClassifier(network, load_tokenizer(tiny_base), description, device="cpu")
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    classifier.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_classifier(tiny_checkpoint: Path) -> RhetoricClassifier:
    """The classifier of ``tiny_checkpoint``, on the CPU."""
    return RhetoricClassifier.from_pretrained(tiny_checkpoint, device="cpu")
