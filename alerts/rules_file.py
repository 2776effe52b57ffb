"""Reads the file of alert rules, and says what is wrong with it: in which line and rule, why, and what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import yaml

from alerts.detection import Parameters
from alerts.receivers import TRANSPORTS
from alerts.rules import AlertRule, BadRules, Limits, Rules, RulesFile
from documents import EntityType
from documents.events import EventTypes, load_event_types


def read_rules(
    text: str,
    where: str = "rules",
    base: Parameters | None = None,
    desks: Mapping[str, str] | None = None,
    other_types: Mapping[str, EntityType] | None = None,
    topics: Collection[str] | None = None,
) -> Rules:
    """The rules in the YAML ``text``. Raises ``BadRules`` with line and rule. ``topics`` are those that there are."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise BadRules(f"{where}: the file is empty; it needs 'rules:' with at least one rule")
        tree: yaml.Node = root
        if twice := next(_given_twice(tree), None):
            key, first, second = twice
            raise BadRules(f"{where}, line {second}: {key!r} is given twice, first in line {first}: keep one of them")
        file = msgspec.convert(yaml.safe_load(text), RulesFile)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadRules(f"{where}{line}: no YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BadRules(f"{where}: no YAML: {error}") from error
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`")
        raise BadRules(f"{where}{_place(tree, path)}: {message}{_to_quote(message, _find(tree, path).node)}") from error
    _check(file, where, tree, desks, topics)
    return Rules(file, base, desks, other_types)


def load_rules(
    path: Path,
    base: Parameters | None = None,
    desks: Mapping[str, str] | None = None,
    other_types: Mapping[str, EntityType] | None = None,
    topics: Collection[str] | None = None,
) -> Rules:
    """The rules in the file ``path``. Raises ``BadRules``. ``topics`` are those that there are."""
    try:
        return read_rules(path.read_text(encoding="utf-8"), str(path), base, desks, other_types, topics)
    except (OSError, UnicodeDecodeError) as error:
        raise BadRules(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def doubts(rules: Rules, environment: Mapping[str, str]) -> list[str]:
    """Warnings about valid rules that may not do what was meant: secrets that are not set, receivers that no rule
    names, rules that never apply."""
    file = rules.file
    found = [
        f"receiver {one.name!r}: the environment variable {one.secret_env} (its secret) is not set here, so it would "
        "be sent nothing: set it where the workers run"
        for one in file.receivers
        if one.secret_env and not environment.get(one.secret_env)
    ]
    named = {name for limits in (file.defaults, *file.rules) for name in limits.receivers or ()}
    found += [
        f"receiver {one.name!r}: no rule names it, so it is sent nothing"
        for one in file.receivers
        if one.name not in named
    ]
    for i, rule in enumerate(file.rules):
        setting = rules.setting(rule)
        if setting.digest and not any(TRANSPORTS[rules.receivers[n].type].takes_digests for n in setting.receivers):
            found.append(
                f"rule {rule.name!r}: none of its receivers takes a digest, so nobody is sent it: give it a webhook, "
                "Slack or e-mail"
            )
        if not rules.reach(rule):
            found.append(
                f"rule {rule.name!r} never holds: its desks have no {' or '.join(sorted(rule.types))}; entity_types "
                "says which others it is about"
            )
        elif hiding := _hiding(rule, file.rules[:i], rules):
            found.append(
                f"rule {rule.name!r} never holds: all that it is about is {hiding.name!r}'s already, and the "
                "first rule that fits is the one that holds: put it before that rule"
            )
    return found


def _hiding(rule: AlertRule, before: list[AlertRule], rules: Rules) -> AlertRule | None:
    """The rule after which nothing is left for ``rule``, or None. ``before`` are the rules in front of it."""
    left = rules.reach(rule)
    for other in before:
        if not other.is_partial:
            left = rules.left_by(other, left)
            if not left:
                return other
    return None


def _given_twice(node: yaml.Node) -> Iterator[tuple[str, int, int]]:
    """The settings that stand twice in one place: the name, and both lines. YAML itself would keep the last one."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _given_twice(item)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                yield key.value, lines[key.value], line
            lines[key.value] = line
            yield from _given_twice(value)


_READ_AS = {"bool": "yes or no", "int": "a number", "float": "a number", "timestamp": "a date", "null": "nothing"}


def _to_quote(message: str, node: yaml.Node) -> str:
    """A hint where a text was expected and YAML reads it as something else, as it does with ON, NO and 22:00."""
    kind = node.tag.rpartition(":")[2]
    if "`str" not in message or not isinstance(node, yaml.ScalarNode) or node.style or kind not in _READ_AS:
        return ""
    return f'; without quotes YAML reads {node.value} as {_READ_AS[kind]}: write "{node.value}"'


def _check(
    file: RulesFile,
    where: str,
    tree: yaml.Node,
    desks: Mapping[str, str] | None,
    topics: Collection[str] | None,
) -> None:
    names: set[str] = set()
    receivers: set[str] = set()
    for i, receiver in enumerate(file.receivers):
        if receiver.name in receivers:
            place = where + _place(tree, f".receivers[{i}]")
            raise BadRules(f"{place}: two receivers are called {receiver.name!r}: rename one of them")
        receivers.add(receiver.name)
        if receiver.type not in TRANSPORTS:
            place = where + _place(tree, f".receivers[{i}].type")
            raise BadRules(f"{place}: Invalid enum value {receiver.type!r}")
        place = where + _place(tree, f".receivers[{i}]")
        if problem := TRANSPORTS[receiver.type].problem(receiver):
            raise BadRules(f"{place}: {problem}")
    known_desks = set(desks.values()) if desks else None
    types = load_event_types()
    _check_events(file.defaults, types, where + _place(tree, ".defaults"))
    _check_topics(file.defaults, topics, where + _place(tree, ".defaults"))
    for i, rule in enumerate(file.rules):
        place = where + _place(tree, f".rules[{i}]")
        if rule.name in names:
            raise BadRules(f"{place}: the name {rule.name!r} stands twice")
        names.add(rule.name)
        if unknown := set(rule.receivers or ()) - receivers:
            raise BadRules(f"{place}: no receiver is called {sorted(unknown)[0]!r}")
        if desks is not None and known_desks is not None:
            if unknown := set(rule.desks) - known_desks:
                raise BadRules(f"{place}: the watch list has no desk {sorted(unknown)[0]!r}")
            if unknown := set(rule.entities) - desks.keys() - {"*"}:
                raise BadRules(f"{place}: the watch list has no entity {sorted(unknown)[0]!r}")
        _check_events(rule, types, place)
        _check_topics(rule, topics, place)
        _check_zones(rule, place)
    if unknown := set(file.defaults.receivers or ()) - receivers:
        raise BadRules(f"{where}{_place(tree, '.defaults')}: no receiver is called {sorted(unknown)[0]!r}")
    _check_zones(file.defaults, where + _place(tree, ".defaults"))


def _check_events(limits: Limits, types: EventTypes, place: str) -> None:
    groups = {one.group for one in types.by_name.values()}
    if unknown := set(limits.event_types or ()) - types.by_name.keys():
        raise BadRules(f"{place}: there is no type of event {sorted(unknown)[0]!r}")
    if unknown := set(limits.event_groups or ()) - groups:
        raise BadRules(
            f"{place}: there is no group of events {sorted(unknown)[0]!r}; there are {', '.join(sorted(groups))}"
        )


def _check_topics(limits: Limits, topics: Collection[str] | None, place: str) -> None:
    if topics is not None and (unknown := set(limits.topics or ()) - set(topics)):
        raise BadRules(f"{place}: there is no topic {sorted(unknown)[0]!r}; there are {', '.join(sorted(topics))}")


def _check_zones(limits: Limits, place: str) -> None:
    if limits.quiet_hours:
        _zone(limits.quiet_hours.zone, place)
    if limits.digest:
        _zone(limits.digest.partition(" ")[2] or "UTC", place)


def _zone(name: str, place: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise BadRules(f"{place}: {name!r} is no time zone; one is 'Europe/Berlin'") from error


class _Found(NamedTuple):
    node: yaml.Node
    line: int
    names: list[str]
    """The path to the node, in words for people."""


def _find(tree: yaml.Node, path: str) -> _Found:
    """The node at msgspec's path ``.rules[0].threshold``, or the last one on the way that exists."""
    node, line, names = tree, tree.start_mark.line, []
    for name, number in re.findall(r"\.([\w]+)|\[(\d+)\]", path):
        if name and isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == name), None)
            names.append(name)
            if pair is None:
                break
            node, line = pair[1], pair[0].start_mark.line
        elif number and isinstance(node, yaml.SequenceNode) and int(number) < len(node.value):
            node = node.value[int(number)]
            line = node.start_mark.line
            called = (
                next((v.value for k, v in node.value if k.value == "name"), None)
                if isinstance(node, yaml.MappingNode)
                else None
            )
            group = names.pop() if names else "item"
            names.append(f"{group.removesuffix('s')} {called!r}" if called else f"{group}[{number}]")
    return _Found(node, line, names)


def _place(tree: yaml.Node, path: str) -> str:
    """', line 7 (rule 'banks', threshold)' for msgspec's path ``.rules[0].threshold``."""
    _, line, names = _find(tree, path)
    return f", line {line + 1}" + (f" ({', '.join(names)})" if names else "")
