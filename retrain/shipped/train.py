"""Trains the models that ship: ``python -m retrain.shipped.train --data DIR --out DIR [--language zh]``.

Everything that decides the result is in the arguments and the seed. The result is the difference to the base
encoder in safetensors with a config; ``model`` merges and builds it without PyTorch.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from safetensors.numpy import load_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn import functional

from documents.text import as_read, whole_words
from model.encoder.bases import Base, base, pieces
from model.encoder.graph import CENTER
from model.encoder.weights import merged
from retrain.data.augment import perturbed
from retrain.data.datasets import NOT_NEGATIVE, SIGN_ONLY, TRAINED_ON, Example, batches, load, read, split
from retrain.data.phrases import phrases
from retrain.fit import adapter
from retrain.fit.network import SentimentEncoder, autocast
from retrain.judge.metrics import calibrated, fit_calibration, macro_f1, report

MAX_TOKENS = 128
BASES = {"en": "minilm", "zh": "e5"}
REPEATED = ("semeval", "fiqa", "finentity")
"""Small sets, shown twice an epoch unless others are named; so are headlines whose companies have different labels."""

AVERAGED_OVER = 0.998
"""Decay of the average of the weights that is kept (Polyak and Juditsky 1992): it does better than the last ones."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What an encoder sees of a text: see ``encode``."""

    tokenizer: Tokenizer
    stand_in: str
    words: frozenset[str]

    @classmethod
    def of(cls, encoder: Base, max_tokens: int = MAX_TOKENS, stand_in: str = "") -> Reader:
        """With the tokenizer of ``encoder``; of a pair, the longer side is cut, which is the text."""
        made = Tokenizer.from_str(encoder.tokenizer)
        made.no_padding()
        made.enable_truncation(max_tokens, strategy="longest_first")
        return cls(made, stand_in, whole_words(made.get_vocab()))


def encode(made: Reader, examples: Sequence[Example]) -> list[Encoding]:
    """One encoding an example: the pair (entity, text), the stand-in in the place of its name, or the text alone."""
    read = (as_read(e.text, e.entity, made.stand_in, made.words) for e in examples)
    return made.tokenizer.encode_batch([(entity, text) if entity else text for text, entity in read])


