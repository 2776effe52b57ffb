"""Adapts an encoder to the language of the stream, without labels: ``python -m retrain.fit.pretrain --out DIR ...``.

Masked-language modelling goes on where the encoder's own training ended (Devlin et al. 2019, arXiv 1810.04805;
Gururangan et al. 2020, arXiv 2004.10964): of each text 15 % of the pieces are hidden and guessed. The encoders come
without the head for that, so a small new one is learned beside, over the word embeddings themselves; it is thrown away.
The result is an adapter to fine-tune from: RETRAIN_START=DIR, or --start of ``python -m retrain.shipped.train``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from safetensors.numpy import load_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from model.encoder.bases import Base, Weights, base
from model.encoder.weights import base_of, merged
from retrain.data.datasets import Example, batches, read
from retrain.fit import adapter
from retrain.fit.network import SentimentEncoder, autocast
from retrain.shipped.train import Reader, collate, embeddings, encode

HIDDEN = 0.15
REPLACED, OTHER = 0.8, 0.1
"""Of the hidden pieces: those that show the mask, and those that show another piece; the rest show themselves."""

HELD_OUT = 0.05
MASKS = ("[MASK]", "<mask>", "[UNK]", "<unk>")
"""What stands for a hidden piece: the first that the vocabulary has."""


class Guesser(nn.Module):
    """Logits of the pieces from hidden states [n, hidden]; ``words`` are the word embeddings, left as they are."""

    def __init__(self, words: Tensor) -> None:
        super().__init__()
        pieces, hidden = words.shape
        self.dense = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(pieces))
        self._words = words

    def forward(self, states: Tensor) -> Tensor:
        """float32 [n, pieces]."""
        seen: Tensor = self.norm(functional.gelu(self.dense(states)))
        return (seen @ self._words.T.to(seen.dtype)).float() + self.bias


@dataclass(frozen=True, slots=True)
class Pretrained:
    """The weights, and the mean negative log-likelihood of hidden pieces of texts held out, by epoch; 0 is the start
    with the new head as it begins. ``drift`` is 1 - cosine of the texts' embeddings to those of the start."""

    weights: Weights
    losses: list[float]
    drift: float


def hide(ids: Tensor, text: Tensor, mask: int, pieces: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """(ids as shown, places [n, t] to guess): of the pieces that ``text`` marks, without the last of each row."""
    own = text.bool() & (text.cumsum(1) < text.sum(1, keepdim=True))  # the last is the separator
    draw = torch.rand(ids.shape, generator=random)
    places = own & (draw < HIDDEN)
    kind = torch.rand(ids.shape, generator=random)
    other = torch.randint(pieces, ids.shape, generator=random)
    shown = torch.where(places & (kind < REPLACED), mask, ids)
    return torch.where(places & (kind >= REPLACED) & (kind < REPLACED + OTHER), other, shown), places


def pretrain(
    encoder: Base,
    start: Weights,
    texts: Sequence[str],
    layers: int = 6,
    epochs: int = 1,
    rate: float = 5e-5,
    tokens: int = 1024,
    distill: float = 1.0,
    seed: int = 17,
) -> Pretrained:
    """Train the last ``layers`` (0: all) on ``texts``; ``distill`` holds the texts' embeddings near those of ``start``,
    so that its head goes on reading them. Raises ``ValueError`` for too few texts."""
    if len(texts) < 100:
        raise ValueError(f"{len(texts)} texts to learn from; at least 100")
    torch.manual_seed(seed)
    made = Reader.of(encoder)
    mask = _mask(made.tokenizer)
    examples = [Example("stream", text, 1) for text in texts]
    held = max(20, int(HELD_OUT * len(examples)))
    encodings = encode(made, examples)
    checked, learned = encodings[:held], encodings[held:]
    network = SentimentEncoder(encoder, start, top=layers)
    teacher = embeddings(network, learned)
    words = network.encoder.embeddings.word_embeddings.weight
    guesser = Guesser(words)
    trained = [p for p in network.encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": trained, "lr": rate}, {"params": guesser.parameters(), "lr": 10 * rate}], fused=True
    )
    steps = epochs * sum(1 for _ in batches([len(e) for e in learned], tokens, 0))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / max(1, 0.06 * steps), max(0.02, 1 - step / steps))
    )
    random = torch.Generator().manual_seed(seed)
    losses = [_held_out(network, guesser, checked, mask, len(words))]
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("masked-language modelling", total=steps)
        for epoch in range(epochs):
            network.train()
            for chosen in batches([len(e) for e in learned], tokens, seed + epoch):
                ids, types, attention, text = collate([learned[i] for i in chosen])
                shown, places = hide(ids, text, mask, len(words), random)
                if not places.any():
                    continue
                states = _states(network, shown, types, attention)
                with autocast(network.device):
                    guesses = guesser(states[places])
                loss = functional.cross_entropy(guesses, ids[places])
                mean = _mean(states, text)
                distance = 1 - functional.cosine_similarity(mean, teacher[chosen]).mean()
                (loss + distill * distance).backward()
                torch.nn.utils.clip_grad_norm_([*trained, *guesser.parameters()], 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                progress.advance(task)
            losses.append(_held_out(network, guesser, checked, mask, len(words)))
            progress.console.print(f"epoch {epoch + 1}: {losses[-1]:.3f} nats a hidden piece (held out)")
    drift = 1 - functional.cosine_similarity(
        embeddings(network, checked), embeddings(SentimentEncoder(encoder, start), checked)
    )
    return Pretrained(network.weights(), losses, float(drift.mean()))


def _mask(made: Tokenizer) -> int:
    return next(number for piece in MASKS if (number := made.token_to_id(piece)) is not None)


def _states(network: SentimentEncoder, ids: Tensor, types: Tensor, attention: Tensor) -> Tensor:
    with autocast(network.device):
        states = network.encoder(input_ids=ids, token_type_ids=types, attention_mask=attention).last_hidden_state
    return states.float()  # type: ignore[no-any-return]


def _mean(states: Tensor, text: Tensor) -> Tensor:
    weights = text.unsqueeze(-1).float()
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)


