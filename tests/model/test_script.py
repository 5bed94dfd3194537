"""Scripts are told apart, and Serbian goes from one to the other and back."""

import pytest

from tocsin.model.script import main_script, to_cyrillic, to_latin


def test_serbian_round_trip_keeps_digraphs_and_case() -> None:
    cyrillic = "Љубав и Џез, ЊЕГОШ, ђак, чојство"
    assert to_latin(cyrillic) == "Ljubav i Džez, NJEGOŠ, đak, čojstvo"
    assert to_cyrillic(to_latin(cyrillic)) == cyrillic


@pytest.mark.parametrize(
    "text, script", [("tekst", "Latn"), ("текст", "Cyrl"), ("κείμενο", "Grek"), ("שלום", "Zzzz"), ("12 !", None)]
)
def test_the_script_of_most_letters_is_found(text: str, script: str | None) -> None:
    assert main_script(text) == script
