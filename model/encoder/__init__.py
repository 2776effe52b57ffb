"""Encoders: the base models, their weights with an adapter merged in, the ONNX graph, and the import of others."""

from model.encoder.bases import Base, Weights, base, minilm_folder, pieces
from model.encoder.graph import CENTER, Architecture, Precision, build, graph_of
from model.encoder.importing import CannotImport, Imported, read_classifier
from model.encoder.weights import base_of, default_folders, merged

__all__ = [
    # base models
    "Base",
    "Weights",
    "base",
    "minilm_folder",
    "pieces",
    # adapters
    "base_of",
    "default_folders",
    "merged",
    # the graph
    "CENTER",
    "Architecture",
    "Precision",
    "build",
    "graph_of",
    # importing
    "CannotImport",
    "Imported",
    "read_classifier",
]
