"""What a document is: its types, its text, the companies that it is about, and the words of the alerts about it.

``documents.messages`` holds the messages on Kafka's topics, ``documents.schemas`` publishes their schemas, and
``documents.stories`` knows which documents tell the same story.
"""

# The words of alerts
from documents.alert import AlertKind, AlertState, Direction, Severity

# Text
from documents.figures import spelled_figures

# Companies in a text
from documents.linking import MOST_MENTIONS, Linker, Match
from documents.model_input import ADDRESS, as_read, naming, quiet, rejoined, unnamed, whole_words
from documents.normalising import TooLong, normalise

# Personal data
from documents.privacy import Pseudonymiser

# Types: what is stored of a Kafka record
from documents.records import (
    EMBEDDING_BYTES,
    EPOCH,
    FEEDS,
    KINDS,
    LABEL_TOPIC,
    LABELS,
    UNSCORED,
    BadRecord,
    Document,
    Fault,
    Kind,
    Label,
    Mention,
    Position,
    Row,
    Sentiment,
    Tombstone,
    Topic,
    Via,
    whole_text,
)
from documents.redaction import redact, redact_url

# What people look for
from documents.search import Search

# Texts where people see them
from documents.showing import from_spreadsheet, shown, spreadsheet_cell

# The watch list
from documents.watchlist import (
    ENTITY_TYPES,
    BadWatchlist,
    Entity,
    EntityType,
    FormerName,
    Watchlist,
    load_watchlist,
    shipped_watchlist,
)

__all__ = [
    "ADDRESS",
    "EMBEDDING_BYTES",
    "ENTITY_TYPES",
    "EPOCH",
    "FEEDS",
    "KINDS",
    "LABELS",
    "LABEL_TOPIC",
    "MOST_MENTIONS",
    "UNSCORED",
    "AlertKind",
    "AlertState",
    "BadRecord",
    "BadWatchlist",
    "Direction",
    "Document",
    "Entity",
    "EntityType",
    "Fault",
    "FormerName",
    "Kind",
    "Label",
    "Linker",
    "Match",
    "Mention",
    "Position",
    "Pseudonymiser",
    "Row",
    "Search",
    "Sentiment",
    "Severity",
    "Tombstone",
    "TooLong",
    "Topic",
    "Via",
    "Watchlist",
    "as_read",
    "from_spreadsheet",
    "load_watchlist",
    "naming",
    "normalise",
    "quiet",
    "redact",
    "redact_url",
    "rejoined",
    "shipped_watchlist",
    "shown",
    "spreadsheet_cell",
    "spelled_figures",
    "unnamed",
    "whole_text",
    "whole_words",
]
