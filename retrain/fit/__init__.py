"""Training: the network, the one training loop, and what a job's training adds to it.

Importing this room imports PyTorch and Transformers; ``retrain`` itself does not import it.
"""

from retrain.fit.adapter import inherited, vocabulary_of, write_adapter
from retrain.fit.blend import part_of_the_way
from retrain.fit.inference import embeddings, predict
from retrain.fit.inputs import MAX_TOKENS, Reader, encode
from retrain.fit.loop import Epoch, Fitted, Keep, Material, Recipe, Step, fit
from retrain.fit.network import SentimentEncoder
from retrain.fit.observers import print_progress
from retrain.fit.pretraining import Pretrained, PretrainRecipe, TooFewTexts, pretrain
from retrain.fit.search import search, searched
from retrain.fit.train_job import train_job

__all__ = [
    "MAX_TOKENS",
    "Epoch",
    "Fitted",
    "Keep",
    "Material",
    "PretrainRecipe",
    "Pretrained",
    "Reader",
    "Recipe",
    "SentimentEncoder",
    "Step",
    "TooFewTexts",
    "embeddings",
    "encode",
    "fit",
    "inherited",
    "part_of_the_way",
    "predict",
    "pretrain",
    "print_progress",
    "search",
    "searched",
    "train_job",
    "vocabulary_of",
    "write_adapter",
]
