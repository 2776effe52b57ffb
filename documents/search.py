"""What a person looks for among the documents."""

from __future__ import annotations

from typing import NamedTuple


class Search(NamedTuple):
    """Documents for which all of it holds; '' leaves a part out."""

    words: str = ""
    """Each of them stands in the title or the text."""
    entity: str = ""
    """The ticker of an entity that is named."""
    desk: str = ""
    """An entity of this desk is named."""
    topic: str = ""
    tone: str = ""
    """A label: of what is said about ``entity`` if that is given, else of the whole document."""
    entity_type: str = ""
    """An entity of this type is named."""
