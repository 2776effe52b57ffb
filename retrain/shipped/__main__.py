"""Trains the models that ship: ``python -m retrain.shipped --data DIR --out DIR [--language zh]``.

Everything that decides the result is in the arguments and the seed. The result is the difference to the base encoder in
safetensors, with a config; ``model`` merges and builds it without PyTorch.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from retrain.shipped.recipe import BASES, Options, make


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m retrain.shipped", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets (*.csv.gz)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the adapter and config to")
    parser.add_argument("--language", choices=sorted(BASES))
    parser.add_argument("--base", choices=sorted(set(BASES.values())), help="another encoder than the language's own")
    parser.add_argument(
        "--sets",
        help="other labelled sets than the shipped model's, e.g. fpb for a comparison; SET:ROWS: at most so many rows",
    )
    parser.add_argument("--repeat", metavar="SETS", help="sets shown twice an epoch")
    parser.add_argument("--start", type=Path, help="adapter to start from, instead of the base encoder")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rank", type=int, help="train LoRA of this rank; 0: all weights")
    parser.add_argument("--keep-rank", type=int, help="rank in which a layer's change is kept")
    parser.add_argument("--lr", type=float, help="learning rate; the head's is higher")
    parser.add_argument("--tokens", type=int, help="tokens a batch")
    parser.add_argument("--max-tokens", type=int, help="texts are cut at so many tokens")
    parser.add_argument("--phrases", type=int, help="sentences of our own (English)")
    parser.add_argument("--behaviour", type=int, help="sentences of each behavioural template (English)")
    parser.add_argument(
        "--written",
        metavar="FILES",
        help="files of retrain/data/written/LANGUAGE to learn from, too, such as law,results",
    )
    parser.add_argument("--noise", type=float, help="share of rows shown with noise")
    parser.add_argument("--stand-in", metavar="WORD", help="read in the place of an entity's name")
    parser.add_argument("--figures", action="store_true", help="say in words how the figures of a text compare")
    parser.add_argument("--balance", type=float, help="0: rows count alike; 1: labels count alike")
    parser.add_argument("--distill", type=float, help="weight of staying close to the embedding before")
    parser.add_argument("--smoothing", type=float, help="label smoothing")
    parser.add_argument("--averaged", type=float, help="how slowly the averaged weights follow; a short run needs less")
    parser.add_argument("--share", type=float, help="of the way from the start's weights to the trained ones")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--limit", type=int, help="train on so many rows only (a trial)")
    parser.add_argument("--added", type=Path, metavar="DIR", help="folder of sets that are trained on as well")
    parser.add_argument(
        "--added-sets", help="other sets of that folder than the shipped model's; SET:ROWS: at most so many rows"
    )
    parser.set_defaults(**{f.name: f.default for f in fields(Options) if f.name not in {"data", "out"}})
    make(Options(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
