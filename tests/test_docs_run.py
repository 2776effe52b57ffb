"""The commands and the Python of the pages are run as a reader would: a page at a time, from the top, in a folder that
looks like a clone, beside one running service. Whatever is not run is excused here, by name and with the reason."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest

from deploy.demo.recorded_week import write
from storage.access import PASSWORDS_FILE
from tests.support import data_folder
from tests.support.pages import PAGES, ROOT, Block, Command, blocks, commands, name

EXCUSED = {
    "runs until Ctrl-C; tests/cli and tests/stream run it": (
        "make up",
        "FEEDS_CONTACT=you@your.org .venv/bin/finsent up",
        "FINSENT_WATCHLIST=companies,markets .venv/bin/finsent up",
        "FINSENT_WATCHLIST=mine.yaml,markets .venv/bin/finsent worker",
        "CONSOLE_USERS=users.yaml ",
        ".venv/bin/finsent worker ",
        ".venv/bin/finsent scheduler",
        ".venv/bin/finsent console ",
        "finsent feeds run feeds.yaml",
        ".venv/bin/tensorboard ",
    ),
    "ends the service that the others ask; the last test runs it": (".venv/bin/finsent down --data .finsent",),
    "takes minutes, and packages from the Internet": ("make setup", "make demo", ".venv/bin/pip install "),
    "is this suite": ("make test",),
    "takes minutes of a processor": (
        "make bench",
        "make chaos",
        "python -m benchmarks.",
        ".venv/bin/python -m benchmarks.",
    ),
    "trains for minutes or hours; tests/retrain does it in small": (
        ".venv/bin/finsent retrain ",
        ".venv/bin/python -m retrain.pretrain ",
        "python -m retrain.",
    ),
    "needs a GPU": ("MODEL_DEVICE=cuda ",),
    "needs a cluster of one's own": (
        "export KAFKA_",
        "export CLICKHOUSE_URL=",
        "export FINSENT_PSEUDONYM_KEY=",
        "CLICKHOUSE_",
    ),
    "needs root, Docker or Kubernetes; tests/deploy checks the files": (
        "helm install ",
        "docker compose ",
        "deploy/compose/",
        "python3 -m venv /opt",
        "install -",
        "systemctl ",
    ),
    "installs the wheel: make install-check does it": ("pipx ", "uv tool "),
    "asks for a password at the terminal; tests/console gives one": (".venv/bin/finsent console add-user ",),
    "names an alert of the reader's": (".venv/bin/finsent alerts ack ID",),
    "needs a search that somebody saved; tests/cli has one": (".venv/bin/finsent alerts rule-from-search",),
    "needs a disk for backups in ClickHouse's configuration; tests/storage does it": (
        "finsent storage backup",
        "finsent storage restore",
    ),
    "needs a history of alerts; tests/cli has one": (".venv/bin/finsent prices study",),
}
"""Why a command is not run here, and how those commands begin. tests/test_docs.py parses their arguments anyway."""

LANGUAGES = {
    "sh": "run here",
    "python": "run here",
    "sql": "tests/storage/test_cookbook.py asks every question of the cookbook; the others need a cluster",
    "yaml": "a part of a file of the reader's",
    "json": "a part of a file of the reader's",
    "xml": "a part of a file of the reader's",
    "mermaid": "a picture",
    "text": "what a command prints",
}


def excuse(text: str) -> str:
    """Why the command is not run; "" if it is."""
    return next((reason for reason, begins in EXCUSED.items() if text.startswith(begins)), "")


@dataclass
class Reader:
    """Somebody in a clone, beside a service."""

    folder: Path
    environment: dict[str, str]

    def run(self, script: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """What bash makes of it."""
        command = ["bash", "-c", script]
        environment = self.environment
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def run_all(self, given: list[Command]) -> list[str]:
        """In one shell, so that what one sets the next one has; those that failed, with what they said."""
        said = self.folder / "said"
        lines = ['eval "$(.venv/bin/finsent up --data .finsent --env)"', f"mkdir -p {said}"]
        for number, command in enumerate(given):
            lines.append(f"{{ {command.text}\n}} > {said}/{number} 2>&1; echo $? > {said}/{number}.code")
        done = self.run("\n".join(lines))
        assert done.returncode == 0, done
        return [
            f"{command}\nexit code {code}: {(said / str(number)).read_text()[-2000:]}"
            for number, command in enumerate(given)
            if (code := (said / f"{number}.code").read_text().strip()) != "0"
        ]


@pytest.fixture(scope="module")
def reader(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("clone")
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name != "build":
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".finsent").mkdir()
    data_folder(folder / ".finsent", shipped)
    _write_files(folder)
    environment = {
        **{
            key: value for key, value in os.environ.items() if not key.startswith(("KAFKA_", "CLICKHOUSE_", "FINSENT_"))
        },
        "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),  # where this suite runs: the installed one may be another clone's
        "CONSOLE_PORT": "0",
        "NO_COLOR": "1",
    }
    here = Reader(folder, environment)
    started = here.run(".venv/bin/finsent up --data .finsent --detach")
    try:
        assert started.returncode == 0, started
        stored = here.run("export FINSENT_DATA=.finsent; finsent produce FILE --topic news --wait")
        assert stored.returncode == 0, stored
        passwords = json.loads((folder / ".finsent" / PASSWORDS_FILE).read_text())
        here.environment["PASSWORD"] = passwords["risk_reader"]
        yield here
    finally:
        here.run(".venv/bin/finsent down --data .finsent")


def _write_files(folder: Path) -> None:
    """Those of the reader's own that the pages name."""
    week = write(folder)
    whole = (
        line for line in week.news.read_text(encoding="utf-8", errors="replace").splitlines(True) if _is_json(line)
    )
    (folder / "FILE").write_text("".join(itertools.islice(whole, 120)))
    shutil.copy(ROOT / "deploy/alert_rules.yaml", folder / "rules.yaml")
    texts = {
        "labels.csv": "text,label,labelled_at\nBoeing wins a large order,positive,2024-01-31T12:00:00Z\n",
        "news.csv": "text,entity\nBoeing recalls 300 aircraft,Boeing\n",
        "positions.csv": "desk,entity,value,currency,as_of\ntechnology,AAPL,5000000,EUR,2024-01-31\n",
        "prices.csv": "ticker,date,close\nAAPL,2024-01-30,188.04\nAAPL,2024-01-31,184.4\n",
        "company_tickers_exchange.json": json.dumps(
            {"fields": ["cik", "name", "ticker", "exchange"], "data": [[320193, "Apple Inc.", "AAPL", "Nasdaq"]]}
        ),
        "LSE.csv": "symbol,name,sector\nVOD,Vodafone Group,Communication Services\n",
        "feeds.yaml": "contact: you@your.org\nfeeds:\n  - {name: inbox, folder: inbox}\n",
    }
    for called, text in texts.items():
        (folder / called).write_text(text)
    (folder / "inbox").mkdir()
    (folder / "inbox" / "drop.jsonl").write_text((folder / "FILE").read_text())
    with gzip.open(folder / "headlines.csv.gz", "wt") as file:
        file.write(
            "text,label\nProfit rises by a third,positive\nProfit falls by a third,negative\nA meeting,neutral\n"
        )
    for called, rows in {
        "coverage.xlsx": [("Ticker", "Issuer", "Sector"), ("PFE", "Pfizer", "Health Care")],
        "spy.xlsx": [("Date", "Last"), ("2024-01-31", 482.88)],
    }.items():
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(folder / called)


