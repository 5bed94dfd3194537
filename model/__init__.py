"""Labels, text preparation, the base encoder and the classifier.

The classifier is imported when it is first asked for, so that ``tocsin --help`` and the word lists need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tocsin.model.labels import DEFINITIONS, FLAGGING, LABELS

if TYPE_CHECKING:
    from tocsin.model.article import ArticleScore, SentenceScore
    from tocsin.model.classifier import RhetoricClassifier

__all__ = ["DEFINITIONS", "FLAGGING", "LABELS", "ArticleScore", "RhetoricClassifier", "SentenceScore"]

_LAZY = {
    "ArticleScore": "tocsin.model.article",
    "SentenceScore": "tocsin.model.article",
    "RhetoricClassifier": "tocsin.model.classifier",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'tocsin.model' has no attribute {name!r}")
