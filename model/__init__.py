"""Labels, text preparation, the base encoder and the classifier."""

from tocsin.model.article import ArticleScore, SentenceScore
from tocsin.model.classifier import RhetoricClassifier
from tocsin.model.labels import DEFINITIONS, FLAGGING, LABELS

__all__ = ["DEFINITIONS", "FLAGGING", "LABELS", "ArticleScore", "RhetoricClassifier", "SentenceScore"]
