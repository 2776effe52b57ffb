"""Reads records again that are missing from the tables, while Kafka still has them."""

from stream.repair.filling import Gap, Repairing, gaps_of

__all__ = ["Gap", "Repairing", "gaps_of"]
