"""Fit encoder and head on a mixture with masked labels, with the Hugging Face Trainer.

The Trainer gives autocast, accumulation, checkpoints, exact resume, early stopping, loggers and the progress bar; ours
are the loss, the batches, and checkpoints that hold only what is trained.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score, roc_auc_score
from torch.utils.data import DataLoader
from transformers import EarlyStoppingCallback, EvalPrediction, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from tocsin.model.base import load_encoder, load_tokenizer, resolve_base
from tocsin.model.checkpoint import Adapter, Description, load_checkpoint
from tocsin.model.classifier import resolve_device
from tocsin.model.differences import pack, unpack
from tocsin.model.network import (
    EMBEDDINGS,
    ENCODER_PREFIX,
    HEAD_PREFIX,
    LORA_A,
    LORA_B,
    NGRAM_PREFIX,
    WORD_IDS,
    WORDS_PREFIX,
    RhetoricNetwork,
)
from tocsin.model.precision import bf16_pays
from tocsin.training.config import FULL, LORA, MONITORS, TrainConfig
from tocsin.training.embeddings import PARAMETER, TrainedEmbedding, frequent_tokens
from tocsin.training.losses import masked_loss, twin_loss
from tocsin.training.mixture import Mixture, validation_rows
from tocsin.training.sampling import EpochBatches, TrainingTexts, collate

CHECKPOINTS = "checkpoints"  # folder inside the run's folder
LOG_STEPS = 50
_LAYER = re.compile(r"\blayer\.(\d+)\.")


def fit(
    config: TrainConfig, mixture: Mixture, out: Path, *, device: str | None = None, resume: bool = False
) -> dict[str, torch.Tensor]:
    """Trained tensors under the names of a checkpoint: low-rank factors or the whole encoder, and the head.

    Checkpoints of the run go to ``out``/CHECKPOINTS. With ``resume`` the last of them is taken up and the weights come
    out as if the run had not been interrupted; without one training starts anew.
    """
    _check_reporters(config)
    tokenizer = load_tokenizer(resolve_base(config.base, allow_download=config.allow_download))
    training = TrainingTexts(mixture.train, tokenizer, config)
    network = make_network(config, training.encoded())
    trainer = RhetoricTrainer(
        network,
        _arguments(config, out, resolve_device(device)),
        config=config,
        batches=EpochBatches(mixture.train, training.lengths(), config),
        train_dataset=training,
        eval_dataset=TrainingTexts(validation_rows(mixture, config), tokenizer, config),
        data_collator=functools.partial(collate, pad_id=int(tokenizer.pad_token_id)),
        compute_metrics=ranking_metrics,
        callbacks=[EarlyStoppingCallback(config.patience)] if config.patience else None,
    )
    folder = out / CHECKPOINTS
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run, which a later resumption would take for ours
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    return trained_tensors(network, config)


class RhetoricTrainer(Trainer):  # type: ignore[misc]  # transformers has no types
    """The Trainer with our loss, our batches, rates by layer, and checkpoints without the frozen base."""

    optimizer: torch.optim.Optimizer | None

    def __init__(
        self,
        network: RhetoricNetwork,
        arguments: TrainingArguments,
        *,
        config: TrainConfig,
        batches: EpochBatches,
        **parts: Any,  # noqa: ANN401 - the Trainer's own arguments
    ) -> None:
        super().__init__(network, arguments, **parts)
        self.config, self.batches = config, batches
        self._trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}

    def get_train_dataloader(self) -> DataLoader[Any]:
        """See Trainer."""
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See Trainer; the mean is over known targets, so the number of items is not needed."""
        logits = model(inputs["input_ids"], inputs["attention_mask"]).float()
        weights = torch.tensor(
            [self.config.label_weights.get(label, 1.0) for label in self.config.labels], device=logits.device
        )
        loss = masked_loss(
            logits,
            inputs["targets"],
            weights,
            smoothing=self.config.label_smoothing,
            focal_gamma=self.config.focal_gamma,
        )
        if self.config.twin_weight and model.training:
            loss = loss + self.config.twin_weight * twin_loss(logits, inputs["targets"], inputs["pairs"])
        return (loss, {"logits": logits}) if return_outputs else loss

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """See Trainer: AdamW with one group a learning rate."""
        if self.optimizer is None:
            groups = parameter_groups(model or self.model, self.config)
            self.optimizer = torch.optim.AdamW(groups, weight_decay=self.config.weight_decay)
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict[str, torch.Tensor] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        state = state_dict or self.model.state_dict()
        save_file({name: state[name].contiguous() for name in sorted(self._trained)}, folder / "model.safetensors")

    def _issue_warnings_after_load(self, load_result: Any) -> None:  # noqa: ANN401 - torch's own type is private
        frozen = {name for name, parameter in self.model.named_parameters() if not parameter.requires_grad}
        if strange := set(load_result.unexpected_keys) | (set(load_result.missing_keys) - frozen):
            raise ValueError(f"expected a checkpoint of this configuration, found other tensors: {sorted(strange)[:3]}")


