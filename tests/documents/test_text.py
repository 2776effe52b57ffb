import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import normalise, quiet, rejoined, unnamed, whole_words


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
        ("&lt;b&gt;Profit&lt;/b&gt; fell", "Profit fell"),
        ("&amp;lt;p&amp;gt;Profit fell&amp;lt;/p&amp;gt;", "Profit fell"),
        ("<![CDATA[Profit <b>fell</b>]]>", "Profit fell"),
        ("&lt;![CDATA[Profit &amp;amp; loss]]&gt;", "Profit & loss"),
        ("a &lt; b and c &gt; d, see &lt;config&gt;", "a < b and c > d, see <config>"),
        ("AT&amp;amp;T and R&D", "AT&T and R&D"),
        (
            "<table><tr><th>Q2 2020</th><th>Q2 2019</th></tr><tr><td>1.2</td><td>1.4</td></tr></table>",
            "Q2 2020 Q2 2019 1.2 1.4",
        ),
        ("<ul><li>One<li>Two</ul><dl><dt>Three<dd>Four</dl>", "One Two Three Four"),
        (
            "Alder <ALDR.N> and <br/>Birch <BIR.TO> fell, <EUR=> rose",
            "Alder <ALDR.N> and Birch <BIR.TO> fell, <EUR=> rose",
        ),
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
    started = time.process_time()
    normalise(text)
    assert time.process_time() - started < 2


def test_names_with_accents_are_mended_and_other_languages_left():
    assert normalise("Nеstlé rɑises its ѕɑles ցoal") == "Nestlé raises its sales goal"
    assert normalise("Yapı Kredi kârını artırdı") == "Yapı Kredi kârını artırdı"


@pytest.mark.parametrize(
    ("text", "entity", "expected"),
    [
        ("PROFIT OF ALDER FALLS 12%", "ALDER", ("profit of alder falls 12%", "alder")),
        ("PROFIT FALLS AT THE GROUP", None, ("profit falls at the group", None)),
        ("$ABCD UP", None, ("$ABCD UP", None)),
        ("ALDER, BIRCH, CARDO and DELMAR in focus", "BIRCH", ("ALDER, BIRCH, CARDO and DELMAR in focus", "BIRCH")),
        ("公司上调业绩预期", None, ("公司上调业绩预期", None)),
    ],
)
def test_capitals_are_read_as_small_letters(text: str, entity: str | None, expected: tuple[str, str | None]):
    assert quiet(text, entity) == expected


@pytest.mark.parametrize(
    ("text", "entity", "expected"),
    [
        ("Alder's profit falls, Birch gains on Alder", "Alder", ("X's profit falls, Birch gains on X", "X")),
        ("$ALDR up, Alderney down", "ALDR", ("$X up, Alderney down", "X")),
        ("Gap closes the gap", "Gap", ("X closes the gap", "X")),
        ("alder falls", "Alder", ("X falls", "X")),
        ("A+B (Holding) rises", "A+B (Holding)", ("X rises", "X")),
        ("赤松股份发布业绩预告", "赤松股份", ("X发布业绩预告", "X")),
        ("The firm gains", "Alder", ("The firm gains", "Alder")),
        ("The firm gains", None, ("The firm gains", None)),
    ],
)
def test_a_stand_in_takes_the_place_of_a_name(text: str, entity: str | None, expected: tuple[str, str | None]):
    assert unnamed(text, entity, "X") == expected
    assert unnamed(text, entity, "") == (text, entity)


WORDS = whole_words(
    f"\u2581{word}" for word in ("company", "market", "profit", "a", "part", "apart", "in", "come", "income")
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("The comp any cut its pro fit, and the mar ket fell", "The company cut its profit, and the market fell"),
        ("THE COMP ANY CUT ITS PRO FIT", "THE COMPANY CUT ITS PROFIT"),
        ("a part of the in come", "a part of the in come"),  # both halves are words: nobody knows what was meant
        ("Pro Fit sues the company", "Pro Fit sues the company"),  # a name
        ("comp  any, comp-any, $comp any, comp anything", "comp  any, comp-any, $comp any, comp anything"),
        ("comp any any", "company any"),
        ("", ""),
    ],
)
def test_a_split_word_is_read_whole_and_two_words_stay_two(text: str, expected: str):
    assert rejoined(text, WORDS) == expected


def test_whole_words_of_each_kind_of_tokenizer():
    assert whole_words(["[CLS]", "Bank", "##ing", "2020", "-"]) == {"bank"}
    assert whole_words(["\u0120Bank", "ing"]) == {"bank"}
