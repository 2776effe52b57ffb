"""Stories: which documents tell the same one, and how new each document is."""

from documents.stories.facts import Facts, facts
from documents.stories.key import story_key
from documents.stories.novelty import Novelty

__all__ = ["Facts", "Novelty", "facts", "story_key"]
