"""Watch lists made from other people's lists of companies: those of the SEC, of exchanges, of a firm's own system."""

from documents.universe.desks import DeskRules
from documents.universe.listing import Listing, Listings, listing_columns
from documents.universe.merging import Merged, merged, written
from documents.universe.suggesting import Spoken, Suggestion, suggestions

__all__ = [
    "DeskRules",
    "Listing",
    "Listings",
    "Merged",
    "Spoken",
    "Suggestion",
    "listing_columns",
    "merged",
    "suggestions",
    "written",
]
