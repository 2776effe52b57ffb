"""What the network is trained to make small, and how much each row counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from retrain.data import NOT_NEGATIVE, SIGN_ONLY, Example


def losses(logits: Tensor, examples: Sequence[Example], smoothing: float) -> Tensor:
    """One loss a row [n], from logits [n, 3].

    Usually it is the cross-entropy over three classes. For rows of sets without neutral rows, half of it is the
    cross-entropy of negative against positive, so that these sets do not teach that nothing is neutral. For a row that
    is only known not to be negative, it is minus the logarithm of the other two probabilities' sum.
    """
    labels = torch.tensor([example.label for example in examples], device=logits.device)
    sign_only = torch.tensor([e.dataset in SIGN_ONLY and e.label != 1 for e in examples], device=logits.device)
    open_ended = labels == NOT_NEGATIVE
    three = functional.cross_entropy(
        logits, labels.masked_fill(open_ended, 1), reduction="none", label_smoothing=smoothing
    )
    two = functional.cross_entropy(logits[:, [0, 2]], (labels == 2).long(), reduction="none", label_smoothing=smoothing)
    rest = -torch.logsumexp(functional.log_softmax(logits, 1)[:, 1:], 1)
    return torch.where(open_ended, rest, torch.where(sign_only, (two + three) / 2, three))


def class_weights(examples: Sequence[Example], power: float) -> Tensor:
    """A weight a row [n]. Rarer labels of a set count more, by the inverse of their frequency to ``power``; the mean
    weight of a set is 1."""
    counts = Counter((e.dataset, e.label) for e in examples)
    sizes = Counter(e.dataset for e in examples)
    raw = {key: 1.0 if key[0] in SIGN_ONLY else (sizes[key[0]] / (3 * count)) ** power for key, count in counts.items()}
    mean = {name: sum(raw[k] * c for k, c in counts.items() if k[0] == name) / size for name, size in sizes.items()}
    return torch.tensor([raw[e.dataset, e.label] / mean[e.dataset] for e in examples])


def divergence(logits: Tensor, before: Tensor, replayed: Tensor) -> Tensor:
    """How far the answers to replayed rows are from those before the training: the mean over the batch of the
    Kullback-Leibler divergence (learning without forgetting; Li and Hoiem 2016, arXiv 1606.09282).

    ``logits`` are [n, 3], ``before`` are probabilities [n, 3], and ``replayed`` [n] marks the rows that count.
    """
    now, before = functional.log_softmax(logits, dim=1), before.to(logits.device)
    each = functional.kl_div(now, before, reduction="none").sum(1)
    return (each * replayed.to(logits.device)).mean()
