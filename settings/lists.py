"""Settings that hold several values in one text."""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """The values in ``text``, which are separated by commas, without the empty ones."""
    return [value.strip() for value in text.split(",") if value.strip()]
