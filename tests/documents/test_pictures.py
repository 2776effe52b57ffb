"""Posts of pictures alone."""

from __future__ import annotations

from documents import as_read
from documents.pictures import spelled_pictures


def test_words_stand_for_pictures_only_where_there_are_none():
    assert spelled_pictures("🚀🚀🌕") == "🚀🚀🌕 shares soar"
    assert spelled_pictures("📉😭 -40%") == "📉😭 -40% shares plunge, this is terrible, a loss"
    assert spelled_pictures("$ABC 🚀") == "$ABC 🚀"
    assert spelled_pictures("📰 12") == "📰 12"
    assert as_read("🐂", None, "X", frozenset()) == ("🐂 shares soar", None)
