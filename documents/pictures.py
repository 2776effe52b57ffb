"""What the pictures in posts say, for posts that have no words."""

from __future__ import annotations

import re

_SAYINGS = {
    "shares soar": "🚀🌕🌙🌝📈💹🐂🤑",
    "great, this goes up": "💪👍🔥🎉🥳😀😁😃😄😊😍🤩🥰😎💰💵💸🏆🎯✅🙌💎🍾🥂👏❤💚🟢",
    "shares plunge": "📉🐻🩸🔻💥☠💀⚰🪦",
    "this is terrible, a loss": "😭😢😡🤬😱😨😰😖😩😫👎💩🤮🤢💔🤡🔴❌🗑😞😔🙁☹😠",
}
_WORDS = {picture: words for words, pictures in _SAYINGS.items() for picture in pictures}
_LETTER = re.compile(r"[^\W\d_]")


def spelled_pictures(text: str) -> str:
    """``text`` with a picture's meaning in words, each once, where it has no words of its own. Other texts as they are:
    there the words decide, and a model has learnt the pictures beside them."""
    if text.isascii() or _LETTER.search(text):
        return text
    said = dict.fromkeys(words for picture in text if (words := _WORDS.get(picture)))
    return f"{text} {', '.join(said)}" if said else text
