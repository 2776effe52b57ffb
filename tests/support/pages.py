"""The pages for people: their blocks, and the commands in them. A block that is indented is the shell's; every other
one is fenced, and says its language."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import itertools
import re
import runpy
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer
from markdown_it import MarkdownIt
from typer.core import TyperGroup

from finsent import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md", *sorted(ROOT.glob("docs/*.md"))]
PAGES += sorted(ROOT.glob("model/default/*.md"))
USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
OURS = re.compile(r"(?:^|(?<=[\s(`/]))(?:finsent|python3? -m \w+(?:\.\w+)*|make)(?=\s|$)")


@dataclass(frozen=True)
class Block:
    """A block of code; ``line`` is that of its first line of code."""

    page: Path
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """One command of a block, as the page has it; a line that ends with a backslash goes on in the next."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}: {self.text}"


def name(page: Path) -> str:
    """Of ``page``, as people say it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    """Of the page, in order; the language of an indented one is ``sh``."""
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type in ("code_block", "fence") and token.map:
            fenced = token.type == "fence"
            yield Block(page, token.map[0] + 1 + fenced, token.info if fenced else "sh", token.content)


def commands(page: Path) -> Iterator[Command]:
    """Of the page's blocks for the shell, in order."""
    for block in (block for block in blocks(page) if block.language == "sh"):
        text, begun = "", block.line
        for number, line in enumerate(block.text.splitlines(), block.line):
            text, begun = (f"{text}\n{line}", begun) if text else (line, number)
            if not text.endswith("\\"):
                if text.strip():
                    yield Command(page, begun, text.strip())
                text = ""


def inline(page: Path) -> Iterator[Command]:
    """What the page's sentences name between backquotes, if it is a command of this project."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        for child in token.children or ():
            if child.type == "code_inline" and OURS.match(child.content) and "/" not in child.content.split()[0]:
                yield Command(page, (token.map or [0])[0] + 1, child.content)


def called(text: str) -> list[list[str]]:
    """What a line of shell calls of this project, with what it is given: ``finsent`` (wherever it lies),
    ``python -m MODULE`` and ``make``."""
    text = re.sub(r'eval "\$\((.*)\)"', r"\1", text.replace("\\\n", " "))
    found = []
    for is_end, part in itertools.groupby(shlex.split(text, comments=True), lambda word: word in ("&&", ";", "|")):
        words = [] if is_end else list(itertools.dropwhile(ASSIGNMENT.match, part))
        if words and (words[0] == "make" or words[0].rpartition("/")[2] == "finsent" or _runs_module(words)):
            found.append(words)
    return found


def _runs_module(words: list[str]) -> bool:
    return bool(re.search(r"(^|/)python3?$", words[0])) and words[1:2] == ["-m"]


def problem(words: list[str]) -> str:
    """What the real parser of that program would not take; "" if nothing."""
    if words[0] == "make":
        asked = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        return asked.stderr.strip() if asked.returncode else ""
    if _runs_module(words):
        return "" if words[2] in ("venv", "pip") else _problem_of_module(words[2], words[3:])
    return _problem_of_finsent(words[1:])


def _problem_of_finsent(words: list[str]) -> str:
    command: Any = typer.main.get_command(app)
    context: typer.Context | None = None
    left = list(words)
    try:
        while command:
            with contextlib.redirect_stdout(io.StringIO()):  # a group alone shows its help
                context = command.make_context(command.name, left, parent=context)
            left = [*context._protected_args, *context.args] if isinstance(command, TyperGroup) else []
            _, command, left = command.resolve_command(context, left) if left else ("", None, [])
    except typer.Exit:  # --version, and the like
        return ""
    except USAGE_ERROR as error:
        # A sentence may name a command without what it is given, and files of the reader's own are not there.
        allowed = type(error).__name__ in ("MissingParameter", "NoArgsIsHelpError")
        return "" if allowed or "does not exist" in error.format_message() else error.format_message()
    return ""


class _Parsed(BaseException):
    """The arguments were taken."""


def _problem_of_module(module: str, words: list[str]) -> str:
    """Runs the module until it has parsed its arguments; one that parses none may be given no option."""
    with contextlib.suppress(ModuleNotFoundError):
        found = importlib.util.find_spec(module)
        if found and found.submodule_search_locations:
            found = importlib.util.find_spec(f"{module}.__main__")
        if found and found.origin and "parse_args(" not in Path(found.origin).read_text(encoding="utf-8"):
            return f"{module} has no options" if any(word.startswith("-") for word in words) else ""
    real = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> Any:
        real(self, args, namespace)
        raise _Parsed

    told = io.StringIO()
    with (
        patch.object(sys, "argv", [module, *words]),
        patch.object(argparse.ArgumentParser, "parse_args", parse),
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", RuntimeWarning)  # the module is imported already, by another test
        try:
            runpy.run_module(module, run_name="__main__")
        except _Parsed:
            return ""
        except SystemExit:
            last = told.getvalue().strip().splitlines()[-1:]
            # A sentence may name a module without what it needs.
            return "" if last and "arguments are required" in last[0] else f"{module}: {' '.join(last)}"
        except ImportError as error:
            return f"{module}: {error}"
    return f"{module} does not parse its arguments"
