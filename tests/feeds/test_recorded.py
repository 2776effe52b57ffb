"""``finsent up --feeds`` on recorded answers of every shape, as somebody meets it who has just cloned this."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from deploy.demo import browser
from deploy.demo.pictures import take
from tests.feeds.recorded import PAGES, recorded_feeds
from tests.support import data_folder, eventually


def test_every_shape_of_feed_comes_to_the_console(shipped: Path, tmp_path: Path) -> None:
    data_folder(tmp_path / "data", shipped)
    with recorded_feeds(tmp_path, timedelta(hours=8)) as running:
        eventually(lambda: running.stored() == running.expected, 60, f"stored: {running.expected}")
        assert all(running.expected.values()) and len(running.expected) == 6
        if not browser():
            pytest.skip("no Chromium")
        pictures = {path: tmp_path / f"{name}.png" for path, name in PAGES.items()}
        take(running.environment["CONSOLE_URL"], pictures)
        # A page that shows nothing is a picture of few colours, which packs well.
        assert all(picture.stat().st_size > 20_000 for picture in pictures.values())
