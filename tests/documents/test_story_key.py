"""The key of a story's text, and the words of its headline."""

from __future__ import annotations

import random
import re
import unicodedata

from documents.stories import story_key
from documents.stories.facts import _plain


def test_one_story_has_one_key_whatever_its_case_and_punctuation():
    assert story_key("Shares FALL, again!") == story_key("shares fall again")
    assert story_key("Shares fall again") != story_key("Shares rise again")
    assert 0 <= story_key("") < 2**64


def test_words_of_headlines_lose_points_and_the_genitive():
    lots = random.Random(4)
    for _ in range(2000):
        word = "".join(lots.choices("aSs's\u2019.-&_\u00e9\u0130\u4e2d1", k=lots.randint(1, 8)))
        bare = re.sub("['\u2019]s$", "", word)
        for sign in ".'\u2019":
            bare = bare.replace(sign, "")
        bare = bare.lower()
        if not bare.isascii():
            bare = "".join(c for c in unicodedata.normalize("NFD", bare) if c.isalnum())
        assert _plain(word) == bare
