"""The key of a text, which its exact copies share. It ignores the labels that agencies put in front of a headline."""

from __future__ import annotations

import re

import xxhash

_NOT_WORD = re.compile(r"[\W_]+")
# What agencies put in front of a headline, and copies leave out: "UPDATE 2-", "LONDON, June 18 (Reuters) -".
_LABEL = re.compile(
    r"(?:(?:update|rpt|refile|correct(?:ed|ion)|wrapup|brief|exclusive|breaking|factbox|explainer|graphic|analysis"
    r"|analyst view|instant view|timeline|adds|recast)\b\s?\d{0,2}\s?[-:\u2013\u2014]\s?)+",
    re.IGNORECASE,
)
# Each word in the brackets begins behind a space, so that there is one way to match it: a hostile text costs no more.
_DATELINE = re.compile(
    r"(?:[^\W\d_][\w .,/-]{0,60})?\([A-Z][\w&.]*(?:\s[A-Z][\w&.]*){0,3}\s?\)\s?[-\u2013\u2014]{1,2}\s"
)


def lead(text: str) -> str:
    """``text`` without the labels and the dateline that agencies put in front of it."""
    for pattern in (_LABEL, _DATELINE, _LABEL):
        if (match := pattern.match(text)) and match.end() < len(text):
            text = text[match.end() :]
    return text


def story_key(text: str) -> int:
    """A 64-bit key of a normalised text. Case, punctuation and the labels of agencies do not change it."""
    return xxhash.xxh3_64_intdigest(_NOT_WORD.sub(" ", lead(text).lower()).strip().encode())
