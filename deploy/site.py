"""What the site of docs/ changes in its pages: a link to a file beside docs/ becomes the file's name, as the site does
not have it. MkDocs calls this (``hooks`` in mkdocs.yml)."""

from __future__ import annotations

import re
from typing import Any

_BESIDE = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./([^)\s#]+)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page's Markdown, as MkDocs is to read it."""
    return _BESIDE.sub(_named, markdown)


def _named(link: re.Match[str]) -> str:
    said, file = link[1], link[2]
    return said if file.rstrip("/") in said else f"{said} (`{file}`)"
