"""The encoders: their weights, and the graph that is made of them."""

from model.encoder.bases import Base, Weights, base, pieces
from model.encoder.graph import CENTER
from model.encoder.weights import base_of, merged

__all__ = ["CENTER", "Base", "Weights", "base", "base_of", "merged", "pieces"]
