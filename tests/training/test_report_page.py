"""The page of an evaluation shows what was measured, needs nothing but itself and prints no text that is not ours."""

import hashlib
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tocsin.model.labels import LABELS
from tocsin.training import plots
from tocsin.training.report_page import write_page
from tocsin.training.scored import Scored

FOCUS, OTHER = "tocsin-regional", "hate-corpus"
THRESHOLDS = dict.fromkeys(LABELS, 0.5)
METRICS = {
    f"{FOCUS}/sr/divisive/f1": 0.7007,
    f"{FOCUS}/all/divisive/rows": 200.0,
    f"{FOCUS}/all/divisive/positives": 12_345.0,
    f"{FOCUS}/all/divisive/f1": 0.8125,
    f"{FOCUS}/all/divisive/f1_low": 0.7512,
    f"{FOCUS}/all/divisive/f1_high": 0.8624,
    f"{FOCUS}/all/divisive/calibration_error": 0.0414,
    f"{FOCUS}/sr/macro/f1": 0.6502,
    f"baseline/{FOCUS}/all/divisive/f1": 0.6116,
    f"{OTHER}/all/divisive/f1": 0.5229,
    "osce/all/flagged_per_1000": 2.5,
    "osce/all/rows": 1234.0,
    "fairness/gap/sr/divisive": 0.0917,
    "probe/auc": 0.5331,
}


