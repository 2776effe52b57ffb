"""An event: what a document says happened to a company. The values of the words are what is stored and sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventRole(StrEnum):
    """What the company has to do with the event."""

    SUBJECT = "subject"
    """It happened to this company, or this company did it: Ford in "Goldman downgrades Ford"."""
    COUNTERPARTY = "counterparty"
    """It took part, but the event is another's: the fined bank's regulator, the broker that downgrades, the hacked
    supplier's customer."""
    MENTIONED = "mentioned"
    """It is only named: a rival, a comparison, a list."""


class EventState(StrEnum):
    """Whether it happened, by what the document says."""

    HAPPENED = "happened"
    THREATENED = "threatened"
    """It may well come: a warning, a vote, a plan, talks that are confirmed."""
    RUMOURED = "rumoured"
    """Said by unnamed people, or by posts: nobody who must know has said it."""
    DENIED = "denied"
    """The company or someone who must know says that it is not so."""
    AVERTED = "averted"
    """It was under way or feared, and is over without having happened: a strike called off, a suit dismissed."""
    HISTORIC = "historic"
    """It happened long before: an anniversary, a look back."""
    HYPOTHETICAL = "hypothetical"
    """A question, an opinion, an example, a condition: "what if", "could be the next to"."""


@dataclass(slots=True)
class Event:
    """One type of event, in one document, for one company.

    ``type`` is a name of the taxonomy, ``entity`` a ticker. ``probability`` (0 to 1) is that the document tells of
    such an event with this company in it. ``relevance`` (0 to 100) says how much the document is about the company.
    ``severity`` is 1 (routine) to 5 (the company's existence). ``polarity`` is -1, 0 or 1 for the company, with the
    state counted: an averted strike is no bad news.
    """

    entity: str
    type: str
    probability: float
    role: EventRole
    state: EventState
    relevance: int
    severity: int
    polarity: int
