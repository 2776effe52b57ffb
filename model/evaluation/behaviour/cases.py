"""Cases from templates: minimum functionality tests of Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP
Models with CheckList" (arXiv 2005.04118)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import msgspec

CASES = 300
"""A kind of sentence has this many cases or a few more, the same number from each template."""

COMPANIES = (
    "Aldermoor", "Bexley Foods", "Corvane", "Dunmore Bank", "Estrel", "Fenwick Motors", "Gildan Steel", "Harrow Air",
    "Ionica", "Jasper Energy", "Kelso Pharma", "Lindqvist", "Marlow Retail", "Northgate", "Orsino", "Pembrook",
)  # fmt: skip
"""Names of no company that a training set knows, so that nothing but the sentence can decide."""

_SIGNS = {"-": 0, "0": 1, "+": 2}


@dataclass(frozen=True, slots=True)
class Case:
    """A text about the company ``entity``. ``label`` is 0 (negative), 1 (neutral) or 2 (positive)."""

    behaviour: str
    template: str
    text: str
    entity: str
    label: int
    held_out: bool


class _Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    seen: list[str]
    held_out: list[str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    classes: dict[str, _Behaviour]


def behaviours() -> dict[str, str]:
    """What is hard about each kind of sentence, by its name."""
    return {name: one.about for name, one in _read().items()}


def cases(per_template: int | None = None, seed: int = 0) -> list[Case]:
    """The cases, the same ones for the same ``seed``: ``per_template`` of each template, or ``CASES`` of each kind."""
    made: list[Case] = []
    for name, behaviour in _read().items():
        count = per_template or -(-CASES // (len(behaviour.seen) + len(behaviour.held_out)))
        for held_out, templates in ((False, behaviour.seen), (True, behaviour.held_out)):
            for template in templates:
                made += _cases_of(name, template, held_out, count, seed)
    return made


def _cases_of(name: str, template: str, held_out: bool, count: int, seed: int) -> Sequence[Case]:
    draw = random.Random(f"{seed}/{template}")
    sign, text = template[0], template[2:]
    companies = draw.sample(COMPANIES, min(count, len(COMPANIES)))
    return [
        Case(name, template, text.format(c=company, **_figures(draw)), company, _SIGNS[sign], held_out)
        for company in (companies[number % len(companies)] for number in range(count))
    ]


def _figures(draw: random.Random) -> dict[str, str]:
    """Of each pair the first is the smaller one, by a tenth at least."""
    values = {}
    cents, part = draw.randint(8, 180), draw.uniform(0.1, 0.6)
    values["eps_low"], values["eps_high"] = (f"{amount / 100:.2f}" for amount in (cents, cents * (1 + part) + 1))
    for name in ("rev", "loss"):
        unit, decimals, least, most = draw.choice(
            [("B", 2, 1.0, 9.0), ("M", 0, 40.0, 800.0), (" million", 0, 40.0, 800.0)]
        )
        low = draw.uniform(least, most)
        values[f"{name}_low"], values[f"{name}_high"] = (
            f"${amount:.{decimals}f}{unit}" for amount in (low, low * (1 + draw.uniform(0.12, 0.6)))
        )
    low = draw.uniform(1.5, 9)
    values["pct_low"], values["pct_high"] = (f"{amount:.1f}" for amount in (low, low * draw.uniform(1.3, 3)))
    count = draw.randint(11_000, 240_000)
    values["n_low"], values["n_high"] = (f"{amount:,}" for amount in (count, int(count * draw.uniform(1.12, 1.5))))
    price = draw.uniform(12, 400)
    values["price"], values["change"] = f"{price:.2f}", f"{price * draw.uniform(0.02, 0.15):.2f}"
    values["q"], values["year"] = f"Q{draw.randint(1, 4)}", str(draw.randint(2019, 2026))
    values["sum"] = f"${draw.randint(12, 900)} million"
    return values


def _read() -> dict[str, _Behaviour]:
    text = (resources.files("model.evaluation.behaviour") / "templates.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=_File).classes
