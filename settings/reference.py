"""The page docs/settings.md, made from the settings classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from settings.alerts import AlertSettings
from settings.clickhouse import ClickHouseSettings
from settings.console import ConsoleSettings
from settings.environment import VARIABLES, Variable
from settings.feeds import FeedSettings
from settings.kafka import KafkaSettings
from settings.model import ModelSettings
from settings.privacy import PrivacySettings
from settings.retrain import RetrainSettings
from settings.stream import StreamSettings

GROUPS: dict[str, tuple[type[BaseSettings], ...]] = {
    "Files, watch list, privacy": (PrivacySettings,),
    "Kafka": (KafkaSettings,),
    "ClickHouse": (ClickHouseSettings,),
    "Model": (ModelSettings,),
    "Worker": (StreamSettings,),
    "Alerts": (AlertSettings,),
    "Retraining": (RetrainSettings,),
    "Console": (ConsoleSettings,),
    "Feeds": (FeedSettings,),
}

INTRODUCTION = """\
<!-- Made by 'python -m deploy.reference'; do not edit. -->
# Settings

Every setting is an environment variable. A command reads the variables of its own groups, and says which one is wrong.
"""


def variables(kind: type[BaseSettings]) -> Iterator[Variable]:
    """The environment variables that a settings class reads, in its order."""
    prefix = kind.model_config.get("env_prefix", "")
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else _shown(field.default)
        yield Variable(f"{prefix}{name}".upper(), default, _sentence(field.description or ""))


def all_variables() -> dict[str, list[Variable]]:
    """The variables of each group, by its title."""
    found = {title: [one for kind in kinds for one in variables(kind)] for title, kinds in GROUPS.items()}
    first = next(iter(GROUPS))
    return {**found, first: [*VARIABLES, *found[first]]}


def settings_page() -> str:
    """docs/settings.md: a table for each group."""
    lines = [INTRODUCTION]
    for title, rows in all_variables().items():
        lines += [f"## {title}", "", "| variable | default | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{row.name}` | {row.default} | {row.meaning.replace('|', chr(92) + '|')} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path) and value.is_relative_to(Path.home()):
        return f"`~/{value.relative_to(Path.home())}`"
    assert not isinstance(value, SecretStr), "a secret must not have a default"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith(".") else f"{text}."
