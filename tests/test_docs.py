"""The pages for people name files, anchors, commands and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds import load_plan
from tests.support.pages import PAGES, ROOT, blocks, called, commands, inline, problem


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


def test_every_command_and_option_exists() -> None:
    """Of the blocks and of the sentences, whether they are run (tests/test_docs_run.py) or not."""
    given = [(command, words) for page in PAGES for command in (*commands(page), *inline(page))
             for words in called(command.text)]  # fmt: skip
    assert len(given) > 200, "commands are found in the pages"
    told = {words: problem(list(words)) for words in {tuple(words) for _, words in given}}
    assert not [f"{command}: {told[tuple(words)]}" for command, words in given if told[tuple(words)]]


def test_every_variable_exists() -> None:
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(encoding="utf-8"), re.M))
    ours = {name.partition("_")[0] for name in known}
    for page in PAGES:
        for command in commands(page):
            for variable in re.findall(r"(?:^|\s)([A-Z]+_\w+)=", command.text):
                assert variable in known or variable.partition("_")[0] not in ours, f"{command}: no setting {variable}"


@pytest.mark.parametrize(
    "line",
    [
        "finsent alerts bactest",
        ".venv/bin/finsent produce FILE --topik news",
        "finsent nothing",
        "finsent up --brokers many",
        "make everything",
        "X=1 python -m benchmarks.scorer --devise cuda",
        "python -m benchmarks.nothing",
        "python -m benchmarks.durability --fast",
        'eval "$(.venv/bin/finsent up --environment)"',
    ],
)
def test_what_does_not_exist_is_noticed(line: str) -> None:
    (words,) = called(line)
    assert problem(words)


@pytest.mark.parametrize(
    "line",
    [
        "finsent alerts backtest --from 2020-01-01   # with a comment; and more",
        "finsent alerts --json",
        "FINSENT_DATA=x finsent model compare A B",
        "python -m benchmarks.scorer \\\n  --device cuda",
        "make chaos BROKER=kafka",
    ],
)
def test_what_exists_is_taken(line: str) -> None:
    (words,) = called(line)
    assert not problem(words)


def test_the_feeds_in_the_pages_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDS_CONTACT", "you@your.org")
    for variable in ("FINNHUB_KEY", "DESK_KEY", "STREAM_KEY", "DESK_MAIL_PASSWORD"):
        monkeypatch.setenv(variable, "secret")
    page = ROOT / "docs/feeds.md"
    found = [block.text for block in blocks(page) if block.language == "yaml"]
    for text in found:
        (tmp_path / "feeds.yaml").write_text(text if "feeds:" in text else f"feeds:\n{text}")
        assert load_plan(tmp_path / "feeds.yaml").feeds
    assert len(found) > 2
