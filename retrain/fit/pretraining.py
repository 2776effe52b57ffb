"""Masked-language modelling: an encoder is adapted to the language of the stream, without labels.

It goes on with the encoder's own training (Devlin et al. 2019, arXiv 1810.04805; Gururangan et al. 2020, arXiv
2004.10964): 15 % of the pieces of each text are hidden and guessed. The encoders come without the head that guesses, so
a small new one is trained beside them, over the word embeddings, and thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import Progress
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from errors import FinsentError
from model.encoder import Base, Weights
from retrain.data import Example
from retrain.fit.inference import TOKENS, embeddings
from retrain.fit.inputs import Reader, batches, collate, encode
from retrain.fit.network import SentimentEncoder, autocast

HIDDEN = 0.15
"""Share of the pieces of a text that are hidden."""

REPLACED, OTHER = 0.8, 0.1
"""Of the hidden pieces, the first share shows the mask and the second another piece; the rest show themselves."""

HELD_OUT = 0.05
FEWEST_TEXTS = 100
WARMUP = 0.06
MASKS = ("[MASK]", "<mask>", "[UNK]", "<unk>")
"""The first of these that the vocabulary has is the mask."""


class TooFewTexts(FinsentError, ValueError):
    """There are not enough texts to learn from."""


class Guesser(nn.Module):
    """The head that guesses hidden pieces. ``words`` are the word embeddings [pieces, hidden], which it only reads."""

    def __init__(self, words: Tensor) -> None:
        super().__init__()
        pieces, hidden = words.shape
        self.dense = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(pieces))
        self._words = words

    def forward(self, states: Tensor) -> Tensor:
        """Logits, float32 [n, pieces], from hidden states [n, hidden]."""
        seen: Tensor = self.norm(functional.gelu(self.dense(states)))
        return (seen @ self._words.T.to(seen.dtype)).float() + self.bias


@dataclass(frozen=True, slots=True)
class Pretrained:
    """``losses`` are the mean negative log-likelihoods of hidden pieces of the texts held out: before the training,
    with a new head, and after each epoch. ``drift`` is the mean of 1 - cosine between the texts' embeddings and those
    of the start."""

    weights: Weights
    losses: list[float]
    drift: float


def hide(ids: Tensor, text: Tensor, mask: int, pieces: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """(ids as shown, places to guess), both [n, t].

    Only pieces that ``text`` marks are hidden, and never the last of a row, which is the separator.
    """
    own = text.bool() & (text.cumsum(1) < text.sum(1, keepdim=True))
    draw = torch.rand(ids.shape, generator=random)
    places = own & (draw < HIDDEN)
    kind = torch.rand(ids.shape, generator=random)
    other = torch.randint(pieces, ids.shape, generator=random)
    shown = torch.where(places & (kind < REPLACED), mask, ids)
    return torch.where(places & (kind >= REPLACED) & (kind < REPLACED + OTHER), other, shown), places


@dataclass(frozen=True, slots=True)
class PretrainRecipe:
    """How an encoder is adapted.

    The last ``layers`` are trained (0: all). ``rate`` is their learning rate, and ``tokens`` go into a batch.
    ``distill`` weighs staying near the start's embeddings, so that the start's sentiment head still fits.
    """

    layers: int = 6
    epochs: int = 1
    rate: float = 5e-5
    tokens: int = 1024
    distill: float = 1.0
    seed: int = 17


def pretrain(encoder: Base, start: Weights, texts: Sequence[str], recipe: PretrainRecipe) -> Pretrained:
    """Train on ``texts``, from the weights ``start``; some texts are held out. Raises ``TooFewTexts``."""
    if len(texts) < FEWEST_TEXTS:
        raise TooFewTexts(f"{len(texts)} texts to learn from; at least {FEWEST_TEXTS}")
    torch.manual_seed(recipe.seed)
    reader = Reader.of(encoder)
    encodings = encode(reader, [Example("stream", text, 1) for text in texts])
    held = max(20, int(HELD_OUT * len(texts)))
    checked, learned = encodings[:held], encodings[held:]
    network = SentimentEncoder(encoder, start, top=recipe.layers)
    training = _Pretraining(network, learned, _mask(reader.tokenizer), recipe)
    losses = [training.loss(checked)]
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("masked-language modelling", total=training.steps)
        for epoch in range(recipe.epochs):
            training.learn(epoch, lambda: progress.advance(task))
            losses.append(training.loss(checked))
            progress.console.print(f"epoch {epoch + 1}: {losses[-1]:.3f} nats a hidden piece (held out)")
    before = embeddings(SentimentEncoder(encoder, start), checked)
    drift = 1 - functional.cosine_similarity(embeddings(network, checked), before)
    return Pretrained(network.weights(), losses, float(drift.mean()))


class _Pretraining:
    """The network, the head that guesses, and their optimizer."""

    def __init__(
        self, network: SentimentEncoder, learned: Sequence[Encoding], mask: int, recipe: PretrainRecipe
    ) -> None:
        self._network, self._learned, self._mask, self._recipe = network, learned, mask, recipe
        self._teacher = embeddings(network, learned)
        words = network.encoder.embeddings.word_embeddings.weight
        self._pieces, self._guesser = len(words), Guesser(words)
        layers = [p for p in network.encoder.parameters() if p.requires_grad]
        head = list(self._guesser.parameters())
        self._trained = [*layers, *head]
        groups = [{"params": layers, "lr": recipe.rate}, {"params": head, "lr": 10 * recipe.rate}]
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        self.steps = recipe.epochs * sum(1 for _ in batches([len(e) for e in learned], recipe.tokens, 0))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, self._rate_share)
        self._random = torch.Generator().manual_seed(recipe.seed)

    def _rate_share(self, step: int) -> float:
        return min((step + 1) / max(1, WARMUP * self.steps), max(0.02, 1 - step / self.steps))

    def learn(self, epoch: int, learned_batch: Callable[[], object]) -> None:
        """Train for one epoch; ``learned_batch`` is called after each batch."""
        self._network.train()
        for chosen in batches([len(e) for e in self._learned], self._recipe.tokens, self._recipe.seed + epoch):
            ids, types, attention, text = collate([self._learned[i] for i in chosen])
            shown, places = hide(ids, text, self._mask, self._pieces, self._random)
            if not places.any():
                continue
            states = _states(self._network, shown, types, attention)
            with autocast(self._network.device):
                guesses = self._guesser(states[places])
            loss = functional.cross_entropy(guesses, ids[places])
            distance = 1 - functional.cosine_similarity(_mean(states, text), self._teacher[chosen]).mean()
            (loss + self._recipe.distill * distance).backward()
            torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
            self._optimizer.step()
            self._schedule.step()
            self._optimizer.zero_grad()
            learned_batch()

    @torch.no_grad()
    def loss(self, encodings: Sequence[Encoding]) -> float:
        """The mean negative log-likelihood of hidden pieces of these texts; the same pieces are hidden each time."""
        self._network.eval()
        random = torch.Generator().manual_seed(0)
        total, count = 0.0, 0
        for chosen in batches([len(e) for e in encodings], TOKENS, 0, shuffle=False):
            ids, types, attention, text = collate([encodings[i] for i in chosen])
            shown, places = hide(ids, text, self._mask, self._pieces, random)
            guesses = self._guesser(_states(self._network, shown, types, attention)[places])
            total += float(functional.cross_entropy(guesses, ids[places], reduction="sum"))
            count += int(places.sum())
        return total / max(1, count)


def _mask(tokenizer: Tokenizer) -> int:
    return next(number for piece in MASKS if (number := tokenizer.token_to_id(piece)) is not None)


def _states(network: SentimentEncoder, ids: Tensor, types: Tensor, attention: Tensor) -> Tensor:
    with autocast(network.device):
        states = network.encoder(input_ids=ids, token_type_ids=types, attention_mask=attention).last_hidden_state
    return states.float()  # type: ignore[no-any-return]


def _mean(states: Tensor, text: Tensor) -> Tensor:
    weights = text.unsqueeze(-1).float()
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
