"""A corpus of a handful of sentences, which a tiny network learns in seconds."""

from tocsin.training.example import SPLITS, Example, targets


def silent(message: str) -> None:
    """Take the place of the progress lines."""


def toy_rows() -> list[Example]:
    hot = [
        "we will attack the city",
        "take it back by force today",
        "the army will attack",
        "they are traitors we will attack",
    ]
    calm = ["the city said peace", "talks the minister said", "peace talks today", "the minister said talks"]
    return [
        Example(
            f"{text} {'the ' * extra}",
            "en",
            "toy",
            f"{split}{n}{label}",
            split,
            targets(**dict.fromkeys(("divisive", "escalatory"), label)),
        )
        for split, extra in zip(SPLITS, (0, 1, 2), strict=True)
        for label, texts in ((True, hot), (False, calm))
        for n, text in enumerate(texts)
    ]
