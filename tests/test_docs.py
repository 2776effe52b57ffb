"""The pages for people name files, anchors, commands and options that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from finsent import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md", *sorted(ROOT.glob("docs/*.md"))]
PAGES += sorted(ROOT.glob("model/default/*.md"))
COMMAND = re.compile(r"^    (?:\S+=\S+ )*(?:eval \"\$\()?(?:\S*/)?finsent (?P<rest>[^#\n]*)", re.M)


def anchors(page: Path) -> set[str]:
    """Of its headings, as they are made from their words."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in (link for link in links if not re.match(r"https?:|mailto:", link)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: there is no such file"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


def commands(page: Path) -> Iterator[list[str]]:
    for match in COMMAND.finditer(page.read_text(encoding="utf-8")):
        yield shlex.split(match["rest"].split(')"')[0])


def problem(words: list[str]) -> str:
    """What finsent would not know in ``words``; "" if nothing."""
    command: Any = typer.main.get_command(app)
    left = iter(words)
    for word in left:
        subcommands = getattr(command, "commands", {})
        if word.startswith("-"):
            options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
            name, _, value = word.partition("=")
            if name not in options:
                return f"{command.name} has no option {name}"
            if not (options[name].is_flag or value):
                next(left, None)
        elif word in subcommands:
            command = subcommands[word]
        elif subcommands:
            return f"{command.name} has no command {word}"
    return ""


def test_commands_and_options_exist():
    given = [(page.name, words) for page in PAGES for words in commands(page)]
    assert len(given) > 50, "commands are found in the pages"
    assert not [(page, words, told) for page, words in given if (told := problem(words))]


def test_what_does_not_exist_is_noticed():
    assert problem(["alerts", "bactest"]) and problem(["produce", "--topik", "news"]) and problem(["nothing"])
    assert not problem(["alerts", "backtest", "--from", "2020-01-01"]) and not problem(["alerts", "--json"])
