"""The site of docs/: every page is in it and in its navigation, and no link leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.site import on_page_markdown

ROOT = Path(__file__).parents[2]


def named(entry: Any) -> Iterator[str]:
    """The pages of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for one in entry.values() if isinstance(entry, dict) else entry:
            yield from named(one)


def test_the_navigation_names_every_page_once() -> None:
    nav = list(named(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert sorted(nav) == sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))


def test_a_link_to_what_the_site_does_not_have_becomes_its_name() -> None:
    said = on_page_markdown("[the card](../model/CARD.md#a) and [`model/x.py`](../model/x.py), [kafka](kafka.md#b)")
    assert said == "the card (`model/CARD.md`) and `model/x.py`, [kafka](kafka.md#b)"


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for page in (ROOT / "docs").glob("*.md"):
        assert (tmp_path / "site" / page.with_suffix(".html").name).exists(), page
