"""Sentences in the language of company reports, written for finsent and filled in at random.

The labelled sets that may be used commercially are headlines and posts. They teach little about the sober language of
reports, in which a result is good because one figure is above another; these sentences do. Those on two companies teach
that news can be good for one company and bad for another.

The module is long because it holds the sentences.
"""

from __future__ import annotations

import random

from retrain.data.examples import LABELS, Example

NAME = "phrases"

_STEMS = [
    "Alder",
    "Birch",
    "Cardo",
    "Delmar",
    "Ekvall",
    "Fenno",
    "Granite",
    "Halden",
    "Ivoma",
    "Juniper",
    "Kestrel",
    "Lindal",
    "Marvik",
    "Norrsken",
    "Oriel",
    "Pohja",
    "Quenby",
    "Rautio",
    "Solvang",
    "Tervo",
    "Ulvila",
    "Vantor",
    "Westerby",
    "Xandra",
    "Ylitalo",
    "Zenith",
    "Corvus",
    "Tamarind",
    "Meridian",
    "Bluewater",
]
_KINDS = [
    "",
    " Oyj",
    " AB",
    " Corp",
    " Inc",
    " Group",
    " Plc",
    " Bank",
    " Holdings",
    " Energy",
    " Pharma",
    " Systems",
    " Motors",
    " Steel",
    " Foods",
]
_PERIODS = [
    "the first quarter",
    "the second quarter",
    "the third quarter",
    "the fourth quarter",
    "January-March",
    "the first half of the year",
    "the nine months to September",
    "the financial year",
    "2019",
    "the review period",
    "April-June",
    "the period",
]
_EARLIER = [
    "a year earlier",
    "in the same period last year",
    "the year before",
    "in the corresponding period of the previous year",
    "in 2018",
    "in the comparison period",
    "a year ago",
]
_GOOD_METRICS = [
    "Operating profit",
    "Net sales",
    "Net profit",
    "Pre-tax profit",
    "Revenue",
    "Turnover",
    "Earnings per share",
    "The order intake",
    "EBITDA",
    "Profit before taxes",
    "Cash flow from operations",
    "The operating margin",
    "Comparable operating profit",
    "Net interest income",
    "Sales volumes",
    "Passenger numbers",
    "The order backlog",
]
_WORK = [
    "paper machines",
    "mobile network equipment",
    "lifts for a hospital",
    "an enterprise software system",
    "ship engines",
    "district heating pipes",
    "packaging lines",
    "crane equipment for a port",
    "cloud services",
    "wind turbines",
    "trucks",
    "generic medicines",
    "payment terminals",
]
_PLACES = [
    "Poland",
    "Brazil",
    "the Baltic countries",
    "Germany",
    "Sweden",
    "northern China",
    "India",
    "Texas",
    "Scotland",
    "Russia",
    "Estonia",
    "Vietnam",
    "Lapland",
]
_ROLES = [
    "chief financial officer",
    "head of corporate communications",
    "country manager",
    "member of the board",
    "vice president for procurement",
    "chief legal officer",
]

