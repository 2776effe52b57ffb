"""Old matters, later steps of them, wishes and other companies' events are told apart from new crises."""

from __future__ import annotations

import pytest

from documents.events import Event, EventRole, EventState, load_event_types
from model.events import EventReader, load_event_reader, severity
from model.events.known import has_no_word_for, is_of_another, state_by_wording

SUBJECT, HAPPENED = EventRole.SUBJECT, EventState.HAPPENED


@pytest.fixture(scope="module")
def reader() -> EventReader:
    return load_event_reader()


def read(reader: EventReader, text: str, surface: str = "Umbrella") -> dict[str, Event]:
    (events,) = reader.read([text], ["X"], [surface], [None])
    return {event.type: event for event in events}


@pytest.mark.parametrize(
    ("kind", "text", "state"),
    [
        ("accident", "twelve years after the @ ferry sank, a town remembers", "historic"),
        ("accounting_irregularities", "looking back at the fraud that broke @", "historic"),
        ("charge", "trial of @ clerk begins over 2009 fraud", "historic"),
        ("accident", "@\u77ff\u96be\u5341\u5468\u5e74", "historic"),
        ("accounting_irregularities", "\u56de\u987e\u4e09\u5e74\u524d@\u9020\u5047\u6848", "historic"),
        ("sanction", "canada lifts its sanctions on @", "averted"),
        ("sanction", "export ban on @ lifted", "averted"),
        ("sanction", "\u52a0\u62ff\u5927\u89e3\u9664\u5bf9@\u7684\u5236\u88c1", "averted"),
        ("takeover_target", "suitor abandons its bid for @", "averted"),
        ("takeover_target", "\u4e70\u5bb6\u653e\u5f03\u6536\u8d2d@", "averted"),
        ("chief_ousted", "@ chief survives vote of the board", "averted"),
        ("chief_ousted", "fund wants @ to sack its chairman", "threatened"),
        ("licence_lost", "mayor calls for a ban on @ scooters", "threatened"),
    ],
)
def test_what_is_long_ago_or_over_or_wished_for_is_told_by_its_wording(kind: str, text: str, state: str) -> None:
    assert state_by_wording(kind, text, HAPPENED) == state


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bankruptcy", "@ files for bankruptcy"),
        ("accident", "@ ferry sinks off the coast"),
        ("sanction", "canada puts @ on its sanctions list"),
        ("chief_ousted", "@ board sacks chief executive"),
        ("takeover_target", "rival to buy @ for $9 billion"),
        ("results_miss", "@ profit lowest since 2009"),
        ("bankruptcy", "@ files for bankruptcy two years after its listing"),
        ("rescue", "state rescues @ in largest bail-out since 2008"),
        ("grounding", "regulator grounds @ jets until may 12"),
        ("accident", "@ plane crashes, cause unknown"),
        ("arrest", "@\u5b9e\u63a7\u4eba\u6f5c\u9003\u5883\u5916"),
        ("sanction", "china to sanction @"),
        ("sanction", "@ and its units placed on u.s. blacklist"),
        ("charge", "@ charged again over its loans"),
        ("accident", "@ jets under scrutiny after second fatal crash"),
        ("grounding", "norway and chile ground @ jets"),
        ("grounding", "norway closes its airspace to @ jets"),
        ("charge", "sec sues @ over its staking programme"),
        ("chief_ousted", "@ fired chief executive after staff complained"),
        ("accident", "@ m7\u5728\u9ad8\u901f\u8ffd\u5c3e\u5e76\u8d77\u706b"),
        ("default", "@\u4ea7\u54c1\u906d\u9047\u5151\u4ed8\u98ce\u6ce2,\u5982\u4f55\u770b\u5f85?"),
        ("profit_warning", "@  and rivals warn of a weak winter"),
        ("grounding", "shares of @ fall as regulators ground its jets"),
        ("takeover_target", "rival to buy @ for $9 billion including debt"),
        ("bankruptcy", "@\u7533\u8bf7\u7834\u4ea7"),
    ],
)
def test_a_first_report_stays_what_it_is(kind: str, text: str) -> None:
    assert state_by_wording(kind, text, HAPPENED) is HAPPENED
    of = load_event_types().by_name[kind]
    assert severity(of, text, SUBJECT, HAPPENED) >= of.severity


