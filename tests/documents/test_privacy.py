import pytest

from documents import Pseudonymiser, redact_url

KEY = "k" * 32


def test_a_pseudonym_is_the_same_for_the_same_author_and_key_only():
    one = Pseudonymiser(KEY)
    assert one.author("forum", "jane") == Pseudonymiser(KEY).author("forum", "jane")
    others = {one.author("forum", "john"), one.author("board", "jane"), Pseudonymiser("x" * 32).author("forum", "jane")}
    assert one.author("forum", "jane") not in others and len(others) == 3
    assert "jane" not in one.author("forum", "jane") and len(one.author("forum", "jane")) == 32


def test_a_short_key_is_refused_and_a_key_is_not_shown():
    with pytest.raises(ValueError, match="FINSENT_PSEUDONYM_KEY"):
        Pseudonymiser("short")
    assert KEY not in repr(Pseudonymiser(KEY))


PERSONAL = (
    *("jane.doe@example.com/17", "msg-<a@mail.example.org>", "wa:+44 7911 123456", "j%40example.com"),
    *("tel:+442079460958", "gi75nwbk000000007099453"),
)
OTHER = ("", "4111111111111111", "1234567890123456789", "reuters.com/2020-06-18/ab-12", "t3_abc", "@handle")


@pytest.mark.parametrize("name", PERSONAL)
def test_an_id_that_holds_personal_data_is_the_same_pseudonym_everywhere(name: str):
    one = Pseudonymiser(KEY)
    assert one.identifier(name).startswith("pseudonym-") and one.identifier(name) == one.identifier(name)
    assert one.identifier(one.identifier(name)) == one.identifier(name)
    assert one.identifier(name) != Pseudonymiser("x" * 32).identifier(name)


@pytest.mark.parametrize("name", OTHER)
def test_other_ids_stay(name: str):
    assert Pseudonymiser(KEY).identifier(name) == name


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://example.com/news/20200618/12345678901?id=4397593062612509#top",) * 2,
        ("https://medium.com/@someone/a-story",) * 2,
        ("",) * 2,
        ("https://jane:secret@example.com/a", "https://example.com/a"),
        ("https://example.com/u/jane@example.org/a?x=1", "https://example.com/u/[email]/a?x=1"),
        ("https://example.com/a?mail=jane%40example.org&b=2", "https://example.com/a?mail=[email]&b=2"),
        ("mailto:jane@example.org", "mailto:[email]"),
        ("https://example.com/call?tel=%2B442079460958", "https://example.com/call?tel=[phone]"),
        ("https://wa.me/447911123456", "https://wa.me/447911123456"),
        ("http://[broken/jane@example.org", "http://[broken/[email]"),
    ],
)
def test_personal_data_in_an_address_of_a_page(url: str, redacted: str):
    assert redact_url(url) == redacted
