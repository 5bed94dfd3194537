"""Labels, text preparation, the base encoder and the classifier."""

from .article import ArticleScore, SentenceScore
from .classifier import RhetoricClassifier
from .labels import DEFINITIONS, FLAGGING, LABELS

__all__ = ["DEFINITIONS", "FLAGGING", "LABELS", "ArticleScore", "RhetoricClassifier", "SentenceScore"]