_POSITIVE = (
    "{metric} rose to {high} from {low} {earlier}.",
    "{metric} of {a} increased to {high} in {period} from {low} {earlier}.",
    "{metric} was {high}, compared with {low} {earlier}.",
    "{a} said {metric_l} grew by {pct} in {period}.",
    "{metric} totalled {high}, up {pct} on {earlier_n}.",
    "{a} posted a net profit of {high} in {period}, against a loss of {low} {earlier}.",
    "{a} swung to a profit of {low} in {period} from a loss of {high} {earlier}.",
    "The net loss narrowed to {low} from {high} {earlier}.",
    "Operating loss was reduced to {low}, compared to a loss of {high} {earlier}.",
    "{metric} went up to {high}, representing {pct} of the total, from {low} {earlier}.",
    "{a} has won an order worth {high} for {work} in {place}.",
    "{a} has been awarded a contract to supply {work} to a customer in {place}.",
    "{a} and {b} have signed an agreement under which {a} will deliver {work} to {place}.",
    "{a} received an order for {work}; delivery is due in {period}.",
    "{a} expects its full-year {metric_l} to exceed that of the previous year.",
    "{a} raised its outlook for {period} on strong demand in {place}.",
    "{a}'s market share in {place} climbed to {pct} in {period}.",
    "The board proposes a dividend of EUR {high_s} a share, up from EUR {low_s} {earlier}.",
    "The arrangement is expected to bring annual cost savings of {high}.",
    "The new plant will raise capacity by {pct} and improve profitability.",
    "{a} will hire {count} people in {place} to meet growing demand.",
    "Demand for {work} developed favourably in {period}, the company said.",
    "Both {metric_l} and the order intake were better than expected, {a} said.",
    "The company reported the best {metric_l} in its history for {period}.",
    "{a} obtained regulatory approval to sell its product in {place}.",
    "Analysts at {b} raised {a} to buy from hold.",
    "{a} strengthens its position in {place} through the acquisition of {b}.",
    "{a} will repay {high} of debt early thanks to its strong cash flow.",
    "The deal makes {a} the leading supplier of {work} in {place}.",
    "{metric} improved by {pct} despite the weak market.",
    "{a} shares gained {pct} after it announced an order from {b}.",
    "{a} extended its cooperation with {b}, which will use its {work} in {place}.",
    "{a} said it has been chosen by {b} as supplier of {work} in {place}.",
    "{a} has received a repeat order from {b} for {work}.",
    "Under the contract {a} will install {work} at a new site in {place}.",
    "{a} and {b} have agreed on long-term cooperation in {work}.",
    "{a} will develop {work} together with {b}.",
    "{a} and {b} set up a joint venture that will make {work} in {place}.",
    "The cooperation gives {a} access to new customers in {place}, its chief executive said.",
    "{a} signed a distribution agreement with {b}, which will sell its {work} in {place}.",
    "{a} extends its contract with {b} by {years} years.",
    "The extension of the contract is worth {high} to {a}.",
    "{a} will supply {b} with {work} over the next {years} years.",
    "{a} expands its network in {place} with {years} new outlets.",
    "The new unit in {place} will serve customers all over the region, {a} said.",
    "The expansion will bring {a} new customers in {place}.",
    "{a} aims to double its turnover within {years} years.",
    "The company's target is to triple the number of its customers in {place}.",
    "{a} is now the leading provider of {work} in {place}.",
    "{a} is among the world's largest makers of {work}, with sales of {high}.",
    "With the new {work} customers can save up to {pct} of their energy costs.",
    "The new {work} work faster and need less maintenance, {a} says.",
    "{a} launches {work} that are lighter and cheaper than those of its rivals.",
    "The transaction lets {a} concentrate on its main business and frees capital.",
    "The sale supports {a}'s strategy to invest in {work}, the company said.",
    "The plan gives key employees an incentive to stay with {a}.",
    "{a} has agreed on financing of {high} with {b}, which secures its growth plans.",
    "{a} considers its outlook for {period} favourable.",
    "{metric} more than doubled in {period} on strong demand for {work}.",
    "For {period}, {metric_l} came to {high} compared to {low} {earlier}.",
    "{metric} climbed {pct} to {high} in {period}, beating the {low} of {earlier_n}.",
    "'We are very pleased that our cooperation with {b} goes on,' said {name} of {a}.",
    "'This order shows that our {work} are competitive,' said {name}, {role} of {a}.",
    "{a} begins recruiting {count} people for its growing business in {place}.",
    "{a} has ordered a new production line for {work}, which will raise its capacity in {place}.",
    "The share of satisfied customers grew to {pct}, {a} said.",
    "{place} is an attractive market for {a}, which sees strong growth in {work}.",
)
_NEGATIVE = (
    "{metric} fell to {low} from {high} {earlier}.",
    "{metric} of {a} decreased to {low} in {period} from {high} {earlier}.",
    "{metric} was {low}, compared with {high} {earlier}.",
    "{a} said {metric_l} dropped by {pct} in {period}.",
    "{metric} totalled {low}, down {pct} on {earlier_n}.",
    "{a} posted a net loss of {high} in {period}, against a profit of {low} {earlier}.",
    "{a} slipped to a loss of {low} in {period} from a profit of {high} {earlier}.",
    "The net loss widened to {high} from {low} {earlier}.",
    "Operating loss grew to {high}, compared to a loss of {low} {earlier}.",
    "{metric} declined to {low}, or {pct} of the total, from {high} {earlier}.",
    "{a} will lay off {count} employees in {place} because of weak demand.",
    "{a} starts negotiations on temporary lay-offs that concern {count} people in {place}.",
    "{a} lost a contract for {work} in {place} to {b}.",
    "A customer in {place} has cancelled its order of {high} for {work}.",
    "{a} expects its full-year {metric_l} to fall short of that of the previous year.",
    "{a} cut its outlook for {period} as demand weakened in {place}.",
    "{a}'s market share in {place} shrank to {pct} in {period}.",
    "The board proposes a dividend of EUR {low_s} a share, down from EUR {high_s} {earlier}.",
    "{a} books an impairment of {high} on its operations in {place}.",
    "{a} will close its plant in {place}; {count} jobs are lost.",
    "Higher raw material prices weakened profitability in {period}, the company said.",
    "{metric_l} and the order intake were clearly weaker than expected, {a} said.",
    "The company had to delay deliveries of {work} because of production problems.",
    "The authority in {place} fined {a} {high} for breaking competition rules.",
    "Analysts at {b} cut {a} to sell from hold.",
    "{a} defaulted on a loan of {high} from {b}.",
    "A strike at the factory in {place} stopped the production of {work}.",
    "{metric} weakened by {pct} as prices fell.",
    "{a} shares lost {pct} after it warned about {period}.",
    "{b} has sued {a} for {high} over {work}.",
    "For {period}, {metric_l} came to {low} compared to {high} {earlier}.",
    "{metric} for {period} was down to {low} from {high} {earlier}.",
    "The result of {a} for this year will remain weaker than that of {earlier_n}.",
    "{a} has concluded its personnel talks in {place} and will cut {count} jobs.",
    "{a} said it will temporarily lay off up to {count} people for 90 days in {place}.",
    "The union plans a two-day strike at {a}'s sites in {place}.",
    "The plan to merge {a} with {b} has hit a snag, as shareholders object.",
    "The programme will have a negative effect on the earnings of {period}.",
    "The cost ratio weakened to {pct} because of higher expenses.",
    "Analysts at {b} lowered their price estimates for {work}.",
    "{a} may have to book further write-downs on its stake in {b}.",
    "{metric} shrank as customers in {place} postponed their orders of {work}.",
    "The insurer said it will not pay compensation to {a}.",
    "{a} must recall {count} {work} because of a defect.",
    "{a} withdraws from {place} after years of losses.",
)
_NEUTRAL = (
    "{metric} totalled {high} in {period}.",
    "{a} had {metric_l} of {high} and {count} employees in {period}.",
    "{a} makes {work} and has operations in {place}.",
    "{a} is based in {place} and employs {count} people.",
    "{a} will publish its report for {period} on Thursday at 8.30 a.m.",
    "The annual general meeting of {a} will be held in {place} on 27 March.",
    "{name} has been appointed {role} of {a}.",
    "{name}, {role} of {a}, will leave for other duties and be succeeded by {name2}.",
    "{b} held {pct} of the shares and votes of {a} after the transaction.",
    "The share capital of {a} consists of {count} thousand shares.",
    "{a} has agreed to buy {b}; the price was not disclosed.",
    "The parties have agreed not to disclose the value of the transaction.",
    "{a} is considering a listing in {place}, its spokesperson said.",
    "The closing is expected to take place in {period}, subject to customary conditions.",
    "{a} will move its head office in {place} to new premises.",
    "{a}'s product range includes {work}.",
    "The figures include {b}, which was consolidated as of {period}.",
    "The company plans to build a unit for {work} in {place}.",
    "Options were exercised to subscribe for {count} thousand new shares in {a}.",
    "The new {work} will go on sale in {place} in {period}.",
    "{a} and {b} own the joint venture in equal parts.",
    "The contract covers {work} and runs until 2024.",
    "{a} serves customers in {place} and four other countries.",
    "The market for {work} in {place} is estimated at {high} a year.",
    "{a} uses {b} as its auditor.",
    "Trading in the shares of {a} takes place on the main list.",
    "The survey was made among {count} households in {place}.",
    "{metric} remained at {high}, the same as {earlier}.",
    "{a} shares closed unchanged at EUR {high_s}.",
    "The value of the order was not disclosed, and {a} gave no comment.",
    "The negotiations with {b} continue, and {a} will give more information in {period}.",
    "{a} had {count} shareholders at the end of {period}.",
    "The building has {count} square metres and was designed for {b}.",
    "{a} changed its name to {b} in {period}.",
    "The offer period begins on 3 May and ends on 27 May.",
    "The number of shares in circulation is {count} thousand, of which {a} holds {pct}.",
    "{name} has worked for {a} since 2004 and reports to the chief executive.",
    "{b} is a subsidiary of {a} and makes {work}.",
)
_GAINS = (
    "shares of {x} rise {pct}",
    "{x} beats forecasts",
    "{x} wins a large order",
    "{x} gains market share",
    "{x} raises its dividend",
    "profit at {x} jumps {pct}",
    "{x} is upgraded",
    "buyers return to {x}",
)
_LOSES = (
    "shares of {x} fall {pct}",
    "{x} misses forecasts",
    "{x} loses a large customer",
    "{x} loses market share",
    "{x} cuts its dividend",
    "profit at {x} slumps {pct}",
    "{x} is downgraded",
    "investors shun {x}",
)
_PLAIN = (
    "{x} reports on Friday",
    "{x} names a new director",
    "{x} is flat",
    "{x} holds its annual meeting",
    "{x} keeps its forecast",
)
_JOINTS = ("{p}, while {q}", "{p}; {q}", "{p} but {q}", "{p} as {q}", "{p}, {q}", "{p} even though {q}")
_RIVALS = (
    ("{a} overtakes {b} as the largest maker of {work}", 2, 0),
    ("{a} takes business in {place} from {b}", 2, 0),
    ("Analysts prefer {a} to {b}", 2, 0),
    ("{a} wins patent case against {b}", 2, 0),
    ("{a} loses {place} contract to {b}", 0, 2),
    ("{b} sues {a} over {work}", 0, 1),
    ("Sell {b}, buy {a}, says broker", 2, 0),
    ("{a} replaces {b} as supplier of {work}", 2, 0),
)


