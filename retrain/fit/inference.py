"""What a network answers, without learning from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from tokenizers import Encoding
from torch import Tensor

from retrain.fit.inputs import batches, collate
from retrain.fit.network import SentimentEncoder, autocast

TOKENS = 2048
"""Tokens a batch."""


@torch.no_grad()
def answers(network: SentimentEncoder, encodings: Sequence[Encoding]) -> tuple[Tensor, Tensor]:
    """(logits [n, 3], mean embeddings [n, hidden]) in the order given, on the CPU."""
    logits, means = torch.zeros(len(encodings), 3), torch.zeros(len(encodings), network.head.in_features // 2)
    network.eval()
    for chosen in batches([len(encoding) for encoding in encodings], TOKENS, seed=0, shuffle=False):
        with autocast(network.device):
            inputs = [part.to(network.device) for part in collate([encodings[i] for i in chosen])]
            batch_logits, batch_means = network(*inputs)
        logits[chosen], means[chosen] = batch_logits.cpu(), batch_means.cpu()
    network.train()
    return logits, means


def predict(network: SentimentEncoder, encodings: Sequence[Encoding]) -> np.ndarray:
    """Logits [n, 3] in the order given."""
    return answers(network, encodings)[0].numpy()


def embeddings(network: SentimentEncoder, encodings: Sequence[Encoding]) -> Tensor:
    """Mean embeddings [n, hidden] of the texts in the order given."""
    return answers(network, encodings)[1]
