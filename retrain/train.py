"""Fine-tunes the default model: ``python -m retrain.train --data DIR --out DIR``.

Everything that decides the result is in the arguments and the seed. The result is an adapter and a head in
safetensors with a config; ``model`` merges and builds them without PyTorch.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from safetensors.torch import save_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn import functional

from retrain.datasets import SIGN_ONLY, Example, batches, load, split
from retrain.metrics import fit_temperature, macro_f1, report
from retrain.network import SentimentEncoder, base_encoder_folder

MAX_TOKENS = 128


def tokenizer(max_tokens: int = MAX_TOKENS) -> Tokenizer:
    """The base encoder's tokenizer, cutting the text and never the entity."""
    made = Tokenizer.from_file(str(base_encoder_folder() / "tokenizer.json"))
    made.no_padding()
    made.enable_truncation(max_tokens, strategy="only_second")
    return made


def encode(made: Tokenizer, examples: Sequence[Example]) -> list[Encoding]:
    """One encoding an example: the pair (entity, text), or the text alone."""
    alone = Tokenizer.from_str(made.to_str())
    alone.enable_truncation(MAX_TOKENS, strategy="longest_first")
    return [
        made.encode(example.entity, example.text) if example.entity else alone.encode(example.text)
        for example in examples
    ]


