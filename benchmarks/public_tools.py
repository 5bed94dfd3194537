"""The shipped network behind the interfaces of public tools, so that these can be measured with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PretrainedConfig, PreTrainedModel, pipeline
from transformers.modeling_outputs import SequenceClassifierOutput

from tocsin.model import RhetoricClassifier

Array = npt.NDArray[np.float64]


class SequenceClassifier(PreTrainedModel):  # type: ignore[misc]  # transformers ships no types
    """A classifier's network as ``transformers`` has models for sequence classification."""

    config_class = PretrainedConfig

    def __init__(self, classifier: RhetoricClassifier) -> None:
        labels = dict(enumerate(classifier.labels))
        super().__init__(
            PretrainedConfig(
                id2label=labels,
                label2id={label: at for at, label in labels.items()},
                problem_type="multi_label_classification",
            )
        )
        self.network = classifier.network

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Logits; all tokens are of one type."""
        del token_type_ids
        return SequenceClassifierOutput(logits=self.network(input_ids, attention_mask))


def text_classification(classifier: RhetoricClassifier, *, batch: int, bf16: bool) -> Callable[[Sequence[str]], Array]:
    """``transformers.pipeline("text-classification")`` over a list of sentences; our calibration of its logits.

    With ``bf16`` the encoder's weights are bfloat16, as a model that was loaded so; mean, head and n-grams stay exact.
    """
    if bf16:
        classifier.network.encoder.to(torch.bfloat16)
    classify = pipeline(
        "text-classification",
        model=SequenceClassifier(classifier).eval(),
        tokenizer=classifier.tokenizer,
        function_to_apply="none",
        top_k=None,
        device="cpu",
    )

    def predict(sentences: Sequence[str]) -> Array:
        found: list[list[dict[str, Any]]] = classify(
            list(sentences), batch_size=batch, truncation=True, max_length=classifier.description.max_tokens
        )
        by_label = [{entry["label"]: entry["score"] for entry in entries} for entries in found]
        return classifier.calibrate(np.array([[row[label] for label in classifier.labels] for row in by_label]))

    return predict


def whole_list(classifier: RhetoricClassifier) -> Callable[[Sequence[str]], Array]:
    """The list tokenised, padded to its longest sentence and scored in one call, as Detoxify's ``predict`` does."""

    @torch.inference_mode()
    def predict(sentences: Sequence[str]) -> Array:
        inputs = classifier.tokenizer(
            list(sentences),
            return_tensors="pt",
            truncation=True,
            padding=True,
            max_length=classifier.description.max_tokens,
        )
        logits = classifier.network(inputs["input_ids"], inputs["attention_mask"])
        return classifier.calibrate(logits.numpy().astype(np.float64))

    return predict
