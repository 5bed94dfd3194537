"""Rewriting changes the letters, not what is said."""

import random

import pytest

from tocsin.model.normalise import clean
from tocsin.model.script import main_script, to_latin
from tocsin.training.augment import augmented, disguised, other_quotes, other_script, without_diacritics
from tocsin.training.config import Augmentation


def test_only_serbian_and_montenegrin_change_their_script_and_come_back() -> None:
    text = "Načelnik opštine je otišao u Nikšić."
    for lang in ("sr-Latn", "cnr"):
        assert main_script(other_script(text, lang)) == "Cyrl"
        assert to_latin(other_script(text, lang)) == text
    for lang in ("hr", "bs", "sq", "mk", "en"):
        assert other_script(text, lang) == text
    assert other_script("Начелник је отишао.", "sr-Cyrl") == "Načelnik je otišao."


def test_quotation_marks_change_and_nothing_else_does() -> None:
    text = "„Neće proći“, rekao je, a zatim: „Idemo.“ Bez navodnika ostaje isto."
    rng = random.Random(0)
    versions = {other_quotes(text, rng) for _ in range(30)}
    assert len(versions) >= 5
    strip = str.maketrans("", "", "„“”»«\"'")
    assert {version.translate(strip) for version in versions} == {text.translate(strip)}
    assert other_quotes("Don't say it's nothing.", rng) == "Don't say it's nothing."


def test_diacritics_go_as_on_a_plain_keyboard() -> None:
    assert without_diacritics("Šta će đak? Përse çdo gjë?") == "Sta ce djak? Perse cdo gje?"


@pytest.mark.parametrize("text", ["They should all be thrown out of this town today.", "Сите тие треба да си одат."])
def test_a_disguise_changes_the_text_and_normalising_undoes_a_part(text: str) -> None:
    rng = random.Random(1)
    versions = [disguised(text, rng, share=1.0) for _ in range(40)]
    assert all(version != text for version in versions)
    assert disguised(text, rng, share=0.0) == text
    similar = [len(set(clean(version).split()) & set(text.split())) for version in versions]
    assert sum(similar) > 0


def test_shares_decide_how_many_texts_change() -> None:
    text, rng = "„Neće proći“, rekao je načelnik.", random.Random(0)
    assert all(augmented(text, Augmentation(0, 0, 0), rng) == text for _ in range(20))
    half = [augmented(text, Augmentation(0.5, 0, 0), rng) for _ in range(200)]
    assert 70 < sum(version != text for version in half) < 130
