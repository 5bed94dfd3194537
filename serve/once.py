"""Score a sentence that comes again only once: agencies' copy fills many outlets with the same sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tocsin.serve.engine import Array, CountingEngine

MOST_KEPT = 100_000  # sentences, some 30 MB


class OnceEngine:
    """An engine that remembers; one for each shard, so that a shard's scores do not depend on earlier ones."""

    def __init__(self, engine: CountingEngine) -> None:
        self._engine = engine
        self._known: dict[str, bytes] = {}
        self._before = engine.tokens
        self.repeated = 0  # sentences that were not scored again

    @property
    def tokens(self) -> int:
        """Tokens that the engine has read since this one was made."""
        return self._engine.tokens - self._before

    def predict_clean(self, sentences: Sequence[str]) -> Array:
        """See Engine."""
        if len(self._known) + len(sentences) > MOST_KEPT:
            self._known.clear()
        fresh = [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._known]
        scores = np.asarray(self._engine.predict_clean(fresh), dtype=np.float64)
        if len(scores) != len(fresh) or scores.ndim != 2:
            return scores  # the caller says what it expected
        if not np.isfinite(scores).all():
            return self._engine.predict_clean(
                sentences
            )  # a row that breaks its batch must not be remembered for others
        self._known.update(zip(fresh, (row.tobytes() for row in scores), strict=True))
        self.repeated += len(sentences) - len(fresh)
        found = np.frombuffer(b"".join(self._known[sentence] for sentence in sentences))
        return found.reshape(len(sentences), scores.shape[1])