_SPEAKERS = (
    "{a} said today that {rest}",
    "{date} - {a} (HEL: {code}) said today that {rest}",
    "{where} {kind} maker {a} said on Wednesday that {rest}",
    "(Wire) - {date} - {rest}",
    "According to {a}, {rest}",
    "{where} company {a} ({code}) announced on Monday that {rest}",
    "{rest_full} This was reported by {where} news agency Norra.",
)
"""How agencies report what a company said."""


def _slots(rng: random.Random) -> dict[str, str]:
    a, b = rng.sample(_STEMS, 2)
    unit = rng.choice(
        [
            "EUR {} mn",
            "EUR{}m",
            "{} million euros",
            "USD {} mn",
            "${} million",
            "SEK {} bn",
            "{} mln",
            "Rs {} crore",
            "GBP {}m",
        ]
    )
    low = rng.uniform(0.5, 400)
    high = low * rng.uniform(1.03, 2.2)
    digits = 2 if high < 5 else 1 if high < 100 else 0
    metric = rng.choice(_GOOD_METRICS)
    earlier = rng.choice(_EARLIER)
    first, last = (
        ["Anna", "Mikko", "John", "Priya", "Wei", "Carla"],
        ["Virtanen", "Lindqvist", "Shah", "Moreau", "Okafor", "Reed"],
    )
    return {
        "a": a + rng.choice(_KINDS),
        "b": b + rng.choice(_KINDS),
        "metric": metric,
        "metric_l": metric[0].lower() + metric[1:] if not metric.startswith("EBIT") else metric,
        "low": unit.format(f"{low:.{digits}f}"),
        "high": unit.format(f"{high:.{digits}f}"),
        "low_s": f"{low / 400:.2f}",
        "high_s": f"{high / 400 + 0.01:.2f}",
        "pct": f"{rng.uniform(1, 48):.{rng.choice([0, 1])}f}{rng.choice(['%', ' %', ' percent', ' per cent'])}",
        "earlier": earlier,
        "earlier_n": rng.choice(["the previous year", "the year before", "a year ago"]),
        "period": rng.choice(_PERIODS),
        "work": rng.choice(_WORK),
        "place": rng.choice(_PLACES),
        "count": str(rng.randint(12, 4000)),
        "role": rng.choice(_ROLES),
        "years": str(rng.randint(2, 9)),
        "name": f"{rng.choice(first)} {rng.choice(last)}",
        "name2": f"{rng.choice(first)} {rng.choice(last)}",
    }


