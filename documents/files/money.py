"""Money as people write it: 5 USD, $1.2M, (1,200), 1,5 Mio. EUR."""

from __future__ import annotations

import re
from typing import NamedTuple

_ISO = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF
    CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GBX GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
    RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
    UZS VES VND VUV WST XAF XAG XAU XCD XOF XPD XPF XPT YER ZAR ZMW BTC ETH
"""
_CODES = frozenset(_ISO.split())
"""ISO 4217, with the renminbi abroad, British pence (GBX) and what stands for money beside it."""

_SIGNS = {
    "\u20ac": ("EUR",), "\u00a3": ("GBP", "EGP", "FKP", "GIP", "LBP", "SDG", "SHP", "SSP", "SYP"),
    "\u20b9": ("INR",), "\u20a9": ("KRW",), "\u20bd": ("RUB",), "\u20ba": ("TRY",), "\u20aa": ("ILS",),
    "\u20ab": ("VND",), "\u0e3f": ("THB",), "\u20b1": ("PHP",), "z\u0142": ("PLN",), "R$": ("BRL",),
    "US$": ("USD",), "C$": ("CAD",), "CA$": ("CAD",), "A$": ("AUD",),
    "AU$": ("AUD",), "NZ$": ("NZD",), "HK$": ("HKD",), "S$": ("SGD",), "NT$": ("TWD",), "Fr.": ("CHF",),
    "$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "CLP", "COP", "ARS", "BBD", "BMD", "BND", "BRL",
          "BSD", "BZD", "CUP", "CVE", "DOP", "FJD", "GYD", "JMD", "KYD", "LRD", "MOP", "NAD", "NIO", "SBD", "SRD",
          "TTD", "UYU", "XCD"), "\uff04": ("USD", "HKD", "TWD"),
    "\u00a5": ("JPY", "CNY", "CNH"), "\uffe5": ("JPY", "CNY", "CNH"), "\u5143": ("CNY", "CNH", "TWD", "HKD"),
    "\u5186": ("JPY",), "\uc6d0": ("KRW",), "RMB": ("CNY",), "kr": ("SEK", "NOK", "DKK", "ISK"), "GBp": ("GBX",),
    "p": ("GBX",),
}  # fmt: skip
"""The currencies that a sign may mean. Pence are not pounds."""

_FACTORS = {
    10**3: "k '000 000 000s '000s tsd thousand thousands \u5343",
    10**4: "\u4e07 \u842c \ub9cc",
    10**5: "lakh lakhs lac",
    10**6: "m mm mn mio mln mill million millions millionen",
    10**7: "crore crores",
    10**8: "\u4ebf \u5104 \uc5b5",
    10**9: "b bn bln mrd mld billion billions milliarden",
    10**12: "tn trn trillion trillions",
}
_FACTOR_OF = {word: factor for factor, words in _FACTORS.items() for word in words.split()}

_THOUSANDS = re.compile("[Tt](USD|EUR|GBP|CHF|\u20ac|\u00a3)")
"""Thousands, as German and Swiss books write them. Elsewhere a t is a tonne."""

_WORDS = ("ALL", "TRY", "TOP")
"""Codes that are words, too, in the heading of a column."""

_BEFORE = re.compile(r"([^\d\s.,'()+-]+(?:Fr\.)?\.?)\s*(?=[\d.,(+-])(.+)")
_BEHIND = re.compile(r"(.*\S)\s+([^\d\s.,'()+-]+\.?)|(.*[\d.,)-])([^\d\s.,'()+-]+\.?)")
_PLAIN = re.compile(r"-?\d[\d.,]*")
_ROUND = re.compile(r"([\d'\u2019. ,]*\d)[.,][-\u2013\u2014]{1,2}")
"""A round amount, as 1'200.- in Switzerland: its dash is no minus."""