def _is_json(line: str) -> bool:
    try:
        return bool(json.loads(line).get("published_at"))
    except (ValueError, AttributeError):
        return False


def run_here(page: Path) -> list[Command]:
    """What is not excused; a command that an earlier page has is run there."""
    seen = {_bare(command) for earlier in PAGES[: PAGES.index(page)] for command in commands(earlier)}
    return [command for command in commands(page) if not excuse(command.text) and _bare(command) not in seen]


def _bare(command: Command) -> tuple[str, ...]:
    """Without the comment behind it."""
    return tuple(shlex.split(command.text, comments=True))


@pytest.mark.parametrize("page", [page for page in PAGES if run_here(page)], ids=name)
def test_the_commands_of_a_page_work(reader: Reader, page: Path) -> None:
    failed = reader.run_all(run_here(page))
    assert not failed, "\n\n".join(failed)


def python(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python"]


@pytest.mark.parametrize("page", [page for page in PAGES if python(page)], ids=name)
def test_the_python_of_a_page_works(reader: Reader, page: Path) -> None:
    (reader.folder / "page.py").write_text("".join(block.text for block in python(page)))
    done = reader.run("export FINSENT_DATA=.finsent; .venv/bin/python page.py")
    assert done.returncode == 0, done


def test_every_block_says_what_it_is_and_no_excuse_is_idle() -> None:
    unknown = [
        (name(block.page), block.line) for page in PAGES for block in blocks(page) if block.language not in LANGUAGES
    ]
    assert not unknown, f"blocks that are not indented need a language: {', '.join(LANGUAGES)}"
    every = [command.text for page in PAGES for command in commands(page)]
    idle = [
        begin for begins in EXCUSED.values() for begin in begins if not any(text.startswith(begin) for text in every)
    ]
    assert not idle, "no page has these any more"
    assert sum(not excuse(text) for text in every) > 30


def test_the_service_ends(reader: Reader) -> None:
    done = reader.run(".venv/bin/finsent down --data .finsent")
    assert done.returncode == 0, done
    assert not (reader.folder / ".finsent" / "state.json").exists()
