"""Normalisation undoes disguises and keeps every character's place."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.normalise import clean, normalise


@pytest.mark.parametrize(
    "raw, expected",
    [
        ("Tr\u00adeba\u200b ih", "Treba ih"),
        ("&bdquo;Ne&ldquo; &amp;quot;da&amp;quot;", '„Ne“ "da"'),
        ("<b>Vlada</b> je <a href='x'>pala</a>.", "Vlada je pala ."),
        ("a < b and c > d", "a < b and c > d"),
        ("s\u030cuma cafe\u0301", "šuma café"),
        ("Срби cу овде", "Срби су овде"),  # Latin c
        ("Srbi su оvde", "Srbi su ovde"),  # Cyrillic о
        ("IT-компанија COVIDот", "IT-компанија COVIDот"),
        ("treba ih p r o t j e r a t i odavde", "treba ih protjerati odavde"),
        ("u.b.i.t.i", "ubiti"),
        ("U.S.A.F.S. A. B. C. D. E.", "U.S.A.F.S. A. B. C. D. E."),
        ("ub1ti č3tn1k", "ubiti četnik"),
        ("H2O COVID19 F16 G20 B2B user1@mail.com", "H2O COVID19 F16 G20 B2B user1@mail.com"),
        ("x\ud800y", "x\ufffdy"),
        ("a\x00b\x07c", "abc"),
        ("a\u00a0b\tc\r\nd", "a b c d"),
        ("שלום עולם", "שלום עולם"),
        ("Që të gjithë", "Që të gjithë"),
    ],
)
def test_disguises_are_undone_and_ordinary_text_is_left_alone(raw: str, expected: str) -> None:
    assert clean(raw) == expected


def test_offsets_point_at_what_the_reader_sees() -> None:
    raw = "Tr\u00adeba&nbsp;<i>ub1ti</i>"
    aligned = normalise(raw)
    at = aligned.text.index("ubiti")
    assert raw[aligned.start(at) : aligned.end(at + 5)] == "ub1ti"
    at = aligned.text.index("Treba")
    assert raw[aligned.start(at) : aligned.end(at + 5)] == "Tr\u00adeba"


@given(st.text())
def test_spans_are_ordered_and_inside_the_original(raw: str) -> None:
    aligned = normalise(raw)
    starts = [aligned.start(index) for index in range(len(aligned.text))]
    ends = [aligned.end(index + 1) for index in range(len(aligned.text))]
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= start < end <= len(raw) for start, end in zip(starts, ends, strict=True))


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "Mn"], max_codepoint=0x52F)))
def test_text_of_the_regions_scripts_becomes_nfc_and_cleaning_is_stable(raw: str) -> None:
    once = clean(raw)
    assert unicodedata.is_normalized("NFC", once)
    assert clean(once) == clean(clean(once))