_MAJOR = r"(?:USD|EUR|GBP|CHF|JPY|CNY|HKD|SGD|AUD|CAD|NZD|SEK|NOK|DKK|INR|KRW|TWD|BRL|MXN|ZAR|PLN)"
_NAMED = (
    re.compile(r"(?P<name>.+?)[\s_]*[(\[](?:in )?(?P<unit>[^()\[\]]+)[)\]]"),
    re.compile(
        rf"(?P<name>.+?)[\s_]+(?:in[\s_]+)?(?P<unit>{_MAJOR}(?:[\s_]?(?:m|mn|mm|k|bn|thousands|millions|billions))?)",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<name>.+?)[\s_]+in[\s_]+(?P<unit>thousands|millions|billions)", re.IGNORECASE),
)
"""What a column's name says of its amounts. Without brackets only the currencies that no other word looks like."""


class Unit(NamedTuple):
    """What each number counts, and the currencies that it may be in."""

    factor: int = 1
    currencies: tuple[str, ...] = ()


class Amount(NamedTuple):
    """``number`` is the number alone, its minus in front, in the way that it was written; it counts ``factor`` times.
    ``currencies`` are those that it may be in: none where it names none."""

    number: str
    factor: int = 1
    currencies: tuple[str, ...] = ()


def read_amount(text: str) -> Amount:
    """The parts of ``text``. What is no amount stays in its number, so that nobody takes it for one."""
    whole = text.strip().replace("\u2212", "-")
    if _PLAIN.fullmatch(whole):
        return Amount(whole)
    rest, negative, factor = whole, False, 1
    before: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    while True:
        if round_ := _ROUND.fullmatch(rest):
            rest = round_[1]
        elif rest[:1] == "(" and rest[-1:] == ")" and not negative:
            negative, rest = True, rest[1:-1].strip()
        elif rest[-1:] == "-" and len(rest) > 1 and not negative:
            negative, rest = True, rest[:-1].strip()
        elif rest[:1] in ("-", "+") and len(rest) > 1 and not negative:
            negative, rest = rest[0] == "-", rest[1:].strip()
        elif not before and (named := _BEFORE.fullmatch(rest)) and (unit := _unit(named[1])) and unit.currencies:
            factor, before, rest = factor * unit.factor, unit.currencies, named[2]
        elif (found := _BEHIND.fullmatch(rest)) and (unit := _unit(found[2] or found[4])):
            if (unit.factor != 1 and factor != 1) or (unit.currencies and behind):
                return Amount(whole)
            factor, behind, rest = factor * unit.factor, behind or unit.currencies, found[1] or found[3]
        elif before and behind and not set(before) & set(behind):
            return Amount(whole)
        else:
            both = tuple(one for one in before or behind if not behind or one in behind)
            return Amount(f"-{rest}" if negative else rest, factor, both)


def currency_of(text: str) -> tuple[str, ...]:
    """The currencies that a code or a sign may mean; none where it is no such."""
    if text in _SIGNS:
        return _SIGNS[text]
    return (text.upper(),) if text.upper() in _CODES else ()


def unit_of_column(name: str) -> tuple[str, Unit]:
    """The name of a column without the unit in it, as in ``Value (USD m)``, and that unit."""
    for pattern in _NAMED:
        if not (match := pattern.fullmatch(name)):
            continue
        text = re.sub(r"\bin\b|[\s_,]", "", match["unit"])
        if text.upper() in _CODES and not re.fullmatch(_MAJOR, text.upper()) and (not text.isupper() or text in _WORDS):
            continue
        if unit := _unit(text):
            plain, inner = unit_of_column(match["name"])
            if inner.factor == 1 and not unit.currencies:  # as in Value USD (millions)
                return plain, Unit(unit.factor, inner.currencies)
            return match["name"], unit
    return name, Unit()


def _unit(text: str) -> Unit | None:
    """What stands beside a number: a multiplier, a currency, or both, as in Mio., EUR, MUSD and k€."""
    if thousands := _THOUSANDS.fullmatch(text):
        return Unit(1000, currency_of(thousands[1]))
    for cut in range(len(text) + 1):
        factor = _FACTOR_OF.get(text[:cut].rstrip(".").lower()) if cut else 1
        rest = text[cut:]
        known = currency_of(rest) or currency_of(rest.rstrip("."))
        if factor and not (cut and rest == "p") and (known or not rest) and text:
            return Unit(factor, known)
        if (known := currency_of(text[:cut])) and (factor := _FACTOR_OF.get(rest.rstrip(".").lower())):
            return Unit(factor, known)
    return None
