"""Pictures of the console for people without a screen: a headless Chromium opens its pages."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

READY_MS = 60_000


def has_screen() -> bool:
    """Whether a person sits at this terminal and can open a page."""
    screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and sys.stdout.isatty() and "CI" not in os.environ


def browser() -> str:
    """Chromium's path; '' where Chromium or playwright is missing."""
    if importlib.util.find_spec("playwright") is None:
        return ""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )


def take(url: str, pages: Mapping[str, Path]) -> list[Path]:
    """Save each page as a PNG and return the files; the keys of ``pages`` are paths below ``url``.

    Raises ``RuntimeError`` where there is no browser, or where it fails.
    """
    program = browser()
    if not program:
        raise RuntimeError("no Chromium (Debian: apt-get install chromium) or no playwright")
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as playwright:
            # Root has no sandbox; the pages are our own.
            chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-quic"])
            page = chromium.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="UTC")
            for path, file in pages.items():
                page.goto(url + path)
                page.wait_for_selector("#page[data-ready]", timeout=READY_MS)
                page.wait_for_load_state("load")
                page.wait_for_timeout(500)  # charts are drawn in the next frame
                file.parent.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=file)
            chromium.close()
    except Error as error:
        raise RuntimeError(f"{program}: {str(error).splitlines()[0]}") from error
    return list(pages.values())
