import pytest

from documents import Pseudonymiser

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
