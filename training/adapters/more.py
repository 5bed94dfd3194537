"""Smaller corpora: hate and us-against-them in English and Romanian, coded events, and articles with an agenda."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tocsin.training.adapters.tables import read_json_lines, read_table
from tocsin.training.example import TEST, TRAIN, VALIDATION, Example, split_of, targets

_HATEXPLAIN_DIVISIVE = {"2": True, "0": False}  # hate and normal; offensive (1) may insult persons or groups
_NEWS_RO_DIVISIVE = {"2": True, "0": False}  # racist and none; see news_ro_offense

# Points of the scale, by the README of us-vs-them: neutral 1/3, critical 2/3, discriminatory 1. Criticism is not ours.
_US_VS_THEM_DIVISIVE = 5 / 6  # nearer to discriminatory than to critical
_US_VS_THEM_CALM = 1 / 2  # nearer to neutral than to critical

# Shares of ETHOS' annotators: most of them, or too few to matter; what lies between is not decided.
_ETHOS_MOST, _ETHOS_FEW = 0.5, 0.2
_ETHOS_GROUPS = ("gender", "race", "national_origin", "religion", "sexual_orientation")

# CAMEO roots (first two digits) whose sober report has none of our labels: cooperation, protest, force. Statements
# (01), appeals (02), verbal conflict (10 to 13) and what the coders put under 16 and 17 hold threats that are uttered.
_PETRARCH_CALM = {"03", "04", "05", "06", "07", "08", "09", "14", "15", "18", "19", "20"}

_AGENDA_PARAGRAPH = "</br></br>"
_AGENDA_MANIPULATIVE = {"propaganda", "conspiracytheory"}
_AGENDA_SPLITS = {"dev": VALIDATION, "test": TEST}  # "full" marks articles outside the corpus' own two parts


def hatexplain(root: Path) -> Iterator[Example]:
    """English posts without punctuation: hate speech against normal ones."""
    for row in read_table(root / "hatexplain" / "preprocessed.csv.gz"):
        text = row["text"].strip()
        known = targets(divisive=_HATEXPLAIN_DIVISIVE.get(row["label"]))
        yield Example(text, "en", "hatexplain", text, split_of("hatexplain", text), known)


def us_vs_them(root: Path) -> Iterator[Example]:
    """Comments on news that attack a group against neutral and supportive ones, in the corpus' own parts.

    A comment that stands in two parts is kept in the one that is held out.
    """
    part_of: dict[str, str] = {}
    for split, name in ((TEST, "test"), (VALIDATION, "valid"), (TRAIN, "train")):
        for row in read_table(root / "us-vs-them" / f"UsVsThem_{name}_public.csv.gz"):
            text, scale = row["body"].strip(), float(row["usVSthem_scale"])
            divisive = True if scale >= _US_VS_THEM_DIVISIVE else False if scale <= _US_VS_THEM_CALM else None
            if part_of.setdefault(text, split) == split:
                yield Example(text, "en", "us-vs-them", text, split, targets(divisive=divisive))


def ethos(root: Path) -> Iterator[Example]:
    """English comments without hate, then the hateful ones with their groups and calls to violence.

    Both files hold the hateful comments; the second is read for them.
    """
    for row in read_table(root / "ethos" / "Ethos_Dataset_Binary.csv", delimiter=";"):
        if float(row["isHate"]) < _ETHOS_MOST:
            calm = False if float(row["isHate"]) < _ETHOS_FEW else None
            yield _ethos_example(row["comment"], targets(divisive=calm))
    for row in read_table(root / "ethos" / "Ethos_Dataset_Multi_Label.csv", delimiter=";"):
        # Hatred of the disabled alone is not among the groups of the guide.
        divisive = True if any(float(row[group]) >= _ETHOS_MOST for group in _ETHOS_GROUPS) else None
        yield _ethos_example(row["comment"], targets(divisive=divisive, escalatory=_ethos_escalatory(row)))


def _ethos_escalatory(row: dict[str, str]) -> bool | None:
    """Whether a hateful comment calls for violence against a group; a threat to one private person is not decided."""
    violence = float(row["violence"])
    if violence >= _ETHOS_MOST and float(row["directed_vs_generalized"]) < _ETHOS_MOST:
        return True
    return False if violence == 0 else None


def _ethos_example(comment: str, known: dict[str, int]) -> Example:
    text = comment.strip()
    return Example(text, "en", "ethos", text, split_of("ethos", text), known)


def gab_hate(root: Path) -> Iterator[Example]:
    """Posts with assaults on human dignity and calls for violence; the corpus' own test part stays a test part.

    A post that is only vulgar is not decided, nor the absence of a threat from a hateful one, since calls to drive
    people out are not calls for violence to the corpus.
    """
    for name in ("dev", "test"):
        for row in read_json_lines(root / "gab-hate" / f"{name}.jsonl.gz"):
            hateful, violent, vulgar = (row[column] == 1 for column in ("hd", "cv", "vo"))
            quiet = False if not (hateful or violent or vulgar) else None
            known = targets(divisive=True if hateful else quiet, escalatory=True if violent else quiet)
            text = row["Text"].strip()
            split = TEST if name == "test" else split_of("gab-hate", text, test=0)
            yield Example(text, "en", "gab-hate", text, split, known)


def openai_moderation(root: Path) -> Iterator[Example]:
    """Short texts for testing only; those with sexual content, or not checked for it, are left out.

    Violence outside hate (accidents, operations, fights) is not decided.
    """
    for row in read_json_lines(root / "openai-moderation" / "samples-1680.jsonl.gz"):
        if row.get("S") != 0 or row.get("S3") == 1:
            continue
        hate, threat, violence = row.get("H"), row.get("H2"), row.get("V")
        divisive = True if threat == 1 else None if hate is None else hate == 1
        escalatory = True if threat == 1 else False if violence == 0 else None
        text = row["prompt"].strip()
        known = targets(divisive=divisive, escalatory=escalatory)
        yield Example(text, "en", "openai-moderation", text, TEST, known)


def petrarch_gsr(root: Path) -> Iterator[Example]:
    """Event sentences for testing only: news, and sentences with invented names that were made to test a coder."""
    for name in ("PETR2_GSR_validation", "PETR.UnitTest.records"):
        for row in read_json_lines(root / "petrarch-gsr" / f"{name}.jsonl"):
            roots = {code[:2] for code in row["cameo"]}
            calm = False if roots and roots <= _PETRARCH_CALM else None
            text = row["text"].strip()
            if text:
                known = targets(divisive=calm, escalatory=calm, manipulative=calm)
                yield Example(text, "en", "petrarch-gsr", text, TEST, known)


def news_ro_offense(root: Path) -> Iterator[Example]:
    """Romanian comments under local news, split by article: racist against inoffensive ones.

    The sexist and homophobic classes mix contempt for a group with obscene insults of one person, and the class of
    insults holds attacks on political camps: unknown.
    """
    for row in read_table(root / "news-ro-offense" / "comments.csv.gz"):
        article = row["content_id"]
        known = targets(divisive=_NEWS_RO_DIVISIVE.get(row["LABEL"]))
        split = split_of("news-ro-offense", article, test=20)
        yield Example(row["comment_text"].strip(), "ro", "news-ro-offense", article, split, known)


@dataclass(frozen=True, slots=True)
class Article:
    """A whole article with its annotators' verdict; ``text`` has an empty line between paragraphs."""

    id: str
    title: str
    text: str
    divisive: bool
    manipulative: bool
    split: str

    @property
    def group(self) -> str:
        """What may not be divided between splits: some titles recur."""
        return self.title


def news_agendas(root: Path) -> Iterator[Article]:
    """American news articles, for measuring article scores: hate speech is divisive, propaganda manipulative.

    Left out: articles outside the corpus' own dev and test parts, and those of dev whose title stands in test too.
    """
    rows = list(read_json_lines(root / "newsagendas" / "newsagendas.jsonl.gz"))
    tested = {row["article-title"].strip() for row in rows if _AGENDA_SPLITS.get(row["split"]) == TEST}
    for row in rows:
        title, split = row["article-title"].strip(), _AGENDA_SPLITS.get(row["split"])
        if split is None or (split != TEST and title in tested):
            continue
        paragraphs = (part.strip() for part in row["article-contents"].split(_AGENDA_PARAGRAPH))
        found = set(row["annotated-labels"].split())
        yield Article(
            id=str(row["id"]),
            title=title,
            text="\n\n".join(part for part in paragraphs if part),
            divisive="hatespeech" in found,
            manipulative=bool(found & _AGENDA_MANIPULATIVE),
            split=split,
        )
