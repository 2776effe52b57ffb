"""Whether it is good or bad that a quantity moves, said in words: a network of this size reads "falls" as bad
news, even of complaints."""

from __future__ import annotations

import re

_BAD = r"""(?:(?:customer|subscriber|staff|employee)\ (?:churn|turnover)|churn
|(?:bad|non-performing|nonperforming|problem|soured)\ (?:loans?|debts?)|npls?|(?:loan|credit)\ losses
|write-?(?:offs|downs)|charge-?offs|impairments
|(?:credit\ card|loan|mortgage|corporate)?\ ?(?:delinquenc(?:y|ies)|arrears|defaults|default\ rates?)
|cash\ burn|burn\ rate|(?:budget|funding|pension|trade|current\ account)?\ ?(?:deficit|shortfall|pension\ gap)
|(?:net|gross|total)\ debt|debt\ (?:load|pile|burden)|indebtedness|(?:interest|wage|fuel|energy|tax)\ bills?
|(?:operating|labou?r|fuel|energy|input|borrowing|funding|financing|restructuring|production|raw\ material
|power)?\ ?costs
|expenses|overheads|cost-to-income\ ratio|days\ sales\ outstanding|unsold\ (?:inventor(?:y|ies)|stock)
|(?:customer)?\ ?complaints|(?:warranty|insurance|hurricane|storm|catastrophe|jobless|unemployment)\ claims
|unemployment|joblessness|jobless\ rate|lay-?offs|job\ cuts|bankruptcies|insolvencies|foreclosures
|vacanc(?:y|ies)|vacancy\ rates?|(?:order)?\ ?cancellations|returns\ of\ faulty\ \w+
|(?:defect|failure|error|scrap|injury|accident)\ rates?|defects|injuries|accidents|fatalities
|fraud\ (?:cases|losses)|outages|(?:delivery|flight)?\ ?delays|waiting\ times|emissions|spills)"""
_MORE = r"""(?:ris(?:es?|en)|rose|increas(?:es?|ed)|gr(?:ows?|ew|own)|climb(?:s|ed)?|jump(?:s|ed)?|surg(?:es?|ed)
|soar(?:s|ed)?|swell(?:s|ed)?|mount(?:s|ed)?|widen(?:s|ed)?|balloon(?:s|ed)?|spik(?:es?|ed)|accelerat(?:es?|ed)
|quicken(?:s|ed)?|doubl(?:es?|ed)|tripl(?:es?|ed)|lengthen(?:s|ed)?|go(?:es)?\ up|went\ up|shot\ up|tick(?:s|ed)?\ up
|pick(?:s|ed)?\ up)"""
_LESS = r"""(?:fall(?:s|en)?|fell|drop(?:s|ped)?|declin(?:es?|ed)|decreas(?:es?|ed)|shrinks?|shrank|shrunk|slip(?:s
|ped)?
|eas(?:es?|ed)|narrow(?:s|ed)?|s[iau]nks?|dwindl(?:es?|ed)|ebb(?:s|ed)?|halv(?:es?|ed)|plung(?:es?|ed)|plummet(?:s|ed)?
|slid(?:es?)?|tumbl(?:es?|ed)|reced(?:es?|ed)|shorten(?:s|ed)?|moderat(?:es?|ed)|c(?:o|a)mes?\ down|go(?:es)?\ down
|went\ down)"""
_RAISES = r"(?:widen(?:s|ed)?|rais(?:es?|ed)|increas(?:es?|ed)|doubl(?:es?|ed)|add(?:s|ed)\ to)"
_LOWERS = r"""(?:narrow(?:s|ed)?|cuts?|trim(?:s|med)?|reduc(?:es?|ed)|lower(?:s|ed)|par(?:es?|ed)|slash(?:es|ed)?
|halv(?:es?|ed)|shrinks?|shrank)"""
_GAP = r"""(?:\ (?!(?:and|but|as|while|after|despite|although|when|amid|because|if|not|no|never|may|might|could|would
|will
|to|is|was|profits?|sales|revenues?|shares?|stocks?|margins?|income|earnings|eps|prices?|demand|output|production|orders
|hits?|weighs?|sees?|expected|less|more|slower|faster|than)\b)[\w'\u2019&%$€£./-]+){0,7}?"""
"""Up to seven words of one clause that name nothing else that could have moved."""

_FLAGS = re.IGNORECASE | re.VERBOSE
_HEADS = re.compile(
    r"(?:accident|arrears|bankruptc|bill|burn|cancell|charge|churn|claim|complaint|cost|days sales|debt|default|defect"
    r"|deficit|delay|delinq|emission|expense|fatalit|foreclos|fraud|impair|indebted|injur|insolven|job|lay-?off|loan|loss"
    r"|npl|outage|overhead|pension gap|rate|return|shortfall|spill|times|turnover|unemploy|unsold|vacanc|write)"
)
"""A part of each bad quantity: most texts have none, and are looked at no further."""
_NOUN_FIRST = re.compile(
    rf"""(?<![\w-])(?P<apart>(?:excluding|including|before|without|ex)\ (?:\w+\ )?)?
    (?P<what>{_BAD}(?![\w-]){_GAP}\ (?:have\ |has\ |had\ )?)(?:(?P<more>{_MORE})|(?P<less>{_LESS}))(?![\w-])""",
    _FLAGS,
)
_VERB_FIRST = re.compile(
    rf"""(?<![\w-])(?:(?P<more>{_RAISES})|(?P<less>{_LOWERS}))
    (?P<what>\ (?:its\ |their\ |the\ |his\ )?(?:\w+\ ){{0,2}}?(?:{_BAD}|debts?))(?![\w-])""",
    _FLAGS,
)
_ADJECTIVE = re.compile(
    rf"""(?<![\w-])(?:(?P<more>rising|higher|growing|mounting|soaring|increasing|surging|swelling)
    |(?P<less>falling|lower|declining|easing|shrinking|fewer))(?P<what>\ (?:\w+\ )?{_BAD})(?![\w-])""",
    _FLAGS,
)


def spelled_quantities(text: str) -> str:
    """``text`` with "worsens" or "improves" in place of the word that tells how a bad quantity moves: "complaints rise"
    becomes "complaints worsens", "lower costs" "improving costs".

    Only what is bad for nearly everybody counts as bad (costs, debt, churn, complaints, delays), and only a movement in
    the same clause. Losses are left out: training has shown the network how they narrow and widen. A text that denies
    or expects the movement stays as it is.
    """
    if not _HEADS.search(text.lower()):
        return text
    text = _NOUN_FIRST.sub(_moved, text)
    text = _VERB_FIRST.sub(lambda m: f"{'worsens' if m['more'] else 'improves'}{m['what']}", text)
    return _ADJECTIVE.sub(lambda m: f"{'worsening' if m['more'] else 'improving'}{m['what']}", text)


def _moved(match: re.Match[str]) -> str:
    if match["apart"]:  # what moves is something else, before these costs
        return match.group()
    return f"{match['what']}{'worsens' if match['more'] else 'improves'}"
