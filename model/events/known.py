"""What is told of a matter that is known already: a later step of it, a look back at it, its end, or a wish for it.

A first report tells its event with a verb of its own ("files for", "is arrested"). What comes later names it as a thing
("the collapse", "the jailed chairman") and tells something else. Only the headline is looked at: the body of a first
report has such words, too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from documents.events import EventState

_HEADLINE = 200
"""So many characters of the first line are looked at."""

_PADDING = re.compile(r"@ +")

# fmt: off
_DEEDS = frozenset([
    "charge", "arrest", "embezzlement", "accounting_irregularities", "insider_dealing", "fine", "investigation",
])
_MATTERS = _DEEDS | frozenset([
    "bankruptcy", "default", "missed_payment", "going_concern_doubt", "bank_run", "rescue", "debt_restructuring",
    "delisting", "restatement", "short_seller_report", "raid", "sanction", "licence_lost", "antitrust",
    "regulatory_rejection", "chief_leaves", "chief_ousted", "chief_dies", "accident", "fire", "recall", "grounding",
    "outage", "data_breach", "ransomware", "hack", "takeover_target", "spill", "abuse", "lawsuit", "settlement",
])
"""Events that people still speak of long afterwards, or that go on for long."""

_TRIED = frozenset([
    "arrest", "embezzlement", "accounting_irregularities", "accident", "grounding", "data_breach", "hack", "rescue",
])
"""Those that courts and reports come back to."""
# fmt: on

_OFFICERS = r"(?:ceo|cfo|coo|chief|chair(?:man|woman)?|boss|founder|head|president|leader|heir|executives?|director)"

_ACCIDENT_TOLD = re.compile(
    r"\b(?:kill(?:s|ed|ing)|dies|died|dead|deaths|fatalities|explod\w+|erupts?|derail\w*|collid\w+|sinks|sank"
    r"|injur(?:es|ed)|crashed|crashes (?:in|on|at|near|after|kill|with|while|off)\w*|bursts?|plow\w*|plung\w+"
    r"|capsiz\w+|(?:open|launch)\w* (?:[\w-]+ ){0,4}(?:probe|investigation)|investigat(?:e|es|ing)|feds probe"
    r"|(?:explosion|blast|fire|collision|derailment|accident) (?:at|on|in|near|hits|rocks?)|emergency landing|(?:plane"
    r"|jet|aircraft|flight|helicopter|train|bus|car|truck|tanker|ship|drone|rocket) (?:[\w@]+ )?crashes|(?:second"
    r"|third|another|new|latest) (?:[\w-]+ ){0,2}(?:crash|accident|blast|explosion|derailment|collision))\b"
    "|\u6b7b|\u7206\u70b8|\u5760\u6bc1"
)
"""Verbs that tell an accident."""


class _Lower(NamedTuple):
    """Events of these types (of all, if none is named) are less by so many steps with these words in the headline, if
    it has none of the words in ``unless``."""

    types: frozenset[str]
    wording: re.Pattern[str]
    steps: int
    unless: re.Pattern[str] | None = None


_KNOWN = (
    # What becomes of it in court, or in a report: the event itself is older.
    _Lower(
        _TRIED,
        re.compile(
            r"\b(?:settles?|settled|settlement|lawsuits?|sues?|suing|litigation|courts?|judges?|jury|trials?|hearings?"
            r"|extradit\w+|appeals?|testif\w+|claims|compensation|anniversary|audits?|probable cause|report on|lessons"
            r"|un-?ground\w*|certify|fly again)\b|\bresolv\w+"
            "|\u548c\u89e3|\u5224\u8d54|\u4e8c\u5ba1|\u7ec8\u5ba1|\u5f00\u5ead|\u5ead\u5ba1|\u4e0a\u8bc9|\u5f15\u6e21"
            "|\u542c\u8bc1"
        ),
        1,
    ),
    # A later step of a deal that is known.
    _Lower(
        frozenset({"acquisition", "takeover_target"}),
        re.compile(
            r"\b(?:antitrust|approv\w+|clears?|cleared|nods?|green light|okay|regulators?|watchdogs?|eu"
            r"|shareholders? vote|shareholder groups?|to close|expects?|doesn't|concessions?|deadline|closes"
            r"|completes?|completed|unconditional|financing|looks beyond|oppos\w+|confident|urge|court|judge)\b"
        ),
        1,
    ),
    _Lower(
        frozenset({"takeover_target"}),
        re.compile(
            r"\b(?:(?:buyout|takeover|acquisition|deal) (?:debt|loans?)|lenders?|moves? closer|being (?:acquired"
            r"|bought)|pending|crunch time|ftc|revives?|rebound\w*|integrat\w+|post-merger)\b"
        ),
        1,
    ),
    # People who have left the company.
    _Lower(
        _DEEDS | {"bankruptcy", "chief_dies", "chief_ousted"},
        re.compile(r"\bex-|\bformer\b|\u524d\u4efb|\u539f\u8463\u4e8b"),
        1,
    ),
    # It comes to nothing.
    _Lower(
        _DEEDS,
        re.compile(
            r"\b(?:cleared|acquitted|thrown out|dismiss\w*|overturn\w*|not guilty|no charges|avoids?"
            r"|drops? (?:the )?case)\b"
        ),
        2,
    ),
    # Of companies at large.
    _Lower(
        frozenset({"bankruptcy"}),
        re.compile(r"\bbankruptcies\b|\u7834\u4ea7(?:\u6f6e|\u7387|\u6570|\u6848\u4ef6)"),
        2,
    ),
    # Of a company that is bankrupt already.
    _Lower(
        frozenset({"bankruptcy"}),
        re.compile(
            r"\b(?:insolvent|bankrupt|collapsed|victims|claims|repay\w*|trustee|emerge[sd]?|exits?|liquidators?|looted"
            r"|(?:bankruptcy|reorgani[sz]ation) plan|drove it)\b"
        ),
        3,
    ),
    _Lower(
        frozenset({"bankruptcy", "default", "rescue"}),
        re.compile(
            r"\b(?:findings|mps|lawmakers|inquiry|report into|denies|blam\w+|auction|aftermath|pensions?|auditors?"
            r"|audit|scandal|pre-bankruptcy|post-bankruptcy|bankruptcy (?:court|judge|exit|sale|financing)"
            r"|out of bankruptcy|approves|apolog\w+)\b"
        ),
        2,
        re.compile(
            r"\b(?:files?|filed|filing|enters|falls into|goes into|went into|goes bust|declares?|verge|brink|prepar\w+"
            r"|defaults|misses|warns?|collapses into|seeks?|appl(?:y|ies|ied)|ordered|calls? in|called in|appoints?)\b"
        ),
    ),
    _Lower(
        frozenset({"arrest"}),
        re.compile(r"\b(?:extradit\w+|courts?|judges?|trials?|hearings?|appeals?|testif\w+|jury)\b"),
        1,
        re.compile(
            r"\b(?:arrests|detains|seizes|(?:is|was|been) (?:arrested|detained)|arrested (?:on|over|for)|warrant)\b"
        ),
    ),
    # An officer who is known as an arrested, charged or dismissed one, and what is done about it.
    _Lower(
        frozenset({"arrest", "charge"}),
        re.compile(
            rf"(?<!@ )(?<!@ ')\b(?:arrested|jailed|detained|imprisoned|indicted|fugitive"
            rf"|disgraced) (?:@ (?:'s )?)?(?:[\w-]+ )?{_OFFICERS}\b"
            r"|\b(?:bail|freed|house arrest|fled|escape[sd]?|pardon\w*|legal(?:ly)?|visits?|jailed again|case of"
            r"|(?:remains?|stays?|still|kept|continued) (?:\w+ ){0,2}(?:custody|detention|jail|prison))\b"
            "|\u83b7\u91ca|\u4fdd\u91ca"
        ),
        2,
    ),
    _Lower(
        frozenset({"chief_ousted"}),
        re.compile(
            rf"(?<!@ )(?<!@ ')\b(?:ousted|fired|sacked|deposed|dismissed) (?:@ (?:'s )?)?(?:[\w-]+ )?{_OFFICERS}\b"
            r"|\b(?:shakes? up|reshuffl\w+|pension|successor|instal+s?|scandal deepens|severance|pay-?off)\b"
        ),
        1,
        re.compile(r"\b(?:fires|sacks|ousts|dismisses|removes|forces out)\b"),
    ),
    # A suit or a ruling between companies, where nobody is charged.
    _Lower(
        frozenset({"charge"}),
        re.compile(
            r"\b(?:sue[sd]?|suing|lawsuits?|suits?|patents?|defamation|verdict|liable|court|judge|appeals?|ruling"
            r"|rules|motion|hearing|trial|case|allegations?|accuse[sd]?|claims?)\b"
            "|\u7d22\u8d54|\u4fb5\u6743|\u4e13\u5229|\u540d\u8a89|\u5f00\u5ead|\u5ead\u5ba1|\u4e0a\u8bc9"
        ),
        1,
        re.compile(
            r"\b(?:charge[sd]?|indict\w*|criminal\w*|plead\w*|pleas?|guilty|convict\w*|felony|fraud|brib\w+|launder\w*"
            r"|corrupt\w*|(?:sec|doj|ftc|cftc|justice department|regulators?|prosecutors?|watchdog) (?:sues?"
            r"|accuses?))\b"
            "|\u5211|\u516c\u8bc9|\u68c0\u65b9|\u68c0\u5bdf"
        ),
    ),
    # A disaster that is spoken of, where no verb tells it.
    _Lower(
        frozenset({"accident"}),
        re.compile(
            r"^(?!.*[\u4e00-\u9fff]).*[a-z]|\u5904\u7406\u60c5\u51b5|\u8c03\u67e5\u63a8\u8fdb|\u540e\u7eed"
            r"|\u5584\u540e|\u8ffd\u8d23|\u53ec\u56de|\u5531\u7a7a"
        ),
        1,
        _ACCIDENT_TOLD,
    ),
    # Forbidden, or put on a list: where no verb says so, the ban is a known one.
    _Lower(
        frozenset({"sanction", "licence_lost"}),
        re.compile(r"^(?!.*[\u4e00-\u9fff])"),
        1,
        re.compile(
            r"\b(?:bans|banned|to ban|bars|barred|blocks?|blacklist(?:s|ed|ing)|revok\w+|strip\w*|suspend\w*|impos\w+"
            r"|sanctioned|adds?|restricts?|cuts? off|orders?|removes?|purge|excludes?|outlaws?|prohibits?|tighten\w*"
            r"|slaps?|hits?|puts?|places?|expands?|refuses|cease|pulled|new|placed|put on|off (?:the )?app store"
            r"|(?:loses|lost|stripped of) (?:[\w@']+ ){0,3}licen[cs]e)\b|\bto sanction\b|\bsanctions @"
        ),
    ),
    # Nobody bids or buys in it.
    _Lower(
        frozenset({"takeover_target"}),
        re.compile(r"^(?!.*[\u4e00-\u9fff])"),
        1,
        re.compile(
            r"\b(?:(?:to|will) (?:buy|acquire|be acquired|merge|take over|combine|sell)|buys|acquires|bids?|offers?"
            r"|offered|agree\w*|approach\w*|bought|acquired|buying|wins|suitors?|talks|stake|takes? over|bidders?"
            r"|explor\w+|considers?)\b"
        ),
    ),
    # A chief of something.
    _Lower(
        frozenset({"chief_ousted", "chief_dies"}),
        re.compile(r"\bchief (?!exec|financ)[\w-]+ officer\b|\bwho (?:steered|founded|led|ran|built)\b"),
        1,
    ),
    _Lower(
        frozenset({"profit_warning"}),
        re.compile(r"\bafter (?:[\w@']+ ){0,4}warnings?\b"),
        1,
        re.compile(r"\bshares?\b|\bstocks?\b|slump|plung|tumbl|\bdives?\b|\bseen\b|\bsees\b|forecast|expects"),
    ),
    _Lower(
        frozenset({"grounding"}),
        re.compile(
            r"\b(?:extend\w*|resum\w*|lift\w*|return\w*|timing|expect\w*|still|review\w*|orders?|prolonged|decision"
            r"|confidence|certif\w+|airworthiness|meet\w*|talks|retir\w+|months?|fly(?:ing)? again|loss)\b"
            "|\u5ef6\u957f|\u590d\u98de|\u8d54\u507f"
        ),
        1,
        re.compile(
            r"\b(?:ground|grounds|suspends?|bans?|halts?|bars?|grounding|closes|prohibits|grounded (?:after|over|as|by"
            r"|in|across))\b"
        ),
    ),
    _Lower(
        frozenset({"data_breach", "hack", "spill"}),
        re.compile(
            r"\b(?:questions?|lawmakers|senators?|penalty|fine[sd]?|hearings?|apolog\w+)\b"
            "|\u53d1\u9175|\u5f71\u54cd|\u5cf0\u4f1a|\u8bae\u9898"
        ),
        1,
    ),
    _Lower(
        frozenset({"sanction", "licence_lost"}),
        re.compile(
            r"\b(?:impact|implications|meet\w*|compliance|sidestep\w*|bypass\w*|circumvent\w*|despite|scrutiny"
            r"|appeals?|reviews?|plans?|sues?|lawsuits?|slams?|hurt\w*|revises?|senators?|trade war)\b"
        ),
        1,
        re.compile(r"\b(?:bars|bans|blocks|imposes|adds|blacklists)\b"),
    ),
    # A court reviews it, or somebody fights it.
    _Lower(
        frozenset({"fine"}),
        re.compile(
            r"\b(?:protests?|appeals?|asks?|to scrap|flawed|fights?|contests?|challeng\w+|revers\w+|uphold\w*|reduc\w+"
            r"|loses?)\b"
            "|\u4e0a\u8bc9|\u7ef4\u6301"
        ),
        1,
    ),
    _Lower(
        frozenset({"embezzlement", "accounting_irregularities"}),
        re.compile(r"\b(?:clos(?:es|ed|ure)|condemn\w*|audits?|extends?|years?|after)\b"),
        1,
        re.compile(r"\b(?:admits?|finds?|found|discloses?|uncovers?|discovers?|accuse[sd]?|charge[sd]?|arrest\w*)\b"),
    ),
    # Results that are reported are no warning of those to come.
    _Lower(
        frozenset({"profit_warning"}),
        re.compile(r"[a-z]"),
        1,
        re.compile(
            r"warn|\bsees?\b|\bseen\b|expects?\b|expected to|forecast|flag|guid|outlook|\bcuts?\b|slash|\blowers\b"
            r"|\bwill\b|\bwould\b|\bmay\b|\bcould\b|\bto (?:be|come|fall|drop|miss|report|post|swing|slip|shrink|take"
            r"|hurt|hit)\b|\bnext\b|full-year|\bfy|\b20[2-9]\d\b|predict|project|second half|\bh2\b|short of|anticipat"
            r"|likely|alert|prelim|\brisk|feel|brace|caution|trim|downgrade|\beyes\b|[\u4e00-\u9fff]"
        ),
    ),
    _Lower(
        frozenset({"profit_warning"}),
        re.compile(
            r"\b(?:sticks? to|at least match|jumps?|record|promise|raise[sd]?|upbeat|little impact|beats?|tops"
            r"|analysts?)\b"
        ),
        1,
        re.compile(r"\b(?:cuts?|below|falls?|drops?|low|profit warning|despite)\b"),
    ),
    # A text that explains, comments on or looks back at what is known.
    _Lower(
        frozenset(),
        re.compile(
            r"^\W*(?:(?:explainer|factbox|timeline|opinion|analysis|comment(?:ary)?|column|q&a|podcast|editorial"
            r"|review|letters?|key events?)\b|(?:how|why|what|who|where|when|here's|lessons?)\s)|\bas it happened\b"
            r"|\blive(?: updates)?:|[a-z]\W*\? *$|\b20\d\d\W*\? *$"
        ),
        2,
    ),
    _Lower(
        _MATTERS,
        re.compile(
            r"\b(?:key (?:questions|findings|takeaways)|road ahead|(?:the|inside) (?:inside )?story of|explained"
            r"|went wrong|lessons (?:from|of|for)|deep dive|long read|crunch time)\b|\b(?:stocks (?:that|to watch)"
            r"|52-w(?:ee)?k (?:lows|highs)|week in review|movers)\b"
            "|\u542f\u793a|\u8fd9\u4e9b\u5e74|\u5386\u5e74|\u5386\u6b21|\u76d8\u70b9|\u53cd\u601d"
        ),
        2,
    ),
)
"""What is told of an event that is known, or that is none."""

_MATTER = (
    r"(?:crash(?:es)?|accident|disaster|blast|explosion|spill|scandal|fraud|breach|hack|collapse|bankruptcy|arrests?"
    r"|bail-?out|rescue|grounding|killing|leak|default)"
)
_LONG_AGO = re.compile(
    r"^\W*(?:[\w-]+ ){0,3}(?:years?|decades?) (?:after|since|later|on)\b|\banniversar(?:y|ies)\b"
    rf"|\b{_MATTER}\b[^,;:]{{0,25}} (?:years|decades) ago\b|\b{_MATTER} (?:in|of|from) (?:19|20)\d\d\b"
    rf"|\b(?:19|20)\d\d (?:[\w-]+ ){{0,3}}?{_MATTER}\b|\b(?:decades?|years)-old (?:[\w-]+ ){{0,2}}?{_MATTER}\b"
    r"|\blook(?:s|ing)? back\b|\blookback\b|\bflashback\b|\bback in (?:19|20)\d\d\b|\bthis day in\b"
    r"|\brise and fall of\b|\bpost-?mortem\b"
    "|^.{0,40}(?:\u5468\u5e74|[\\d\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u51e0\u591a]\u5e74\u524d"
    "|\u56de\u987e|\u590d\u76d8|\u5f80\u4e8b|\u59cb\u672b)"
)
_TOLD_OF_OVER = {
    "sanction": (
        r"\b(?:lifts?|lifted|lifting|ends?|removes?|drops?|eases?|eased|waives?|reverses?"
        r"|delays?) (?:[\w'.-]+ ){0,4}?(?:bans?|sanctions?|curbs?|restrictions|blacklist)\b|\breprieve\b|\brelief\b"
        r"|\bwaivers?\b|\b(?:bans?|curbs?|sanctions|restrictions) (?:[\w@]+ ){0,2}(?:lifted|eased|delayed)\b"
        r"|\bgrants?\b|\bexempt\w*|\btemporary\b|\bdeal to (?:keep|lift|end)\b|\bfull compliance\b|\u89e3\u9664"
        r"|\u64a4\u9500|\u653e\u677e"
    ),
    "takeover_target": (
        r"\babandon\w*\b|\bwalks? away\b|\bcall(?:s|ed)? off\b|\bscrap(?:s|ped)\b|\bterminat\w+\b|\bregrets?\b"
        r"|\b(?:bid|deal|merger|takeover) (?:\w+ ){0,2}(?:collapses|fails|blocked)\b|\bto block\b|\bblocked\b"
        "|\u653e\u5f03|\u7ec8\u6b62|\u544a\u5439|\u6ce1\u6c64|\u6253\u9000\u5802\u9f13"
    ),
    "chief_ousted": r"\bsurviv\w+|\breinstat\w+|\bset to back\b|\bbacks\b",
    "bankruptcy": r"\bstave[sd] off\b|\bavoid(?:s|ed)\b|\baverts?\b|\bescapes?\b|\bout of (?:bankruptcy"
    r"|administration)\b",
    "grounding": r"\bresumes?\b|\bun-?grounds?\b|\bback in the air\b|\bends? (?:\w+ ){0,3}(?:grounding|ban)\b"
    r"|\u590d\u98de",
    "delisting": r"\u6458\u5e3d|\u6062\u590d\u4e0a\u5e02",
}
_TOLD_OF_OVER["licence_lost"] = _TOLD_OF_OVER["sanction"] + r"|\bwins? (?:\w+ ){0,2}licen[cs]e\b|\bto avoid\b"
_OVER = {name: re.compile(wording) for name, wording in _TOLD_OF_OVER.items()}
"""An event that is over, or did not come."""

_WISHED = re.compile(
    r"\b(?:wants?|calls? (?:for|on)|urges?|demands? (?:that|for|an?)|demanded|seeks? to|pushe?s?(?:ing)? (?:for|to)"
    r"|hopes?|mulls?|considers?|weighs?|could|should|(?<!in )(?<!until )(?<!by )may(?! \d)|might|threat\w*|propos\w+"
    r"|rethink|final decision|motion to|(?<!vote )(?<!votes )to oust|pressure on @|petition\w*|lawmakers|lobb\w+"
    r"|to vote|plan rejected|studies|discuss\w*|\bbid to)\b"
    "|\u547c\u5401|\u8981\u6c42|\u8003\u8651|\u5a01\u80c1|\u62df\u5bf9"
)
_OF_OTHERS_WILL = frozenset(
    {"sanction", "licence_lost", "chief_ousted", "rescue", "delisting", "grounding", "charge", "layoffs"}
)
"""Somebody decides on these, and others wish for them before."""

# fmt: off
_IN_PASSING = frozenset([
    "accident", "grounding", "sanction", "bankruptcy", "arrest", "charge", "embezzlement",
    "accounting_irregularities", "data_breach", "hack", "chief_ousted",
])
# fmt: on
"""Crises that are less where they are only told as the background of something else."""

_OF_ANOTHER = re.compile(
    r"^\W*(?:[\w'.-]+ ){0,2}?@ ?(?:'s )?(?:(?!and |or )[\w-]+ )?(?:rivals?|competitors?|suppliers?|peers?)\b"
    r"|\b(?:rival|competitor|supplier) (?:of|to) @|@ -backed\b"
    "|@ ?\u7684?(?:\u7ade\u4e89\u5bf9\u624b|\u4f9b\u5e94\u5546|\u5bf9\u624b|\u4ee3\u5de5\u5382)"
)


_TOLD_BY = {
    "bankruptcy": r"bankrup|chapter (?:7|11)|insolv|administrat|receivership|liquidat|\bwind(?:s|ing)?[- ](?:up|down)"
    r"|creditor|\bbust|collaps|fail|goes under|gone under"
    "|\u7834\u4ea7|\u6e05\u76d8|\u8d44\u4e0d\u62b5\u503a|\u5012\u95ed|\u6e05\u7b97(?!\u884c|\u724c\u7167|\u4e1a\u52a1)"
    "|\u91cd\u6574",
    "default": r"default|covenant|repay|miss|fail|\u8fdd\u7ea6|\u903e\u671f|\u5151\u4ed8|\u7206\u96f7|\u66b4\u96f7"
    r"|\u507f|\u4ed8",
    "bank_run": r"\brun\b|withdraw|deposit|redempt|redeem|\u6324|\u63d0\u73b0|\u8d4e\u56de|\u53d6\u6b3e"
    r"|\u63d0\u4e0d\u51fa|\u9000|\u51fa\u91d1",
    "rescue": r"rescu|bail|lifeline|\baid\b|national|white knight|loan|guarantee|inject|\bsave|shotgun|emergency|seiz"
    "|\u63a5\u7ba1|\u6551|\u7ebe\u56f0|\u9a70\u63f4|\u6ce8\u8d44",
    "accident": r"crash|accident|explo|blast|derail|colli|emergency landing|kill|injur|fatal|dead|\bdie[sd]?\b|death"
    r"|s[aiu]nk|burst"
    "|blow|leak|collaps|plung|disaster|fire|blaze|flame|attack|skid|veer|fell|\u4e8b\u6545|\u7206|\u574d|\u5760|\u96be"
    "|\u8131\u8f68|\u4f24|\u6b7b|\u6e83|\u649e|\u706b|\u5931\u4e8b|\u900f\u6c34|\u8f66\u7978|\u71c3",
    "chief_ousted": r"oust|\bfire[sd]?\b|firing|sack(?!s? \d)|forc|push|remov|dismiss|kick|abrupt|sudden|\bvote|toppl"
    r"|depos|\bexit|replac|\bbow|surrender|revolt|shake-?up|(?:resign|quit|step|leav).*\b(?:after|over|amid"
    r"|following)\b"
    "|\u7f62\u514d|\u514d\u53bb|\u89e3\u8058|\u64a4\u804c|\u514d\u804c|\u8e22|\u64a4\u6362|\u4e0b\u8bfe|\u89e3\u96c7"
    "|\u7092",
    "chief_dies": r"\bdie[sd]?\b|dead|death|pass|kill|murder|suicid|shot|gunned|\u53bb\u4e16|\u901d|\u8eab\u4ea1"
    r"|\u5760|\u79bb\u4e16|\u81ea\u6740"
    "|\u9047\u5bb3|\u6b7b|\u6545",
    "sanction": r"sanction|\bban\b|\bbans\b|banned|blacklist|curb|restrict|embargo|entity list|export|cut off"
    r"|\bbar(?:s|red)\b"
    "|crackdown|\u5236\u88c1|\u6e05\u5355|\u7ba1\u5236|\u540d\u5355|\u7981|\u65ad\u4f9b|\u5c01",
    "charge": r"charge|\bsu(?:e|es|ed|ing)\b|indict|prosecut|criminal|plead|plea\b|guilty|accus|convict|fraud|brib"
    r"|grand jury|felon"
    "|\u516c\u8bc9|\u88ab\u63a7|\u6307\u63a7|\u6d89\u5acc|\u5211|\u8bc9|\u68c0",
    "arrest": r"arrest|detain|detention|custody|jail|extradit|prison|taken|handcuff|\bheld\b|police|nabbed"
    "|\u6355|\u902e|\u62d8|\u6293|\u5e26\u8d70|\u7f81|\u7559\u7f6e|\u88ab.{0,6}\u63a7\u5236|\u83b7\u5211|\u8dd1\u8def"
    "|\u6f5c\u9003|\u5916\u9003|\u5931\u8e2a|\u76d1\u89c6\u5c45\u4f4f|\u5931\u8054|\u901a\u7f09|\u5f3a\u5236"
    "|\u4f20\u5524",
    "short_seller_report": r"short[- ]?sell|short report|\bshorts\b|short bet|muddy waters|citron|hindenburg|report"
    "|\u505a\u7a7a|\u6cbd\u7a7a|\u6d51\u6c34|\u9999\u6a7c|\u4e3e\u62a5|whistle",
    "data_breach": r"breach|leak|expos|stol|steal|theft|hack|harvest|unauthori|(?:user|customer|personal) data|\u6cc4"
    r"|\u5916\u6d41|\u7a83"
    "|\u5012\u5356|\u76d7",
    "regulatory_rejection": r"reject|refus|\bden(?:y|ies|ied)\b|block|fail|miss|did not|not (?:\w+ )?(?:approv|grant"
    r"|meet|achiev|recommend)|crl|complete response|halt|hold|setback|delay|oppos|end"
    "|stop|against|vote|\u5426|\u9a73|\u672a|\u62d2|\u4e0d\u4e88|\u5931\u8d25|\u7ec8\u6b62",
    "grounding": r"\bground(?:s|ed|ing|ings)\b|to (?:\w+ )?ground\b|(?:countr|airline|regulator|carrier"
    r"|author)\w+ ground\b|suspend|halt|cancel|\bban|\bbars?\b|no[- ]fly|airworth|air ?space|\bground (?:@|all|its|the"
    r"|most)"
    "|\u505c\u98de|\u7981\u98de|\u505c\u822a|\u53d6\u6d88",
    "profit_warning": r"@ ?(?:'s )?(?:[\w-]+ ){0,4}(?:warns? (?:of|on)|warning)|hurt|impact|\bshares?\b|profit|sales"
    r"|earning|revenue|loss|margin|income|demand|growth|shipment|cash|hit|quarter|guid|forecast"
    "|outlook|result|deliver|order|cost|[\u4e00-\u9fff]",
}
_WORDS_OF = {name: re.compile(wording) for name, wording in _TOLD_BY.items()}
"""Words that tell a crisis. A text with none of them is read from its sense as a whole alone, which errs more."""


def has_no_word_for(kind: str, text: str) -> bool:
    """Whether a text tells a crisis of the type ``kind`` with no word for it."""
    words = _WORDS_OF.get(kind)
    return words is not None and not words.search(_PADDING.sub("@ ", text))


_TOLD_IN_PASSING = {
    "accident": _ACCIDENT_TOLD,
    "grounding": re.compile(r"\b(?:grounds?|suspends?|bans|bars|closes|prohibits)\b"),
}
"""Verbs that tell it in a clause of the background, too: "shares fall as regulators ground the jets"."""


def is_less_in_passing(kind: str, text: str) -> bool:
    """Whether a crisis of the type ``kind`` is less where it is only told as the background of something else."""
    told = _TOLD_IN_PASSING.get(kind)
    return kind in _IN_PASSING and not (told and told.search(headline_of(text)))


def headline_of(text: str) -> str:
    """The part of a text, as ``found_in`` returns it, that is looked at."""
    return _PADDING.sub("@ ", text.partition("\n")[0])[:_HEADLINE]


def steps_less(kind: str, headline: str) -> int:
    """How much less bad an event of the type ``kind`` is than one that is new."""
    return sum(
        one.steps
        for one in _KNOWN
        if (not one.types or kind in one.types)
        and one.wording.search(headline)
        and not (one.unless and one.unless.search(headline))
    )


def state_by_wording(kind: str, text: str, state: EventState) -> EventState:
    """The state of an event that was read as one in ``state``. Wording that shows it to be long ago, over or
    only wished for decides."""
    headline = headline_of(text)
    if kind in _MATTERS and _LONG_AGO.search(headline):
        return EventState.HISTORIC
    if (over := _OVER.get(kind)) and over.search(headline):
        return EventState.AVERTED
    if state is EventState.HAPPENED and kind in _OF_OTHERS_WILL and _WISHED.search(headline):
        return EventState.THREATENED
    return state


def is_of_another(text: str) -> bool:
    """Whether a headline begins with a rival or supplier of the company, whose event it then is."""
    return bool(_OF_ANOTHER.search(headline_of(text)))
