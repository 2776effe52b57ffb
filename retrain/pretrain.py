"""Adapts an encoder to the language of the stream, without labels: ``python -m retrain.pretrain --out DIR ...``.

The encoder learns to guess hidden pieces of texts (see ``retrain.fit.pretraining``). The result is an adapter to train
from: RETRAIN_START=DIR, or --start of ``python -m retrain.shipped``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from documents import whole_text
from model.encoder import base, base_of, merged
from retrain.data import read

EXAMPLE = "example: python -m retrain.pretrain --stored 20000 --start model/default/en --out adapted"


def _texts(arguments: argparse.Namespace) -> Iterator[str]:
    for path in arguments.texts:
        yield from (e.text for e in read(path, labelled=False))
    if arguments.stored:
        import model
        from storage import connect
        from storage.reads import unlabelled_documents

        for row in unlabelled_documents(connect(), arguments.stored):
            text = whole_text(row["title"], row["text"])
            if model.detect(text) == arguments.language:
                yield text


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m retrain.pretrain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLE,
    )
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="gzipped CSV files with a column 'text'")
    parser.add_argument("--stored", type=int, default=0, help="so many of the latest documents in ClickHouse")
    parser.add_argument("--language", default="en", help="of the stored documents that are read")
    parser.add_argument("--start", type=Path, help="adapter to start from, instead of a base encoder")
    parser.add_argument(
        "--base", default="minilm", choices=("e5", "minilm"), help="the encoder, if there is no --start"
    )
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
    return parser.parse_args()


def main() -> None:
    """Read the arguments, train, and print the figures as JSON."""
    arguments = _arguments()
    import torch

    from retrain.fit import PretrainRecipe, TooFewTexts, inherited, pretrain, vocabulary_of, write_adapter

    torch.set_num_threads(arguments.threads)
    texts = sorted(set(_texts(arguments)))
    torch.manual_seed(arguments.seed)
    order = torch.randperm(len(texts)).tolist()[: arguments.limit or None]
    vocabulary: np.ndarray | None = None
    config: dict[str, Any] = {"base": arguments.base, "languages": [arguments.language]}
    if arguments.start:
        encoder = base_of(arguments.start)
        start, of_start = merged(arguments.start)
        config, vocabulary = inherited(of_start), vocabulary_of(arguments.start)
    else:
        encoder = base(arguments.base)
        start = encoder.weights
    recipe = PretrainRecipe(
        arguments.layers, arguments.epochs, arguments.lr, arguments.tokens, arguments.distill, arguments.seed
    )
    try:
        pretrained = pretrain(encoder, start, [texts[i] for i in order], recipe)
    except TooFewTexts as error:
        raise SystemExit(f"{error}; name files with --texts, or --stored N") from None
    weights = pretrained.weights
    if "head.weight" not in start:
        weights = {name: value for name, value in weights.items() if not name.startswith("head.")}
    write_adapter(arguments.out, encoder.weights, weights, arguments.keep_rank, config, vocabulary)
    figures = {"texts": len(order), "held_out_loss": pretrained.losses, "embedding_drift": pretrained.drift}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
