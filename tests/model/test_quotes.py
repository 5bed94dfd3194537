"""Quotations are found by the marks of every convention, and marks that quote nothing are left alone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.quotes import find_quotes


def quoted(text: str) -> list[str]:
    return [text[begin:stop] for begin, stop in find_quotes(text)]


@pytest.mark.parametrize(
    "opening, closing",
    ["„“", "„”", "“”", "””", "»«", "«»", '""', "''", "‘’", "‚‘", "‚’", "‹›", '„"', '“"'],
)
def test_every_style_is_found(opening: str, closing: str) -> None:
    quote = f"{opening}Ne damo svoje{closing}"
    assert quoted(f"{quote}, rekao je. Kazao je: {quote}. Zatim ({quote}) još {quote} – i kraj") == [quote] * 4


@pytest.mark.parametrize(
    "text",
    [
        "Its government's refusal and the Serbs' rights won't calm anyone.",
        "S'ka as një javë dhe ç'ishte premtuar, t’ua lejojmë.",
        "It is 7'1\" tall, the fence 6', the pipe 12\" wide.",
        "Music of the '90s and the summer of ’91.",
        "",
    ],
)
def test_apostrophes_and_inches_are_no_quotations(text: str) -> None:
    assert quoted(text) == []


def test_an_apostrophe_at_the_end_of_a_word_does_not_close_a_quotation() -> None:
    assert quoted("'The Serbs' rights are gone,' he said.") == ["'The Serbs' rights are gone,'"]
    assert quoted("‘It's not the people’s fault,’ she said.") == ["‘It's not the people’s fault,’"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("“He told us ‘go home’, and we went,” she said.", ["“He told us ‘go home’, and we went,”"]),
        ("„Rekao je ‚idemo‘ i otišao“, kaže ona.", ["„Rekao je ‚idemo‘ i otišao“"]),
        ("«Lexuan “Besën” dje», tha ai.", ["«Lexuan “Besën” dje»"]),
    ],
)
def test_only_the_outermost_is_returned(text: str, expected: list[str]) -> None:
    assert quoted(text) == expected


def test_a_quotation_may_hold_several_sentences_and_a_line_break() -> None:
    assert quoted("“One. Two!\nThree,” he said. “Four.”") == ["“One. Two!\nThree,”", "“Four.”"]


def test_an_unclosed_quotation_ends_with_its_line() -> None:
    assert quoted("He spoke. “We stay. We wait.\n\nThe hall was quiet.") == ["“We stay. We wait."]
    assert quoted("“First they came.\n“Then they left,” he said.") == ["“First they came.", "“Then they left,”"]
    assert quoted("„Prva.\nDruga bez navoda.\n„Treća“, kaže.") == ["„Prva.", "„Treća“"]


def test_what_follows_an_unclosed_quotation_in_the_paragraph_is_found() -> None:
    text = "Kaže „Ovo nema kraja.\nDrugi „ima“ i treći «ima».\n\nKraj."
    assert quoted(text) == ["„Ovo nema kraja.", "„ima“", "«ima»"]


def test_a_stray_mark_does_not_swallow_the_text() -> None:
    assert quoted('A stray "mark stays open.\nNext “line” is fine.') == ["“line”"]


def test_a_space_before_the_closing_mark_is_forgiven() -> None:
    assert quoted('"Blatom ovih napada ", rekao je.') == ['"Blatom ovih napada "']


@given(st.text(alphabet="„“”»«\"‚‘’'‹›ab AB.,:\n–-(", max_size=300))
def test_quotations_are_ordered_and_disjoint(text: str) -> None:
    at = 0
    for begin, stop in find_quotes(text):
        assert at <= begin < stop <= len(text)
        at = stop


@pytest.mark.parametrize("unit", ['"', "“", "“a ", "a” ", '"a\n', "x „a\n", "'s a ", "‘’", "„“", "» «"])
def test_a_hundred_thousand_marks_take_less_than_a_second(unit: str) -> None:
    marks = sum(not (character.isalnum() or character.isspace()) for character in unit)
    text = unit * (100_000 // marks)
    started = time.perf_counter()
    find_quotes(text)
    assert time.perf_counter() - started < 1
