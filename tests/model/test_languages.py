"""Detection names supported languages, the group of hbs with its script, and abstains elsewhere."""

import pytest

from tocsin.model import languages
from tocsin.model.languages import SUPPORTED, Language, detect, detect_sentence, from_tag

SENTENCES = (
    "Načelnik opštine je rekao da će se razgovori nastaviti u ponedeljak.",
    "Kazališna predstava odgođena je zbog kiše, a ulaznice vrijede i sutra.",
    "Начелник општине је рекао да ће се разговори наставити у понедељак.",
    "Градоначалникот рече дека разговорите ќе продолжат во понеделник.",
    "Кметът каза, че разговорите ще продължат в понеделник след обяд.",
    "The minister said that talks would resume on Monday at noon.",
    "Minister Petrović and Hashim Thaçi meet u Briselu danas at noon.",
    "Župan je dejal, da se bodo pogovori nadaljevali v ponedeljek zjutraj.",
    "Le président a déclaré que les négociations reprendront lundi prochain.",
    "Petrović, Jovanović, Nikolić, Stojanović, Đorđević, Ilić, Pavlović",
    "qqqq wwww zzzz xxxx qqqq wwww zzzz xxxx qqqq wwww zzzz xxxx qqqq",
)


@pytest.mark.parametrize(
    "text, tag",
    [
        ("The minister said that talks would resume on Monday.", "en"),
        ("Kryetari i komunës tha se bisedimet do të vazhdojnë të hënën.", "sq"),
        ("Градоначалникот рече дека разговорите ќе продолжат во понеделник.", "mk"),
        ("Načelnik opštine je rekao da će se razgovori nastaviti u ponedeljak.", "hbs-Latn"),
        ("Начелник општине је рекао да ће се разговори наставити у понедељак.", "hbs-Cyrl"),
        ("Кметът каза, че разговорите ще продължат в понеделник.", "bg"),
        ("Župan je dejal, da se bodo pogovori nadaljevali v ponedeljek.", "sl"),
        ("Ο δήμαρχος είπε ότι οι συνομιλίες θα συνεχιστούν τη Δευτέρα.", "el"),
        ("Belediye başkanı görüşmelerin pazartesi günü süreceğini söyledi.", "tr"),
        ("Primarul a spus că discuțiile vor continua luni.", "ro"),
        ("Burmistrz powiedział, że rozmowy będą kontynuowane w poniedziałek.", "pl"),
        ("Мэр сказал, что переговоры продолжатся в понедельник.", "ru"),
        ("Мер сказав, що переговори продовжаться в понеділок.", "uk"),
        ("Der Bürgermeister sagte, die Gespräche würden am Montag fortgesetzt.", "de"),
        ("Il sindaco ha detto che i colloqui riprenderanno lunedì.", "it"),
        ("El alcalde dijo que las conversaciones continuarán el lunes.", "es"),
    ],
)
def test_supported_languages_are_detected(text: str, tag: str) -> None:
    found = detect(text)
    assert found.tag == tag
    assert found.code == tag.split("-")[0]
    assert found.code in SUPPORTED


@pytest.mark.parametrize(
    "text",
    [
        "Le maire a déclaré que les négociations reprendront lundi prochain.",
        "A polgármester szerint a tárgyalások hétfőn folytatódnak.",
        "Starosta řekl, že jednání budou pokračovat v pondělí.",
        "قال رئيس البلدية إن المحادثات ستستمر يوم الاثنين.",
        "市长表示，会谈将于星期一继续进行。",
        "😀 123 !!!",
        "",
    ],
)
def test_other_languages_and_no_letters_are_not_supported(text: str) -> None:
    assert detect(text).code is None


@pytest.mark.parametrize(
    "tag, code",
    [("sr-Latn", "hbs"), ("SR", "hbs"), ("hr", "hbs"), ("cnr", "hbs"), ("en-GB", "en"), ("sqi", "sq"), ("mk_MK", "mk")],
)
def test_the_callers_tag_is_kept_and_understood(tag: str, code: str) -> None:
    found = from_tag(tag, "Neki tekst.")
    assert (found.tag, found.code) == (tag, code)


@pytest.mark.parametrize("tag", ["fr", "zh-Hant", "x", "not a tag", ""])
def test_an_unknown_tag_is_not_supported(tag: str) -> None:
    assert from_tag(tag, "text").code is None


def test_a_sentence_leaves_its_article_only_on_clear_evidence() -> None:
    article = detect("Načelnik opštine je rekao da će se razgovori nastaviti u ponedeljak.")
    assert detect_sentence("OK, see you!", article) == article
    foreign = detect_sentence(
        "Le président de la République a déclaré que les négociations reprendront lundi.", article
    )
    assert foreign.code is None


@pytest.mark.parametrize("article", ["hbs-Latn", "hbs-Cyrl", "mk", "en", "sq", "sl", "fr"])
def test_a_sentence_is_judged_by_its_full_ranking(article: str) -> None:
    """The quick look at the best class alone must not decide otherwise than all classes with those of hbs added up."""
    of_article = Language(article, article.split("-")[0] if article != "fr" else None, None)
    for sentence in SENTENCES:
        best, confidence = languages._rank(sentence)[0]
        stays = best == of_article.code or confidence < 0.9
        assert detect_sentence(sentence, of_article) == (of_article if stays else detect(sentence)), sentence
