"""How people write the three labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from documents.records import LABELS

_SPELLINGS = {
    "negative": ("negative", "neg", "bearish", "bear", "bad", "-1", "消极", "负面",
                 "negativ", "negativo", "négatif", "schlecht", "mauvais", "malo", "ruim", "cattivo", "negatief",
                 "slecht", "negatywny", "olumsuz", "negatif", "негативный", "利空", "看跌", "ネガティブ", "弱気",
                 "부정", "tiêu cực"),
    "neutral": ("neutral", "neu", "none", "mixed", "中性", "neutre", "neutro", "neutraal",
                "neutralny", "nötr", "netral", "нейтральный", "中立", "ニュートラル", "중립", "trung lập"),
    "positive": ("positive", "pos", "bullish", "bull", "good", "+1", "积极", "正面",
                 "positiv", "positivo", "positif", "gut", "bon", "bueno", "bom", "buono", "positief", "goed",
                 "pozytywny", "olumlu", "позитивный", "利好", "看涨", "ポジティブ", "強気", "긍정", "tích cực"),
}  # fmt: skip
_BY_SPELLING = {spelling: label for label, spellings in _SPELLINGS.items() for spelling in spellings}
_SIGNS = {"0": "neutral", "1": "positive"}


def label_spellings(values: Iterable[Any], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The label that each of ``values`` means, by its spelling; those of no known meaning are not in it.

    0 and 1 are neutral and positive only where -1 is used, too: without it, nobody knows what 0 is.
    """
    seen = {spelled(value) for value in values}
    known = dict(_BY_SPELLING)
    if "-1" in seen:
        known |= _SIGNS
    known |= {spelled(name): label for name, label in (given or {}).items()}
    return {one: known[one] for one in seen if one in known}


def spelled(value: Any) -> str:
    """``value`` as it is looked up."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().strip("\"'").lower()


def what_is_known() -> str:
    """For messages: the labels, and what else is taken."""
    return f"{', '.join(LABELS)}; bullish and bearish; 1, 0 and -1 together"
