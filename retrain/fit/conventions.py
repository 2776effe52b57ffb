"""What a set that calls other texts neutral than ours adds to the logits, in training only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from retrain.data import OWN_CONVENTION, Example

RATE = 1e-2
"""Learning rate of the offsets: they start at 0 and have some units to go, weights only thousandths."""


class Conventions(nn.Module):
    """One learnt offset [3] for each set of ``OWN_CONVENTION`` among ``examples``, and none for the others.

    Such a set says by its offset how seldom it calls a text neutral. So the shared layers and the head need not learn
    that from it, and keep the convention of the other sets, which is the one that serves.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        super().__init__()
        self._names = sorted({e.dataset for e in examples} & OWN_CONVENTION)
        self.offsets = nn.Parameter(torch.zeros(len(self._names), 3))

    def forward(self, examples: Sequence[Example]) -> Tensor:
        """What is added to the logits of ``examples``, [n, 3]."""
        none = torch.zeros(1, 3, device=self.offsets.device)
        rows = [self._names.index(e.dataset) if e.dataset in self._names else -1 for e in examples]
        return torch.cat([self.offsets, none])[rows]
