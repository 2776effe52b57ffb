"""What a text is about: the taxonomy of topics and the classifier that is fitted from it."""

from model.topics.classifier import Classifier, Embedder, Topics
from model.topics.taxonomy import Taxonomy, Topic, load_taxonomy

__all__ = [
    # the classifier
    "Classifier",
    "Embedder",
    "Topics",
    # the taxonomy
    "Taxonomy",
    "Topic",
    "load_taxonomy",
]