def collate(encodings: Sequence[Encoding]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(ids, types, attention, text) as [n, longest]; text marks the tokens of the last segment."""
    longest = max(len(encoding) for encoding in encodings)
    ids, types, attention, text = (np.zeros((len(encodings), longest), np.int64) for _ in range(4))
    for i, encoding in enumerate(encodings):
        n = len(encoding)
        ids[i, :n], types[i, :n], attention[i, :n] = encoding.ids, encoding.type_ids, 1
        last = max(encoding.type_ids)
        special = np.array(encoding.special_tokens_mask)
        text[i, :n] = (np.array(encoding.type_ids) == last) & (special == 0)
    return torch.from_numpy(ids), torch.from_numpy(types), torch.from_numpy(attention), torch.from_numpy(text)


@torch.no_grad()
def predict(network: SentimentEncoder, encodings: Sequence[Encoding]) -> np.ndarray:
    """Logits [n, 3] in the order given."""
    network.eval()
    logits = np.zeros((len(encodings), 3), np.float32)
    for chosen in batches([len(encoding) for encoding in encodings], 2048, seed=0, shuffle=False):
        with torch.autocast("cpu", torch.bfloat16):
            logits[chosen] = network(*collate([encodings[i] for i in chosen]))[0].numpy()
    network.train()
    return logits


@torch.no_grad()
def base_embeddings(encodings: Sequence[Encoding]) -> Tensor:
    """What the untouched encoder makes of the texts [n, 384]: the teacher that keeps the embedding useful."""
    network = SentimentEncoder(rank=1).eval()
    made = torch.zeros(len(encodings), 384)
    with network.encoder.disable_adapter():
        for chosen in batches([len(encoding) for encoding in encodings], 2048, seed=0, shuffle=False):
            with torch.autocast("cpu", torch.bfloat16):
                made[chosen] = network(*collate([encodings[i] for i in chosen]))[1]
    return made


def vary(examples: Sequence[Example], rng: random.Random) -> list[Example]:
    """One epoch's view: a text about one entity is sometimes shown without it, as documents are scored too."""
    return [
        Example(e.dataset, e.text, e.label, None, e.mixed, e.single)
        if e.entity and e.single and rng.random() < (0.5 if e.dataset == "tfns" else 0.2)
        else e
        for e in examples
    ]


def loss_of(logits: Tensor, labels: Tensor, sign_only: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy over three classes; for rows of sets without neutrals half of it over negative and positive
    alone, so that these sets do not teach that nothing is neutral."""
    three = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    two = functional.cross_entropy(logits[:, [0, 2]], (labels == 2).long(), reduction="none", label_smoothing=smoothing)
    return torch.where(sign_only & (labels != 1), (two + three) / 2, three).mean()


def train(arguments: argparse.Namespace) -> None:
    """Train, keep the epoch with the best validation macro-F1, fit the temperature, write the result."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    examples = load(arguments.data)
    training, validation, test = split(examples)
    if arguments.limit:
        training, validation = training[:: -(-len(training) // arguments.limit)], validation[::10]
    made = tokenizer()
    print(f"{len(training)} rows to train on, {len(validation)} to validate, {len(test)} to test", flush=True)
    plain = [Example(e.dataset, e.text, e.label) for e in training]
    teacher = base_embeddings(encode(made, plain))
    network = SentimentEncoder(arguments.rank)
    adapter = [p for name, p in network.named_parameters() if p.requires_grad and "head" not in name]
    optimizer = torch.optim.AdamW(
        [
            {"params": adapter, "lr": arguments.lr},
            {"params": network.head.parameters(), "lr": arguments.lr * 2},
        ],
        weight_decay=0.01,
        fused=True,
    )
    validation_encodings = encode(made, validation)
    lengths = [len(encoding) for encoding in encode(made, training)]
    steps = arguments.epochs * sum(1 for _ in batches(lengths, arguments.tokens, 0))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.06 * steps), max(0.0, 1.02 - step / steps))
    )
    best, best_f1, started = None, -1.0, time.monotonic()
    with Progress() as progress:
        task = progress.add_task("training", total=steps)
        for epoch in range(arguments.epochs):
            seen = vary(training, rng)
            encodings = encode(made, seen)
            network.train()
            for chosen in batches([len(e) for e in encodings], arguments.tokens, arguments.seed + epoch):
                labels = torch.tensor([seen[i].label for i in chosen])
                sign_only = torch.tensor([seen[i].dataset in SIGN_ONLY for i in chosen])
                with torch.autocast("cpu", torch.bfloat16):
                    logits, embedding = network(*collate([encodings[i] for i in chosen]))
                loss = loss_of(logits, labels, sign_only, arguments.smoothing)
                distance = 1 - functional.cosine_similarity(embedding, teacher[chosen]).mean()
                (loss + arguments.distill * distance).backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                progress.advance(task)
            logits = predict(network, validation_encodings)
            f1 = macro_f1(logits, validation)
            print(
                f"epoch {epoch + 1}: {f1:.4f} after {time.monotonic() - started:.0f} s, distance "
                f"{distance.item():.3f}\n{report(logits, validation)}",
                flush=True,
            )
            if f1 > best_f1:
                best_f1 = f1
                best = {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}
                write(arguments, best, fit_temperature(logits, validation), f1)


def write(arguments: argparse.Namespace, parameters: dict[str, Tensor], temperature: float, f1: float) -> None:
    """``adapter.safetensors`` (half precision) and ``config.json`` into the output folder."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    half = {
        name.removeprefix("encoder.base_model.model.").replace(".default", ""): p.half().contiguous()
        for name, p in parameters.items()
    }
    save_file(half, arguments.out / "adapter.safetensors")
    settings = {key: str(value) for key, value in vars(arguments).items() if key not in {"data", "out"}}
    config = {
        "base": "all-MiniLM-L6-v2",
        "rank": arguments.rank,
        "alpha": 2 * arguments.rank,
        "labels": ["negative", "neutral", "positive"],
        "temperature": temperature,
        "validation_macro_f1": f1,
        "settings": settings,
    }
    (arguments.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m retrain.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets (*.csv.gz)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the adapter and config to")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rank", type=int, default=32, help="rank of the adapter")
    parser.add_argument("--lr", type=float, default=7e-4, help="learning rate of the adapter; the head's is double")
    parser.add_argument("--tokens", type=int, default=1024, help="tokens a batch")
    parser.add_argument("--distill", type=float, default=0.3, help="weight of staying close to the base embedding")
    parser.add_argument("--smoothing", type=float, default=0.05, help="label smoothing")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--limit", type=int, default=0, help="train on so many rows only (a trial)")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
