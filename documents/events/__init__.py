"""What happened to a company: the words of an event, and the taxonomy of the types of events."""

from documents.events.event import Event, EventRole, EventState
from documents.events.taxonomy import BadEventTypes, EventType, EventTypes, load_event_types

__all__ = ["BadEventTypes", "Event", "EventRole", "EventState", "EventType", "EventTypes", "load_event_types"]
