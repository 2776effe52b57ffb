"""What is installed only with an extra of the package."""

from __future__ import annotations

from importlib.util import find_spec

from cli.shared.failures import fail

FEEDS = ("defusedxml", "feedparser", "httpx", "jsonpath", "websockets")


def need_feeds() -> None:
    """End the command if the extra ``feeds`` is not installed."""
    if missing := [name for name in FEEDS if find_spec(name) is None]:
        fail(f"feeds need {', '.join(missing)}: pip install 'finsent[feeds]'")
