"""A personal order of documents: what may be ranked, and how."""

from console.ranking.order import Act, Candidate, Interests, Person, Ranked, interests, rank
from console.ranking.queries import CANDIDATES, TEXTS, offered, parameters

__all__ = [
    "CANDIDATES",
    "TEXTS",
    "Act",
    "Candidate",
    "Interests",
    "Person",
    "Ranked",
    "interests",
    "offered",
    "parameters",
    "rank",
]
