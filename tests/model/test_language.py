"""Which language a text is in."""

from __future__ import annotations

import random

import pytest

from model import detect, detect_all
from model.ngrams import ERROR, Ngrams


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The company raised its forecast for the full year", "en"),
        ("Der Konzern hat seine Prognose für das Gesamtjahr angehoben", "de"),
        ("El grupo eleva sus previsiones para todo el año", "es"),
        ("Le groupe relève ses prévisions pour l'ensemble de l'année", "fr"),
        ("公司上调全年业绩预期", "zh"),
        ("会社は通期の予想を引き上げました", "ja"),
        ("회사는 연간 전망을 상향했다", "ko"),
        ("$TSLA 🚀", "en"),
        ("🚀🚀🌕", "en"),
        ("📉😭 -40%", "en"),
        ("123 456", "und"),
        ("→ 12 ✓", "und"),
    ],
)
def test_languages(text: str, expected: str):
    assert detect(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gewinn bei Siemens sinkt deutlich", "de"),
        ("Las acciones del banco caen", "es"),
        ("Le bénéfice de Renault recule", "fr"),
        ("Laba emiten ini naik tajam", "id"),
        ("Utile in calo per la banca", "it"),
        ("Lucro da empresa cai após greve", "pt"),
        ("Şirket hisse başına kâr açıkladı", "tr"),
        ("Lợi nhuận của công ty giảm", "vi"),
        ("東芝、不正会計で株価が急落", "ja"),
        ("企業倒産増加、業績悪化", "ja"),
        ("삼성전자 영업이익 급감", "ko"),
        ("Акции Сбербанка упали", "ru"),
        ("Прибуток банку впав, акції дешевшають", "uk"),
        ("МТС и Tele2 запускают LTE", "ru"),
        ("Компанія збанкрутувала", "uk"),
        ("Acme Inc Q2 loss narrows", "en"),
        ("buy $ABC now", "en"),
        ("Sales remain unchanged, n\u00e9e Ren\u00e9e", "en"),
        ("Caf\u00e9 chain Beyonc\u00e9 sees sales slide", "en"),
    ],
)
def test_few_words_tell_the_language(text: str, expected: str):
    assert detect(text) == expected
    assert detect_all([text] * 20, [None] * 20) == [expected] * 20


def test_a_tag_is_believed_where_names_outweigh_the_words():
    assert detect("Sberbank, VTB, Tinkoff: за банк Alfa", "ru") == "ru"
    assert detect("Sberbank and VTB raise their rates for loans", "ru") == "en"


@pytest.mark.parametrize(
    "tag", ["und", "qme", "eng", "in", "tl", "US", "EN_us", "klingon!", "english", "zh", "de", "x"]
)
def test_plain_english_is_english_whatever_its_tag(tag: str):
    assert detect("Profit rose by a third and the dividend was raised again", tag) == "en"
    assert tag in ("in", "de") or detect("Tesla up big today lol", tag) == "en"


@pytest.mark.parametrize(
    ("text", "tag", "expected"),
    [
        ("Shares rose", "DE-at", "de"),  # two words contradict nothing
        ("Der Konzern hat seine Prognose angehoben und zahlt mehr Dividende", "en", "de"),
        ("Perusahaan itu menaikkan proyeksi laba setahun penuh", "in", "id"),
        ("Naturlig vekst i selskapet ga bedre resultat i fjerde kvartal", "no", "no"),
        ("公司上调全年业绩预期", "eng", "zh"),
        ("123 456", "de", "de"),
        ("123 456", "US", "und"),
    ],
)
def test_a_tag_is_a_hint_and_the_text_decides(text: str, tag: str, expected: str):
    assert detect(text, tag) == expected


def test_the_script_has_the_last_word():
    assert detect("公司上调全年业绩预期", "en") == "zh"
    assert detect("The company raised its forecast", "zh") == "en"
    assert detect("会社は通期の予想を引き上げました", "ja") == "ja"
    assert detect("業績予想", "ja") == "ja"
    assert detect("Прибыль выросла на треть", "en") == "ru"


@pytest.mark.parametrize(
    "text",
    [
        "Infosys Q3 net up 12%",
        "$AAPL to the moon",
        "Tencent 腾讯 beats forecasts as games revenue climbs",
        "TCS, Wipro, HDFC Bank in focus",
        "Nestlé raises full-year outlook",
    ],
)
def test_short_headlines_full_of_names_are_english(text: str):
    assert detect(text) == "en"


@pytest.mark.parametrize("text", ["腾讯Q3净利同比增长16%", "BABA阿里巴巴 大涨", "中国平安H股回购"])
def test_chinese_with_latin_names_is_chinese(text: str):
    assert detect(text) == "zh"


def test_web_addresses_are_in_no_language():
    assert detect("https://example.com/markets/a-long-way-down/2024/stocks") == "und"
    assert detect("大涨 https://example.com/markets/a-long-way-down/2024/stocks") == "zh"
    assert detect("https://example.com/markets/a-long-way-down大涨了") == "zh"


def made_up(count: int) -> list[str]:
    """Texts of words of many languages, of their letters at random, and hostile ones."""
    lots = random.Random(5)
    words = """the and profit rose shares der die und nicht Gewinn el los para según le les des bénéfice een het van och
        är som oraz się bir için daha não são lucro lebih naik $TSLA 12.5% 中国 при İstanbul"""
    letters = "aeinrst  .,'éüßñ’🚀中カаİ$#@09AEIOU" + "\ud800\x00\u0301"
    texts = ["", "a" * 400, "A" * 400, "\ud800" * 50, "\U00010400" * 400, "the " * 100, "\x00" * 300, "İ" * 400]
    while len(texts) < count:
        text = " ".join(lots.choices(words.split(), k=lots.randint(1, 25)))
        texts += [text, text.upper(), "".join(lots.choices(letters, k=lots.randint(0, 450)))]
    return texts


def test_all_at_once_is_what_each_is_alone():
    texts = made_up(600)
    lots = random.Random(6)
    tags = [lots.choice([None, None, "en", "de", "tl", "zh", "xx"]) for _ in texts]
    alone = [detect(text, tag) for text, tag in zip(texts, tags, strict=True)]
    assert len(set(alone)) > 6
    assert detect_all(texts, tags) == alone
    assert detect_all(texts[:9], tags[:9]) == alone[:9]
    assert detect_all([], []) == []


def test_all_at_once_errs_by_less_than_it_says():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    texts = made_up(200)
    for text, chances in zip(texts, Ngrams(identifier).probabilities(texts), strict=True):
        ranked = dict(identifier.rank(text))
        # Two names of one language are one in the ranking.
        merged: dict[str, float] = {}
        for language, chance in zip(identifier.nb_classes, chances.tolist(), strict=True):
            merged[language] = merged.get(language, 0.0) + chance
        assert max(abs(ranked[language] - chance) for language, chance in merged.items()) < ERROR / 10


@pytest.mark.parametrize(
    "address", ["https://die-und-das.de/nicht", "HTTP://die-und-das.de/nicht", "Www.die-und-das.de/x"]
)
def test_addresses_are_not_read_however_they_are_written(address: str):
    assert detect(address) == "und"