def parameter_groups(network: torch.nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Trained parameters by learning rate: the head's own, and the encoder's falling by ``layer_decay`` a layer."""
    named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    top = max((int(found[1]) for name, _ in named if (found := _LAYER.search(name))), default=0)
    rates: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in named:
        found = _LAYER.search(name)
        depth = top - int(found[1]) if found else top
        rate = config.learning_rate * config.layer_decay**depth
        if name.startswith(HEAD_PREFIX):
            rate = config.head_learning_rate
        elif name.endswith(PARAMETER):
            rate = config.embedding_learning_rate
        rates.setdefault(rate, []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in rates.items()]


def ranking_metrics(predictions: EvalPrediction) -> dict[str, float]:
    """Means over the labels that need no threshold, keys MONITORS: rare labels count as much as others."""
    logits, targets = np.asarray(predictions.predictions), np.asarray(predictions.label_ids)
    values = []
    for column in range(targets.shape[1]):
        known = targets[:, column] >= 0
        truth, scores = targets[known, column], logits[known, column]
        if 0 < truth.sum() < len(truth):
            values.append((average_precision_score(truth, scores), roc_auc_score(truth, scores)))
    means = np.mean(values, axis=0) if values else np.zeros(len(MONITORS))
    return dict(zip(MONITORS, map(float, means), strict=True))


def make_network(config: TrainConfig, encoded: Iterable[list[int]] = ()) -> RhetoricNetwork:
    """The network to train: the base, or an earlier run's weights, with only the chosen parameters free.

    ``encoded`` are the token ids of the training texts, from which the word embeddings to train are chosen.
    """
    torch.manual_seed(config.seed)
    # Eager attention: the fused kernel's backward pass took a third of a training step in bf16 on CPU when profiled.
    encoder = load_encoder(resolve_base(config.base, allow_download=config.allow_download), attention="eager")
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # random masks cost a fifth of a step on CPU; the frozen base regularises enough
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_(config.method == FULL and not name.startswith(EMBEDDINGS))
    if config.method == LORA:
        linear = sorted({name for name, module in encoder.named_modules() if isinstance(module, torch.nn.Linear)})
        lora = LoraConfig(r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules=linear, lora_dropout=0.0)
        encoder = inject_adapter_in_model(lora, encoder)
    start = load_checkpoint(Path(config.start_from)) if config.start_from is not None else None
    if config.embedding_min_count:
        token_ids = frequent_tokens(encoded, config, start[1] if start else {})
        encoder.set_input_embeddings(TrainedEmbedding(encoder.get_input_embeddings(), token_ids))
    network = RhetoricNetwork(encoder, len(config.labels), dropout=config.dropout)
    if start is not None:
        _continue_from(network, *start, config)
    return network


def adapter_of(config: TrainConfig) -> Adapter | None:
    """The low-rank update that a checkpoint of this configuration holds; None for full fine-tuning."""
    return Adapter(config.lora_rank, config.lora_alpha) if config.method == LORA else None


def trained_tensors(network: RhetoricNetwork, config: TrainConfig) -> dict[str, torch.Tensor]:
    """What was trained, under a checkpoint's names: low-rank factors in half precision, else differences in 4 bits."""
    trained = {
        name: p.detach().cpu()
        for name, p in network.encoder.named_parameters()
        if p.requires_grad and not name.endswith(PARAMETER)
    }
    if config.method == LORA:
        packed = {name.removesuffix(".default.weight"): tensor.half() for name, tensor in trained.items()}
    else:
        packed = pack(trained, load_encoder(resolve_base(config.base)).state_dict())
    tensors = {ENCODER_PREFIX + name: tensor for name, tensor in packed.items()}
    embedding = network.encoder.get_input_embeddings()
    tensors |= embedding.tensors() if isinstance(embedding, TrainedEmbedding) else {}
    return tensors | {HEAD_PREFIX + name: value.detach().cpu() for name, value in network.head.state_dict().items()}


def _continue_from(
    network: RhetoricNetwork, description: Description, tensors: dict[str, torch.Tensor], config: TrainConfig
) -> None:
    found = (description.base, description.adapter, tuple(description.labels))
    expected = (config.as_dict()["base"], adapter_of(config), config.labels)
    if found[1:] != expected[1:] or Path(found[0]).name != expected[0]:
        raise ValueError(
            f"expected a checkpoint of base, adapter and labels {expected} in start_from, found {found}; "
            "change base, method, lora_rank, lora_alpha or labels"
        )
    if WORD_IDS in tensors:
        embedding = network.encoder.get_input_embeddings()
        if not isinstance(embedding, TrainedEmbedding):
            raise ValueError(
                "expected embedding_min_count above 0, since start_from has trained word embeddings, found 0; set it"
            )
        embedding.start_from(tensors)
    parameters = dict(network.named_parameters())
    # N-grams are fitted anew beside the finished encoder.
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith((NGRAM_PREFIX, WORDS_PREFIX))}
    with torch.no_grad():
        for name, tensor in unpack(kept, parameters).items():
            parameters[f"{name}.default.weight" if name.endswith((LORA_A, LORA_B)) else name].copy_(tensor)


