"""Scripts are told apart, and Serbian goes from one to the other and back."""

import pytest

from tocsin.model.script import (
    CYRILLIC,
    GREEK,
    LATIN,
    OTHER,
    latin_casefold,
    main_script,
    script_counts,
    to_cyrillic,
    to_latin,
)


def test_serbian_round_trip_keeps_digraphs_and_case() -> None:
    cyrillic = "Љубав и Џез, ЊЕГОШ, ђак, чојство"
    assert to_latin(cyrillic) == "Ljubav i Džez, NJEGOŠ, đak, čojstvo"
    assert to_cyrillic(to_latin(cyrillic)) == cyrillic


@pytest.mark.parametrize(
    "text, script", [("tekst", "Latn"), ("текст", "Cyrl"), ("κείμενο", "Grek"), ("שלום", "Zzzz"), ("12 !", None)]
)
def test_the_script_of_most_letters_is_found(text: str, script: str | None) -> None:
    assert main_script(text) == script


@pytest.mark.parametrize("text", ["Љубав", "ЊЕГОШ", "Џез", "LJiljana", "Đorđe", "Straße", "Скопје ќе", "N. Pazar"])
def test_words_are_folded_as_by_transliteration(text: str) -> None:
    assert latin_casefold(text) == to_latin(text).casefold()


def test_letters_of_each_script_are_counted() -> None:
    assert script_counts("Ana i Ана, Άννα: 12 שלום_x") == {LATIN: 5, CYRILLIC: 3, GREEK: 4, OTHER: 4}
