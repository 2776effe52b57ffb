"""The rules of the rooms, checked over the syntax trees of all sources: ``pytest tests/test_rooms.py`` takes a second.

A top-level folder is a room, and its ``__init__.py`` is its door. An import inside a function, or for type checking
only, counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

BASE = {"errors", "settings"}
USES = {
    "errors": set(),
    "settings": {"errors"},
    "documents": BASE,
    "model": BASE | {"documents"},
    "feeds": BASE | {"documents"},
    "storage": BASE | {"documents"},
    "alerts": BASE | {"documents", "storage"},
    "retrain": BASE | {"documents", "model", "storage"},
    "stream": BASE | {"documents", "model", "storage", "alerts", "retrain"},
    "console": BASE | {"documents", "model", "storage", "alerts"},
    "deploy": BASE | {"documents", "model", "storage", "alerts", "retrain", "stream", "console"},
}
USES["cli"] = USES["deploy"] | {"deploy", "feeds"}
USES["benchmarks"] = USES["cli"] | {"cli"}
USES["finsent"] = BASE | {"cli", "storage"}
"""The rooms that each room may import. An arrow that is not here points upwards, or sideways."""

KAFKA = {"kafka", "faust", "aiokafka"}
FORMATS = {"fastavro", "google", "grpc_tools"}
CLICKHOUSE = {"clickhouse_driver", "clickhouse_connect"}
MODELS = {"onnx", "onnxruntime", "peft", "tokenizers", "torch", "transformers"}
NEVER = {
    "errors": KAFKA | CLICKHOUSE | MODELS,
    "settings": KAFKA | CLICKHOUSE | MODELS,
    "documents": KAFKA | FORMATS | CLICKHOUSE | MODELS,
    "model": KAFKA | CLICKHOUSE,
    "feeds": KAFKA | CLICKHOUSE | MODELS,
    "storage": KAFKA | MODELS,
    "alerts": KAFKA | MODELS,
    "console": KAFKA,
    "retrain": KAFKA,
}
"""The libraries that a room must not know."""


class Import(NamedTuple):
    """One imported name: ``from module import name``, or ``import module`` with an empty name."""

    module: str
    name: str
    line: int


@cache
def modules() -> dict[str, Path]:
    """Every module of the sources by its dotted name; a package is its ``__init__.py``."""
    found = {}
    for room in USES:
        files = [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").exists() else sorted((ROOT / room).rglob("*.py"))
        for file in files:
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def is_package(module: str) -> bool:
    return modules()[module].name == "__init__.py"


@cache
def imports(module: str) -> list[Import]:
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    return list(_imports(tree))


def _imports(tree: ast.AST) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module, f"line {node.lineno}: no relative imports here"
            for alias in node.names:
                yield Import(node.module, alias.name, node.lineno)


def exported(package: str) -> set[str]:
    """The names in a package's ``__all__``."""
    for node in ast.parse(modules()[package].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


def room_of(module: str) -> str:
    return module.partition(".")[0]


def each() -> Iterator[tuple[str, str, Import]]:
    for module in modules():
        for one in imports(module):
            yield room_of(module), f"{modules()[module].relative_to(ROOT)}:{one.line}", one


def judge(violations: list[str]) -> None:
    assert not violations, "\n" + "\n".join(sorted(set(violations)))


def test_imports_of_another_room_go_through_its_door() -> None:
    """``from storage.reads import alerts_now`` is good where ``__all__`` of ``storage/reads/__init__.py`` has it."""
    violations = []
    for room, where, one in each():
        other = room_of(one.module)
        if one.module not in modules() or other == room:
            continue
        if is_package(one.module):
            inner = f"{one.module}.{one.name}"
            a_room = inner in modules() and is_package(inner)
            behind = bool(one.name) and not a_room and one.name not in exported(one.module)
        else:
            behind = "." in one.module
        if behind:
            violations.append(f"{where}: {one.name or 'all'} of {one.module} is imported behind the door of {other}")
    judge(violations)


def test_arrows_between_rooms_point_down() -> None:
    judge(
        [
            f"{where}: {room} must not import {one.module}"
            for room, where, one in each()
            if room_of(one.module) in USES and room_of(one.module) not in USES[room] | {room}
        ]
    )


@pytest.mark.parametrize("room", NEVER)
def test_a_room_does_not_know_the_libraries_of_others(room: str) -> None:
    judge(
        [
            f"{where}: {room} must not import {one.module}"
            for importer, where, one in each()
            if importer == room and room_of(one.module) in NEVER[room]
        ]
    )


def test_no_circles_between_modules() -> None:
    graph: dict[str, set[str]] = {}
    for module in modules():
        needs = graph.setdefault(module, set())
        for one in imports(module):
            inner = f"{one.module}.{one.name}"
            target = inner if inner in modules() else one.module
            if target in modules():
                needs.add(target)
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_kafkas_clients_are_made_in_one_place() -> None:
    """What all of them need, such as how to sign in, must reach each of them. Benchmarks speak to their own brokers."""
    clients = {"KafkaAdminClient", "KafkaConsumer", "KafkaProducer", "AIOKafkaConsumer", "AIOKafkaProducer"}
    made = {
        str(path.relative_to(ROOT))
        for path in modules().values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in clients
    }
    assert {path for path in made if not path.startswith("benchmarks/")} == {"stream/kafka/clients.py"}