def _single(rng: random.Random) -> Example:
    label = rng.randrange(3)
    slots = _slots(rng)
    template = rng.choice((_NEGATIVE, _NEUTRAL, _POSITIVE)[label])
    text = template.format(**slots)
    text = text[0].upper() + text[1:]
    if rng.random() < 0.35:
        text = _reported(text, slots["a"], rng)
    # Half of the sentences that name one company are shown as the pair with it, as the worker scores them.
    alone = "{b}" not in template and slots["a"] in text
    return Example(NAME, text, label, slots["a"] if alone and rng.random() < 0.5 else None)


def _reported(text: str, company: str, rng: random.Random) -> str:
    names = text.startswith((company, "'")) or "EBIT" in text[:8]
    return rng.choice(_SPEAKERS).format(
        a=company,
        rest=text if names else text[0].lower() + text[1:],
        rest_full=text,
        code=company[:4].upper() + "1V",
        kind=rng.choice(("machinery", "paper", "software", "steel", "drug", "food", "telecoms equipment")),
        where=rng.choice(("Finnish", "Swedish", "German", "Danish", "Russian", "Dutch", "US")),
        date=f"{rng.randint(1, 28)} {rng.choice(('January', 'March', 'June', 'October'))} {rng.randint(2005, 2024)}",
    )


def _pair(rng: random.Random) -> list[Example]:
    slots = _slots(rng)
    a, b = slots["a"], slots["b"]
    if rng.random() < 0.3:
        template, of_a, of_b = rng.choice(_RIVALS)
        text = template.format(**slots)
    else:
        of_a, of_b = rng.sample(range(3), 2)
        p, q = (
            rng.choice((_LOSES, _PLAIN, _GAINS)[label]).format(x=name, pct=slots["pct"])
            for label, name in ((of_a, a), (of_b, b))
        )
        text = rng.choice(_JOINTS).format(p=p, q=q)
    text = text[0].upper() + text[1:]
    return [Example(NAME, text, label, name, True, False) for label, name in ((of_a, a), (of_b, b))]


def phrases(count: int, seed: int) -> list[Example]:
    """About ``count`` labelled sentences; the same for the same seed. A quarter of them are on two companies."""
    rng = random.Random(seed)
    made: list[Example] = []
    while len(made) < count:
        made.extend(_pair(rng) if rng.random() < 0.15 else [_single(rng)])
    assert all(0 <= example.label < len(LABELS) for example in made)
    return made
