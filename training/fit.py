"""Fit low-rank adapters and heads on a mixture with masked labels."""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from tocsin.model.base import load_encoder, load_tokenizer, resolve_base
from tocsin.model.checkpoint import Adapter, load_checkpoint
from tocsin.model.classifier import pad, resolve_device
from tocsin.model.labels import LABELS
from tocsin.model.network import ENCODER_PREFIX, HEAD_PREFIX, LORA_A, LORA_B, RhetoricNetwork
from tocsin.training.batching import epoch_rows, in_cyrillic, length_batches
from tocsin.training.config import TrainConfig
from tocsin.training.mixture import Mixture

LOG_STEPS = 50
MAX_GRADIENT_NORM = 1.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids, attention mask and targets, first dimension the rows."""

    inputs: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor


def masked_loss(logits: torch.Tensor, targets: torch.Tensor, positive_weights: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy over the known targets; unknown ones (negative) count nothing.

    ``positive_weights`` has one weight a label. A batch without any known target gives 0.
    """
    known = (targets >= 0).to(logits.dtype)
    losses = binary_cross_entropy_with_logits(
        logits, targets.clamp(min=0).to(logits.dtype), pos_weight=positive_weights, reduction="none"
    )
    return (losses * known).sum() / known.sum().clamp(min=1.0)


def say(message: str) -> None:
    """Print progress to standard error, where it does not mix with results."""
    print(message, file=sys.stderr, flush=True)


def fit(
    config: TrainConfig, mixture: Mixture, *, device: str | None = None, progress: Progress = say
) -> dict[str, torch.Tensor]:
    """Trained tensors under the names of a checkpoint: low-rank factors of the encoder, and the head."""
    torch.manual_seed(config.seed)
    rng = random.Random(config.seed)
    target_device = resolve_device(device)
    network = _make_network(config).to(target_device)
    tokenizer = load_tokenizer(resolve_base(config.base, allow_download=config.allow_download))
    rows_targets = torch.tensor(np.array(mixture.train["targets"]), dtype=torch.float32)
    steps_an_epoch = math.ceil(_rows_an_epoch(config, mixture) / config.batch_rows)
    trainer = _Trainer(network, config, steps_an_epoch * config.epochs, target_device, progress)
    for epoch in range(config.epochs):
        texts = in_cyrillic(mixture.train, config.cyrillic_fraction, rng)
        ids = tokenizer(texts, truncation=True, max_length=config.train_max_tokens)["input_ids"]
        rows = epoch_rows(mixture.train["source"], config.sources, rng)
        for batch in length_batches(rows, [len(row) for row in ids], config.batch_rows, rng):
            inputs, mask = pad([ids[row] for row in batch], int(tokenizer.pad_token_id))
            trainer.step(Batch(inputs, mask, rows_targets[batch]), epoch)
    return _trained_tensors(network)


class _Trainer:
    """Optimiser, schedule and running mean of the loss."""

    def __init__(
        self, network: RhetoricNetwork, config: TrainConfig, steps: int, device: torch.device, progress: Progress
    ) -> None:
        self.network, self.device, self.progress, self.steps = network, device, progress, steps
        adapters = [p for p in network.encoder.parameters() if p.requires_grad]
        self.parameters = [*adapters, *network.head.parameters()]
        self.optimizer = AdamW(
            [
                {"params": adapters, "lr": config.learning_rate},
                {"params": list(network.head.parameters()), "lr": config.head_learning_rate},
            ],
            weight_decay=config.weight_decay,
        )
        warmup = max(1, int(config.warmup_fraction * steps))
        self.schedule = LambdaLR(
            self.optimizer, lambda step: min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))
        )
        self.weights = torch.tensor([config.label_weights.get(label, 1.0) for label in LABELS], device=device)
        self.done, self.losses, self.started = 0, [0.0], time.monotonic()

    def step(self, batch: Batch, epoch: int) -> None:
        self.network.train()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.network(batch.inputs.to(self.device), batch.mask.to(self.device))
        loss = masked_loss(logits.float(), batch.targets.to(self.device), self.weights)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self.parameters, MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.done += 1
        self.losses.append(float(loss.detach()))
        if self.done % LOG_STEPS == 0 or self.done == self.steps:
            elapsed = time.monotonic() - self.started
            left = elapsed / self.done * (self.steps - self.done)
            mean = sum(self.losses[-LOG_STEPS:]) / len(self.losses[-LOG_STEPS:])
            self.progress(
                f"epoch {epoch + 1} step {self.done}/{self.steps} loss {mean:.4f} "
                f"elapsed {elapsed:.0f}s left {left:.0f}s"
            )


def _make_network(config: TrainConfig) -> RhetoricNetwork:
    # Eager attention: the fused kernel's backward pass took a third of a training step in bf16 on CPU when profiled.
    encoder = load_encoder(resolve_base(config.base, allow_download=config.allow_download), attention="eager")
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    linear = sorted({name for name, module in encoder.named_modules() if isinstance(module, torch.nn.Linear)})
    lora = LoraConfig(r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules=linear, lora_dropout=0.0)
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # random masks cost a fifth of a step on CPU; the frozen base regularises enough
    network = RhetoricNetwork(inject_adapter_in_model(lora, encoder), config.dropout)
    if config.start_from is not None:
        _continue_from(network, Path(config.start_from), config)
    return network


def _continue_from(network: RhetoricNetwork, folder: Path, config: TrainConfig) -> None:
    description, tensors = load_checkpoint(folder)
    expected = Adapter(config.lora_rank, config.lora_alpha)
    if description.adapter != expected or description.base != config.base:
        raise ValueError(
            f"expected a checkpoint of {config.base} with {expected} in {folder}, "
            f"found {description.base} with {description.adapter}; change lora_rank, lora_alpha or base"
        )
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, tensor in tensors.items():
            parameters[_parameter_name(name)].copy_(tensor)


def _parameter_name(name: str) -> str:
    for suffix in (LORA_A, LORA_B):
        if name.endswith(suffix):
            return f"{name}.default.weight"
    return name


def _rows_an_epoch(config: TrainConfig, mixture: Mixture) -> int:
    return len(epoch_rows(mixture.train["source"], config.sources, random.Random(config.seed)))


def _trained_tensors(network: RhetoricNetwork) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in network.encoder.named_parameters():
        for suffix in (LORA_A, LORA_B):
            if name.endswith(f"{suffix}.default.weight"):
                # Half precision halves the file; the loss of precision is below that of the 4-bit base.
                tensors[ENCODER_PREFIX + name.removesuffix(".default.weight")] = parameter.detach().cpu().half()
    tensors |= {HEAD_PREFIX + name: value.detach().cpu() for name, value in network.head.state_dict().items()}
    return tensors


def label_counts(targets: Sequence[Sequence[int]]) -> dict[str, tuple[int, int]]:
    """Positives and negatives known for each label."""
    array = np.array(targets).reshape(-1, len(LABELS))
    return {label: (int((array[:, i] == 1).sum()), int((array[:, i] == 0).sum())) for i, label in enumerate(LABELS)}
