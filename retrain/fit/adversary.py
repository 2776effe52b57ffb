"""The adversarial step: each batch is also learned with its embedded texts moved where the loss rises fastest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from retrain.fit.network import SentimentEncoder


class Adversary:
    """The fast gradient method on word embeddings (Miyato et al. 2017, arXiv 1605.07725).

    A text's embedding, taken as one vector, moves by ``epsilon`` of its own length along its gradient. The gradient is
    that of the last forward pass, which must have been followed by a backward pass. The step costs a second pass, and
    makes the backward pass go down to the embeddings.
    """

    def __init__(self, network: SentimentEncoder, epsilon: float) -> None:
        self._epsilon = epsilon
        self._embedded: Tensor | None = None
        self._moved: Tensor | None = None
        words = next(part for name, part in network.named_modules() if name.endswith("word_embeddings"))
        self._hook = words.register_forward_hook(self._forward)

    def _forward(self, module: torch.nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
        if not module.training:
            return None
        if self._moved is not None:
            return output + self._moved
        self._embedded = output.detach().requires_grad_()
        return self._embedded

    @contextmanager
    def attacking(self) -> Iterator[None]:
        """In this context a forward pass reads the texts of the last one, moved."""
        assert self._embedded is not None and self._embedded.grad is not None, "no backward pass before"
        gradient, embedded = self._embedded.grad, self._embedded.detach()
        read = (gradient != 0).any(-1, keepdim=True)  # not the padding
        length = (embedded * read).norm(dim=(1, 2), keepdim=True)
        steepest = gradient / gradient.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)
        self._moved = self._epsilon * length * steepest
        try:
            yield
        finally:
            self._moved = self._embedded = None

    def leave(self) -> None:
        """Take the hook off; the network is as it was before."""
        self._hook.remove()