def collate(encodings: Sequence[Encoding]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(ids, types, attention, text) as [n, longest]; text marks the tokens of the last segment."""
    longest = max(len(encoding) for encoding in encodings)
    ids, types, attention, text = (np.zeros((len(encodings), longest), np.int64) for _ in range(4))
    for i, encoding in enumerate(encodings):
        n = len(encoding)
        ids[i, :n], types[i, :n], attention[i, :n] = encoding.ids, encoding.type_ids, 1
        segments = np.array([-1 if segment is None else segment for segment in encoding.sequence_ids])
        text[i, :n] = segments == max(segments.max(), 0)
    return torch.from_numpy(ids), torch.from_numpy(types), torch.from_numpy(attention), torch.from_numpy(text)


@torch.no_grad()
def answers(network: SentimentEncoder, encodings: Sequence[Encoding]) -> tuple[Tensor, Tensor]:
    """(logits [n, 3], mean embeddings [n, hidden]) in the order given."""
    logits, means = torch.zeros(len(encodings), 3), torch.zeros(len(encodings), network.head.in_features // 2)
    network.eval()
    for chosen in batches([len(encoding) for encoding in encodings], 2048, seed=0, shuffle=False):
        with autocast(network.device):
            inputs = [part.to(network.device) for part in collate([encodings[i] for i in chosen])]
            found = network(*inputs)
        logits[chosen], means[chosen] = found[0].cpu(), found[1].cpu()
    network.train()
    return logits, means


def predict(network: SentimentEncoder, encodings: Sequence[Encoding]) -> np.ndarray:
    """Logits [n, 3] in the order given."""
    return answers(network, encodings)[0].numpy()


def embeddings(network: SentimentEncoder, encodings: Sequence[Encoding]) -> Tensor:
    """Mean embeddings [n, hidden] of the texts."""
    return answers(network, encodings)[1]


def losses(logits: Tensor, examples: Sequence[Example], smoothing: float) -> Tensor:
    """One loss a row [n]: cross-entropy over three classes; for rows of sets without neutrals half of it over
    negative and positive alone, so that these sets do not teach that nothing is neutral; for rows known only not
    to be negative, minus the logarithm of what is left."""
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
    """A weight a row [n]: rarer labels of a set count more, by the inverse of their frequency to ``power``; the
    weights of a set have the mean 1."""
    counts = Counter((e.dataset, e.label) for e in examples)
    sizes = Counter(e.dataset for e in examples)
    raw = {key: 1.0 if key[0] in SIGN_ONLY else (sizes[key[0]] / (3 * count)) ** power for key, count in counts.items()}
    mean = {name: sum(raw[k] * c for k, c in counts.items() if k[0] == name) / size for name, size in sizes.items()}
    return torch.tensor([raw[e.dataset, e.label] / mean[e.dataset] for e in examples])


def vocabulary(texts: Sequence[str]) -> list[int]:
    """The pieces of ``e5`` that ``texts`` use, and all single ASCII characters and Chinese ones."""
    whole = Tokenizer.from_str(base("e5").tokenizer)
    used = {i for encoding in whole.encode_batch(texts) for i in encoding.ids}
    signs = "▁0123456789%.,:;!?-+()/"

    def kept(piece: str) -> bool:
        return (len(piece) == 1 and piece.isascii()) or all("一" <= c <= "鿿" or c in signs for c in piece)

    return [i for i, (piece, _) in enumerate(pieces()) if i < 4 or i in used or kept(piece)]


def train(arguments: argparse.Namespace) -> None:
    """Train, keep the epoch with the best validation score, fit the calibration, write the result."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    language = arguments.language
    sets = arguments.sets.split(",") if arguments.sets else list(TRAINED_ON[language])
    # Split with all sets, so that a row stands on the same side whichever of them are chosen.
    examples = load(arguments.data, list(dict.fromkeys([*TRAINED_ON[language], *sets])))
    training, validation, test = ([e for e in rows if e.dataset in sets] for rows in split(examples))
    # A tweet's label is of the whole tweet, so it is judged without the cashtag that training shows at times.
    validation, test = (
        [replace(e, entity=None) if e.dataset == "tfns" else e for e in rows] for rows in (validation, test)
    )
    repeated = arguments.repeat.split(",")
    extra = [e for e in training if e.dataset in repeated or (e.dataset == "sentfin" and e.mixed)]
    # Texts of some hundred tokens, several rows a text: half of the rows teach as much and cost half.
    training = [e for i, e in enumerate(training) if e.dataset != "zh_finnsp" or i % 2]
    if language == "en":
        training = [*training, *extra, *phrases(arguments.phrases, arguments.seed)]
    if arguments.limit:
        training, validation = training[:: -(-len(training) // arguments.limit)], validation[::10]
    print(f"{len(training)} rows to train on, {len(validation)} to validate, {len(test)} to test", flush=True)

    kept = None
    wanted = arguments.base or BASES[language]
    if wanted == "e5":
        unlabelled = arguments.data.parent / "stream" / "zh_unlabelled.csv.gz"
        kept = vocabulary(
            [
                e.text
                for e in [*examples, *(read(unlabelled, False) if language == "zh" and unlabelled.exists() else [])]
            ]
        )
    start = None
    if arguments.start:  # with the vocabulary that it was made for
        start, wanted = merged(arguments.start)[0], json.loads((arguments.start / "config.json").read_text())["base"]
        ids = load_file(arguments.start / "adapter.safetensors").get("vocabulary")
        kept = None if ids is None else ids.tolist()
    encoder = base(wanted, kept)
    made = Reader.of(encoder, arguments.max_tokens, arguments.stand_in)
    plain = encode(made, [Example(e.dataset, e.text, e.label) for e in training])
    teacher = embeddings(SentimentEncoder(encoder), plain)
    network = SentimentEncoder(encoder, start, arguments.rank or None)
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    head = 3 if start and "head.weight" in start else 10  # a head from nothing learns faster than what is under it
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for name, p in trained.items() if "head" not in name], "lr": arguments.lr},
            {"params": network.head.parameters(), "lr": arguments.lr * head},
        ],
        weight_decay=0.01,
        fused=True,
    )
    steps = arguments.epochs * sum(1 for _ in batches([len(e) for e in plain], arguments.tokens, 0))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.06 * steps), max(0.02, 1 - step / steps))
    )
    average = {name: p.detach().clone() for name, p in trained.items()}
    weights = class_weights(training, arguments.balance)
    named = [] if arguments.stand_in else training  # another name would not be seen
    names = sorted({e.entity for e in named if e.entity and len(e.entity) > 3 and e.dataset in {"sentfin", "zh_news"}})
    checked = encode(made, validation)
    judged = encode(made, test)
    best, step, started = -1.0, 0, time.monotonic()
    with Progress() as progress:
        task = progress.add_task("training", total=steps)
        for epoch in range(arguments.epochs):
            seen = [perturbed(e, names, arguments.noise, rng) for e in training]
            encodings = encode(made, seen)
            network.train()
            for chosen in batches([len(e) for e in encodings], arguments.tokens, arguments.seed + epoch):
                with autocast(network.device):
                    logits, embedding = network(*collate([encodings[i] for i in chosen]))
                loss = (losses(logits, [seen[i] for i in chosen], arguments.smoothing) * weights[chosen]).mean()
                distance = 1 - functional.cosine_similarity(embedding, teacher[chosen]).mean()
                (loss + arguments.distill * distance).backward()
                torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                step += 1
                decay = min(AVERAGED_OVER, (step + 1) / (step + 10))
                with torch.no_grad():
                    for name, parameter in trained.items():
                        average[name].lerp_(parameter, 1 - decay)
                progress.update(task, completed=min(step, steps))
            current = {name: p.detach().clone() for name, p in trained.items()}
            _assign(trained, average)
            logits = predict(network, checked)
            fit = fit_calibration(logits, validation)
            f1 = macro_f1(logits, validation)
            print(
                f"epoch {epoch + 1}: {f1:.4f} after {time.monotonic() - started:.0f} s, "
                f"distance {distance.item():.3f}\n"
                + report(calibrated(logits, validation, fit["calibration"]), validation),
                flush=True,
            )
            if f1 > best:
                best = f1
                settings = {k: str(v) for k, v in vars(arguments).items() if k not in {"data", "out"}}
                config = {
                    "base": wanted,
                    "languages": [language],
                    **fit,
                    "stand_in": arguments.stand_in,
                    "validation_macro_f1": f1,
                    "settings": settings,
                }
                vocabulary_ids = None if kept is None else np.array(kept)
                center = embeddings(network, plain[:: max(1, len(plain) // 4000)]).mean(0).numpy()
                tuned = network.weights() | {CENTER: center}
                adapter.write(arguments.out, encoder.weights, tuned, arguments.keep_rank, config, vocabulary_ids)
                unseen = calibrated(predict(network, judged), test, fit["calibration"])
            _assign(trained, current)
    print(f"the best epoch on the part that decided nothing:\n{report(unseen, test)}", flush=True)


def _assign(parameters: dict[str, torch.nn.Parameter], values: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m retrain.shipped.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets (*.csv.gz)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the adapter and config to")
    parser.add_argument("--language", choices=sorted(BASES), default="en")
    parser.add_argument("--base", choices=sorted(set(BASES.values())), help="another encoder than the language's own")
    parser.add_argument("--sets", help="other labelled sets than the shipped model's, e.g. fpb for a comparison")
    parser.add_argument("--repeat", default=",".join(REPEATED), metavar="SETS", help="sets shown twice an epoch")
    parser.add_argument("--start", type=Path, help="adapter to start from, instead of the base encoder")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rank", type=int, default=0, help="train LoRA of this rank; 0: all weights")
    parser.add_argument("--keep-rank", type=int, default=64, help="rank in which a layer's change is kept")
    parser.add_argument("--lr", type=float, default=6e-5, help="learning rate; the head's is higher")
    parser.add_argument("--tokens", type=int, default=1024, help="tokens a batch")
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS, help="texts are cut at so many tokens")
    parser.add_argument("--phrases", type=int, default=3000, help="sentences of our own (English)")
    parser.add_argument("--noise", type=float, default=0.25, help="share of rows shown with noise")
    parser.add_argument("--stand-in", default="", metavar="WORD", help="read in the place of an entity's name")
    parser.add_argument("--balance", type=float, default=0.5, help="0: rows count alike; 1: labels count alike")
    parser.add_argument("--distill", type=float, default=0.3, help="weight of staying close to the base embedding")
    parser.add_argument("--smoothing", type=float, default=0.05, help="label smoothing")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--limit", type=int, default=0, help="train on so many rows only (a trial)")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