@pytest.mark.parametrize(
    ("kind", "new", "known"),
    [
        ("arrest", "police arrest @ chairman over bribes", "jailed @ chairman asks for bail"),
        ("arrest", "@ finance chief arrested at the airport", "extradition hearing of @ finance chief goes on"),
        ("charge", "prosecutors charge @ with fraud", "inventor sues @ over a patent"),
        ("charge", "\u68c0\u65b9\u516c\u8bc9@", "@\u88ab\u63a7\u4fb5\u6743 \u4f5c\u5bb6\u7d22\u8d54\u767e\u4e07"),
        ("chief_ousted", "@ ousts its chief executive", "@ pays its ousted chief executive"),
        ("bankruptcy", "@ files for bankruptcy", "lawmakers publish findings on the collapse of @"),
        ("bankruptcy", "@ files for bankruptcy", "@ and a year of bankruptcies in retail"),
        ("accident", "@ tanker explodes, two dead", "families of the @ blast victims want answers"),
        (
            "accident",
            "@\u5de5\u5382\u7206\u70b8 \u4e24\u4eba\u6b7b\u4ea1",
            "@\u4e8b\u6545\u5584\u540e\u5de5\u4f5c\u6709\u5e8f",
        ),
        ("grounding", "regulator grounds the @ fleet", "airlines expect @ jets to be checked for weeks"),
        ("sanction", "canada blacklists @", "@ sues over its place on the blacklist"),
        ("fine", "@ fined $2 billion", "@ appeals against $2 billion fine"),
        ("profit_warning", "@ warns of lower profit", "@ profit slumps in the half-year"),
        ("profit_warning", "@ warns of lower profit", "bank sticks to its buy rating as analysts see @ growth"),
        ("takeover_target", "rival to buy @", "lenders of the @ buyer sell their debt"),
        ("embezzlement", "@ cashier embezzles millions", "bribery inquiry at @ closed"),
        ("data_breach", "hackers leak data of @ customers", "lawmakers question @ about the leak"),
        ("outage", "@ network down", "@ outage explained"),
        ("licence_lost", "city bans @ taxis", "@ drivers protest over the taxi ban"),
        ("takeover_target", "rival offers to buy @", "minister takes no stand on a merger with @"),
        ("chief_ousted", "@ board sacks chief executive", "@ board sacks chief technology officer"),
        ("accident", "@ ferry capsizes, nine dead", "@ to hire inspectors in answer to ferry accidents"),
        ("fine", "\u76d1\u7ba1\u5bf9@\u7f5a\u6b3e\u5341\u4ebf", "\u8fd9\u4e9b\u5e74@\u5403\u8fc7\u7684\u7f5a\u5355"),
        ("accounting_irregularities", "@\u8d22\u52a1\u9020\u5047", "@\u8d22\u52a1\u9020\u5047\u6848\u542f\u793a"),
    ],
)
def test_later_steps_and_comments_are_less_than_the_first_report(kind: str, new: str, known: str) -> None:
    of = load_event_types().by_name[kind]
    first, later = (severity(of, text, SUBJECT, HAPPENED) for text in (new, known))
    assert first > later


@pytest.mark.parametrize(
    ("kind", "with_word", "without"),
    [
        ("accident", "explosion at @ plant", "@ pilots ask for more training"),
        ("sanction", "canada bans @", "china sales buoy @"),
        ("chief_ousted", "@ sacks its chief", "@ chief meets investors"),
        ("bank_run", "depositors queue at @", "outflows from a fund with @ in it"),
        ("chief_dies", "@ founder dies", "@ founder back at work"),
        ("sanction", "@\u88ab\u5236\u88c1", "@\u5728\u4e2d\u56fd\u9500\u91cf\u589e\u957f"),
    ],
)
def test_a_crisis_without_a_word_for_it_is_less(kind: str, with_word: str, without: str) -> None:
    assert [has_no_word_for(kind, text) for text in (with_word, without)] == [False, True]
    of = load_event_types().by_name[kind]
    assert severity(of, without, SUBJECT, HAPPENED) < of.severity


@pytest.mark.parametrize(
    ("text", "another"),
    [
        ("@ supplier files for bankruptcy", True),
        ("@'s biggest supplier goes bust", True),
        ("data of @ customers stolen", False),
        ("@ customers lose their savings", False),
        ("@\u5ba2\u6237\u6570\u636e\u906d\u6cc4\u9732", False),
        ("rival of @ files for bankruptcy", True),
        ("@\u4f9b\u5e94\u5546\u7834\u4ea7", True),
        ("@   \u4f9b\u5e94\u5546\u7834\u4ea7", True),
        ("@ files for bankruptcy as suppliers want cash", False),
        ("@ and suppliers plan for a ban", False),
        ("@\u7834\u4ea7", False),
    ],
)
def test_a_rival_or_supplier_at_the_head_has_the_event(text: str, another: bool) -> None:
    assert is_of_another(text) is another


@pytest.mark.parametrize(
    ("text", "surface", "kind", "grave"),
    [
        ("Umbrella files for bankruptcy", "Umbrella", "bankruptcy", True),
        (
            "Twenty years after Umbrella's collapse into bankruptcy, its town looks back",
            "Umbrella",
            "bankruptcy",
            False,
        ),
        ("Umbrella supplier files for bankruptcy", "Umbrella", "bankruptcy", False),
        ("Umbrella chairman arrested over bribes", "Umbrella", "arrest", True),
        ("Former Umbrella chairman to stay in detention as court rejects his appeal", "Umbrella", "arrest", False),
        ("Canada imposes sanctions on Umbrella", "Umbrella", "sanction", True),
        ("Canada lifts sanctions on Umbrella", "Umbrella", "sanction", False),
        ("Umbrella plane crashes, killing forty people", "Umbrella", "accident", True),
        ("Regulator tightens rules after fatal crash of Umbrella plane", "Umbrella", "accident", False),
        ("\u4f1e\u516c\u53f8\u8463\u4e8b\u957f\u88ab\u8b66\u65b9\u5e26\u8d70", "\u4f1e\u516c\u53f8", "arrest", True),
        ("\u4f1e\u516c\u53f8\u7206\u70b8\u4e8b\u6545\u5341\u5468\u5e74", "\u4f1e\u516c\u53f8", "accident", False),
    ],
)
def test_only_new_crises_are_grave(reader: EventReader, text: str, surface: str, kind: str, grave: bool) -> None:
    event = read(reader, text, surface).get(kind)
    assert (event is not None and event.role is SUBJECT and event.state is HAPPENED and event.severity >= 4) is grave, (
        event
    )
