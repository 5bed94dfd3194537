"""Serbian is read in Latin letters, whichever it is printed in; no other language is touched."""

import pytest

from tocsin.model.article import prepare
from tocsin.model.model_text import model_text, serbian_in_latin


@pytest.mark.parametrize(
    "text, read",
    [
        ("Ко нас изда, нека зна да ћемо доћи.", "Ko nas izda, neka zna da ćemo doći."),
        ("Сви морају да оду из овог града.", "Svi moraju da odu iz ovog grada."),
        ("Сите мора да си одат од овој град.", "Сите мора да си одат од овој град."),
        ("Всички трябва да си тръгнат от този град.", "Всички трябва да си тръгнат от този град."),
        ("Все должны уйти из этого города.", "Все должны уйти из этого города."),
        ("Svi moraju da odu.", "Svi moraju da odu."),
        ("  They   must go. ", "They must go."),
    ],
)
def test_serbian_alone_changes_its_letters(text: str, read: str) -> None:
    assert model_text(text) == read


def test_a_known_language_is_believed() -> None:
    assert serbian_in_latin("Да.", "hbs") == "Da."
    assert serbian_in_latin("Да.", "mk") == "Да."


def test_an_article_is_read_alike_in_both_scripts() -> None:
    cyrillic = prepare("Скупштина је усвојила буџет. „Нећемо чекати“, рекао је начелник Његош Џудић.").sentences
    latin = prepare("Skupština je usvojila budžet. „Nećemo čekati“, rekao je načelnik Njegoš Džudić.").sentences
    assert [sentence.clean for sentence in cyrillic] == [sentence.clean for sentence in latin]
    assert [sentence.attribution for sentence in cyrillic] == [sentence.attribution for sentence in latin]
    assert cyrillic[1].speaker == "Његош Џудић"  # what the reader sees stays as printed
