import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.normalise import language, normalise, story_key


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<p>Shares of A&amp;B rose</p><p>They fell later</p>", "Shares of A&B rose They fell later"),
        ("<b>Wire\u200bcard</b> news", "Wirecard news"),
        ("buy <script>alert('x')</script>now", "buy now"),
        ("one\x00two\x1b[31m three", "one two [31m three"),
        ("\u202eevil\u202c text", "evil text"),
        ("Аррle and Аррӏе are one company in this text", "Apple and Apple are one company in this text"),
        ("Газпром растет", "Газпром растет"),
        ("  a \t\n b  ", "a b"),
        ("ﬁnance Ｎｅｗｓ", "finance News"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("€1.9bn 🚀", "€1.9bn 🚀"),
        ("&lt;b&gt;", "<b>"),
        ("<p></p>\u200b", ""),
    ],
)
def test_what_is_undone(raw: str, clean: str):
    assert normalise(raw) == clean


@given(st.text())
def test_any_text_is_taken_and_comes_out_on_one_line(text: str):
    clean = normalise(text)
    assert clean == clean.strip() and all(c.isprintable() for c in clean) and "  " not in clean


@pytest.mark.parametrize("piece", ["<a", "&#", "<", "<script", "<!--", "<p ", "<style>", "&lt;", "\u200b", "а"])
def test_a_hostile_text_costs_linear_time(piece: str):
    text = piece * (200_000 // len(piece))
    started = time.perf_counter()
    normalise(text)
    assert time.perf_counter() - started < 2


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
        ("123 456", "und"),
    ],
)
def test_languages(text: str, expected: str):
    assert language(text) == expected


def test_a_given_tag_counts_first_and_a_senseless_one_not():
    assert language("Shares rose", "DE-at") == "de"
    assert language("The company raised its forecast", "klingon!") == "en"


def test_one_story_has_one_key_whatever_its_case_and_punctuation():
    assert story_key("Shares FALL, again!") == story_key("shares fall again")
    assert story_key("Shares fall again") != story_key("Shares rise again")
    assert 0 <= story_key("") < 2**64