def _arguments(config: TrainConfig, out: Path, device: torch.device) -> TrainingArguments:
    if device.type == "cuda" and device.index not in (None, 0):
        raise ValueError(f"expected the device cuda or cpu for training, found {device}; set CUDA_VISIBLE_DEVICES")
    watched = config.patience is not None
    arguments = TrainingArguments(
        output_dir=str(out / CHECKPOINTS),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_rows,
        per_device_eval_batch_size=4 * config.batch_rows,
        gradient_accumulation_steps=config.accumulation,
        lr_scheduler_type="linear",
        warmup_steps=config.warmup_fraction,
        max_grad_norm=1.0,
        bf16=bf16_pays(device.type),
        use_cpu=device.type == "cpu",
        seed=config.seed,
        logging_steps=LOG_STEPS,
        save_strategy="steps",
        save_steps=config.save_steps,
        save_total_limit=2,
        eval_strategy="steps" if watched else "no",
        eval_steps=config.save_steps if watched else None,
        load_best_model_at_end=watched,
        metric_for_best_model=config.monitor if watched else None,
        greater_is_better=True if watched else None,
        restore_callback_states_from_checkpoint=watched,
        label_names=["targets"],
        remove_unused_columns=False,
        dataloader_pin_memory=device.type != "cpu",
        report_to=list(config.report_to) or "none",
    )
    if device.type == "cuda":
        arguments._n_gpu = 1  # one device as asked for; the Trainer would split batches over all it sees
    return arguments


def _check_reporters(config: TrainConfig) -> None:
    for name in config.report_to:
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"expected the package {name} for report_to, found none; install it or drop it")