@torch.no_grad()
def _held_out(network: SentimentEncoder, guesser: Guesser, encodings: list[Encoding], mask: int, pieces: int) -> float:
    network.eval()
    random = torch.Generator().manual_seed(0)
    total, count = 0.0, 0
    for chosen in batches([len(e) for e in encodings], 2048, 0, shuffle=False):
        ids, types, attention, text = collate([encodings[i] for i in chosen])
        shown, places = hide(ids, text, mask, pieces, random)
        guesses = guesser(_states(network, shown, types, attention)[places])
        total += float(functional.cross_entropy(guesses, ids[places], reduction="sum"))
        count += int(places.sum())
    return total / max(1, count)


def _texts(arguments: argparse.Namespace) -> Iterator[str]:
    for path in arguments.texts:
        yield from (e.text for e in read(path, labelled=False))
    if arguments.stored:
        import model
        from storage import connect
        from storage.reads import unlabelled_documents

        for row in unlabelled_documents(connect(), arguments.stored):
            text = "\n".join(part for part in (row["title"], row["text"]) if part)
            if model.detect(text) == arguments.language:
                yield text


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(
        prog="python -m retrain.fit.pretrain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python -m retrain.fit.pretrain --stored 20000 --start model/default/en --out adapted",
    )
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="gzipped CSV files with a column 'text'")
    parser.add_argument("--stored", type=int, default=0, help="so many of the latest documents in ClickHouse")
    parser.add_argument("--language", default="en", help="of the stored documents that are read")
    parser.add_argument("--start", type=Path, help="adapter to start from, instead of a base encoder")
    parser.add_argument("--base", default="minilm", choices=("e5", "minilm"), help="where there is no --start")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the adapter to")
    parser.add_argument("--limit", type=int, default=0, help="learn from so many of the texts, evenly spread")
    parser.add_argument("--layers", type=int, default=6, help="so many last layers are trained; 0: all")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=5e-5, help="learning rate")
    parser.add_argument("--tokens", type=int, default=1024, help="tokens a batch")
    parser.add_argument("--distill", type=float, default=1.0, help="weight of staying near the start's embeddings")
    parser.add_argument("--keep-rank", type=int, default=64, help="rank in which a layer's change is kept")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=17)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    texts = sorted(set(_texts(arguments)))
    torch.manual_seed(arguments.seed)
    order = torch.randperm(len(texts)).tolist()[: arguments.limit or None]
    kept: np.ndarray | None = None
    config: dict[str, Any] = {"base": arguments.base, "languages": [arguments.language]}
    if arguments.start:
        encoder = base_of(arguments.start)
        start, told = merged(arguments.start)
        config = {name: value for name, value in told.items() if name not in {"rank", "alpha"}}
        kept = load_file(arguments.start / "adapter.safetensors").get("vocabulary")
    else:
        encoder = base(arguments.base)
        start = encoder.weights
    try:
        found = pretrain(
            encoder,
            start,
            [texts[i] for i in order],
            arguments.layers,
            arguments.epochs,
            arguments.lr,
            arguments.tokens,
            arguments.distill,
            arguments.seed,
        )
    except ValueError as error:
        parser.exit(1, f"{error}; name files with --texts, or --stored N\n")
    weights = found.weights if "head.weight" in start else _headless(found.weights)
    adapter.write(arguments.out, encoder.weights, weights, arguments.keep_rank, config, kept)
    print(json.dumps({"texts": len(order), "held_out_loss": found.losses, "embedding_drift": found.drift}))


def _headless(weights: Weights) -> Weights:
    return {name: value for name, value in weights.items() if not name.startswith("head.")}


if __name__ == "__main__":
    main()