def scored_rows(rows: int = 300) -> Scored:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (rows, len(LABELS)))
    return Scored(
        LABELS,
        np.clip(targets * 0.4 + rng.random((rows, len(LABELS))) * 0.6, 0, 1),
        targets,
        np.array([f"Sentence number {row} of <script>alert({row})</script>" for row in range(rows)]),
        np.array(["en", "sr", "sq"])[np.arange(rows) % 3],
        np.array([FOCUS, FOCUS, OTHER])[np.arange(rows) // 100],
        np.array([f"unit-{row // 2}" for row in range(rows)]),
        np.array(["threat", "apology", "sport"])[np.arange(rows) % 3],
        np.array(["outlet"] * rows),
    )


def page(
    tmp_path: Path,
    scored: Scored | None = None,
    *,
    baseline: Scored | None = None,
    metrics: Mapping[str, float] = METRICS,
    quote_sources: bool = False,
) -> str:
    path = tmp_path / "made" / "report.html"
    write_page(
        path,
        title="Run 7 & more",
        facts={"Model": "tiny", "Commit": "abc1234"},
        metrics=metrics,
        scored=scored_rows() if scored is None else scored,
        thresholds=THRESHOLDS,
        baseline=baseline,
        quote_sources=quote_sources,
    )
    return path.read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Tags, links and the words of each section by the id of its heading."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.sections: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [found[name] or "" for name in ("src", "href", "xlink:href") if name in found]
        if tag == "h2":
            self.sections[found["id"] or ""] = ""

    def handle_data(self, data: str) -> None:
        if self.sections:
            self.sections[list(self.sections)[-1]] += data + " "


def test_every_section_holds_its_figures(tmp_path: Path) -> None:
    sections = Outline(page(tmp_path, baseline=scored_rows())).sections
    assert list(sections) == ["facts", "headline", "languages", "plots", "calibration", "others", "errors"]
    assert "abc1234" in sections["facts"]
    for figure in ("0.812", "0.751 to 0.862", "0.612"):
        assert figure in sections["headline"]
    assert "0.701" in sections["languages"]
    assert "0.650" in sections["languages"]
    for absent in ("0.812", " to ", "nan"):
        assert absent not in sections["languages"]
    assert "0.041" in sections["calibration"]
    for drawn in ("n-grams, AP", "threshold 0.50", "sport (", "Rows of tocsin-regional"):
        assert drawn in sections["plots"]
    assert "Misses" in sections["errors"]
    assert sections["headline"].index(FOCUS) < sections["headline"].index(OTHER)


def test_metrics_without_a_place_are_listed_and_the_others_are_not_repeated(tmp_path: Path) -> None:
    others = Outline(page(tmp_path)).sections["others"]
    for shown in ("fairness (1)", "gap/sr/divisive", "0.0917", "probe (1)", "osce (2)", "1,234"):
        assert shown in others
    assert "0.8125" not in others


def test_calm_sources_show_their_alarms_in_the_headline(tmp_path: Path) -> None:
    metrics = {f"{OTHER}/all/flagged_per_1000": 2.5, f"{OTHER}/all/rows": 1234.0}
    sections = Outline(page(tmp_path, metrics=metrics)).sections
    assert "1,234" in sections["headline"]
    assert "2.5" in sections["headline"]


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    outline = Outline(page(tmp_path, baseline=scored_rows()))
    assert not {"script", "link", "img", "iframe"} & set(outline.tags)
    assert outline.tags.count("svg") == 4 * len(LABELS) + 1
    assert len(outline.links) > 7
    assert all(link.startswith("#") for link in outline.links)


def test_ids_are_unique_and_every_reference_finds_one(tmp_path: Path) -> None:
    html = page(tmp_path, baseline=scored_rows())
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', html)) <= set(ids)


def test_markup_in_texts_and_titles_is_escaped(tmp_path: Path) -> None:
    html = page(tmp_path)
    assert "<script" not in html
    assert "of &lt;script&gt;alert(" in html
    assert "<title>Run 7 &amp; more</title>" in html


def test_texts_of_other_sources_are_hashed_unless_asked_for(tmp_path: Path) -> None:
    scored = scored_rows()
    scored.texts[200] = "Words of another corpus"
    scored.probabilities[200], scored.targets[200] = 1.0, 0
    hidden = page(tmp_path, scored)
    assert "Words of another" not in hidden
    assert f"<code>{hashlib.sha256(b'Words of another corpus').hexdigest()[:12]}</code>" in hidden
    assert not any(text[:20] in hidden for text in scored.texts[201:])
    assert "Words of another corpus" in page(tmp_path, scored, quote_sources=True)


def test_the_worst_errors_come_first_and_are_limited(tmp_path: Path) -> None:
    scored = scored_rows()
    scored.targets[:] = 0
    scored.probabilities[:] = np.linspace(0, 0.9, 300)[:, None]
    scored.sources[:] = FOCUS
    errors = Outline(page(tmp_path, scored)).sections["errors"]
    numbers = [int(number) for number in re.findall(r"Sentence number (\d+)", errors)]
    assert numbers == list(range(299, 284, -1)) * len(LABELS)
    scored.targets[:] = 1
    errors = Outline(page(tmp_path, scored)).sections["errors"]
    numbers = [int(number) for number in re.findall(r"Sentence number (\d+)", errors)]
    assert numbers == list(range(15)) * len(LABELS)


def test_unknown_targets_are_no_errors_and_are_marked(tmp_path: Path) -> None:
    scored = scored_rows()
    scored.targets[:, 0] = -1
    outline = Outline(page(tmp_path, scored))
    divisive = outline.sections["errors"].split("escalatory", 1)[0]
    assert "Sentence" not in divisive
    assert "divisive?" in outline.sections["errors"]


def test_a_label_without_positives_says_so_in_its_panel(tmp_path: Path) -> None:
    scored = scored_rows()
    scored.targets[:, 1] = 0
    assert Outline(page(tmp_path, scored)).sections["plots"].count("no positive rows") == 2
    assert "no positive rows" in plots.reliability(scored)[1]
    assert "no positive rows" not in plots.reliability(scored)[0]


def test_no_baseline_no_metrics_and_no_rows_still_make_a_page(tmp_path: Path) -> None:
    sections = Outline(page(tmp_path, scored_rows(0), metrics={})).sections
    assert "no positive and no negative rows" in sections["plots"]
    assert "n-grams, AP" not in sections["plots"]
    assert "None." in sections["headline"]


def test_plots_show_the_focus_source_or_else_all_rows(tmp_path: Path) -> None:
    scored = scored_rows()
    plotted = Outline(page(tmp_path, scored)).sections["plots"]
    assert f"{(scored.targets[:200, 0] == 1).sum()} positives" in plotted
    scored.sources[:] = OTHER
    plotted = Outline(page(tmp_path, scored)).sections["plots"]
    assert "Rows of all sources" in plotted
    assert f"{(scored.targets[:, 0] == 1).sum()} positives" in plotted


def test_plots_are_well_formed_described_and_the_same_every_time() -> None:
    def draw() -> list[str]:
        scored = scored_rows()
        return [
            *plots.precision_recall(scored, scored),
            *plots.reliability(scored),
            *plots.per_language_bars(METRICS, FOCUS, LABELS),
            *plots.score_histograms(scored, THRESHOLDS),
            plots.kinds_confusion(scored, THRESHOLDS),
        ]

    drawn = draw()
    assert drawn == draw()
    for svg in drawn:
        root = ElementTree.fromstring(svg)  # noqa: S314 - made by the line above
        assert root.tag.endswith("svg")
        assert root.get("aria-label")
    bars = drawn[2 * len(LABELS)]
    assert 'aria-label="F1 by language, divisive: all 0.81, sr 0.70"' in bars
    for shown in (">all (12k)<", ">sr<", ">0.81<", ">0.70<"):
        assert shown in bars


def test_reliability_tells_share_and_mean_of_every_bin_that_holds_rows() -> None:
    scored = scored_rows(8)
    scored.probabilities[:, 0] = [0.25, 0.25, 0.25, 0.25, 0.9, 1.0, 0.94, 0.96]
    scored.targets[:, 0] = [1, 0, 0, 0, 1, 1, 1, 0]
    assert 'divisive: 0.25 of 4 at 0.25, 0.75 of 4 at 0.95"' in plots.reliability(scored)[0]


def test_kinds_are_ordered_by_their_true_labels_and_show_shares() -> None:
    scored = scored_rows(30)
    scored.targets[:] = 0
    scored.probabilities[:] = 0.0
    scored.targets[scored.kinds == "threat", 1] = 1
    scored.targets[scored.kinds == "apology", 3] = 1
    scored.probabilities[np.flatnonzero(scored.kinds == "threat")[:3], 1] = 0.9
    scored.kinds[np.flatnonzero(scored.kinds == "sport")[:4]] = "rare"
    svg = plots.kinds_confusion(scored, THRESHOLDS)
    assert re.findall(r">(\w+ \(\d+\))<", svg) == ["threat (10)", "apology (10)", "sport (6)"]
    assert re.findall(r">(0\.\d\d)<", svg) == ["0.00", "0.30", *["0.00"] * 10]
    assert svg.count("stroke: currentColor; stroke-linejoin: miter") == 2  # outlines
    assert "rare" not in svg


def test_names_of_kinds_are_neither_formulas_nor_markup() -> None:
    scored = scored_rows(30)
    scored.kinds[:] = r"$<b>\x$"
    assert r">$&lt;b&gt;\x$ (30)<" in plots.kinds_confusion(scored, THRESHOLDS)


def test_thresholds_and_baselines_must_fit_the_labels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found none for \\['divisive'\\]"):
        write_page(
            tmp_path / "report.html",
            title="",
            facts={},
            metrics={},
            scored=scored_rows(),
            thresholds={label: 0.5 for label in LABELS[1:]},
            baseline=None,
        )
    wrong = scored_rows()
    object.__setattr__(wrong, "labels", ("other", *LABELS[1:]))
    with pytest.raises(ValueError, match="found \\['other', 'escalatory'"):
        page(tmp_path, baseline=wrong)
