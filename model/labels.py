"""The four labels: their order everywhere, their definitions, and which of them raise a flag.

The definitions shorten the annotation guide (``docs/annotation-guide.md``), which decides every border.
"""

from __future__ import annotations

from collections.abc import Sequence

LABELS: tuple[str, ...] = ("divisive", "escalatory", "manipulative", "conciliatory")

FLAGGING: frozenset[str] = frozenset({"divisive", "escalatory", "manipulative"})

DEFINITIONS: dict[str, str] = {
    "divisive": "attacks, dehumanises, stereotypes or excludes people for the group they belong to, denies a group its "
    "identity or rights, blames it for acts of some, or sets 'us' against 'them' as enemies",
    "escalatory": "threatens, announces, urges, justifies or glorifies force, punishment or confrontation between "
    "groups or states, ultimatums and veiled threats included",
    "manipulative": "persuades by conspiracy, fear-mongering, smear, loaded wording, false dilemma, whataboutism or "
    "guilt by association instead of fact or argument; says nothing about truth",
    "conciliatory": "lowers the temperature: dialogue, compromise, restraint, apology, acknowledgement of the other "
    "side's victims, cooperation across the divide",
}


def check_label(name: str) -> str:
    """The name itself when it is a label; ValueError lists the labels otherwise."""
    if name not in LABELS:
        raise ValueError(f"expected one of the labels {', '.join(LABELS)}, found {name!r}")
    return name


def default_flagging(labels: Sequence[str]) -> tuple[str, ...]:
    """Those of the labels that raise a flag: ours that do, or all of a label set that has none of these."""
    return tuple(label for label in labels if label in FLAGGING) or tuple(labels)


def check_label_set(labels: Sequence[str], flagging: Sequence[str]) -> None:
    """ValueError unless the labels are distinct words and those that flag are among them."""
    words = all(isinstance(label, str) and label.isidentifier() for label in labels)
    if not labels or not words or len(set(labels)) != len(labels):
        raise ValueError(f"expected labels to be distinct words (letters, digits, _), found {list(labels)}")
    if not flagging or not set(flagging) <= set(labels):
        raise ValueError(f"expected flagging to name some of the labels {list(labels)}, found {list(flagging)}")


def encode_labels(names: Sequence[str]) -> list[float]:
    """One 0.0 or 1.0 a label, in the order of LABELS; ValueError at an unknown name."""
    chosen = {check_label(name) for name in names}
    return [1.0 if label in chosen else 0.0 for label in LABELS]
