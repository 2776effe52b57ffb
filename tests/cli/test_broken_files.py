"""No command ends in a traceback: each that takes a file is given every file of a corpus of broken ones."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from alerts.events import load_source_weights
from console.people import load as read_users
from documents import load_watchlist
from errors import FinsentError
from feeds import StateFile
from finsent import app
from model.registry import sign
from model.registry.signatures import trusted_keys
from settings import ModelSettings
from storage.access import passwords

CORPUS = {
    "empty": b"",
    "blank": b" \n\n",
    "bytes": bytes(range(256)) * 4,
    "utf16-half": b"\xff\xfea\x00\xff",
    "latin": "title,text,label,entity\ncaf\xe9,caf\xe9,positive,x\n".encode("latin-1"),
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "pdf": b"%PDF-1.7",
    "html": b"<!doctype html><html><body>403</body></html>",
    "zip": b"PK\x03\x04\x00\x00",
    "excel": b"PK\x03\x04 [Content_Types].xml xl/",
    "parquet": b"PAR1PAR1",
    "old excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
    "binary excel": b"PK\x03\x04 [Content_Types].xml xl/workbook.bin",
    "opendocument": b"PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
    "arrow": b"ARROW1 no more",
    "wide": b"date,text,AAPL,MSFT\n2024-01-31,a,x,\n",
    "gzip-cut": gzip.compress(b'{"id": "1"}\n' * 1000, mtime=0)[:40],
    "gzip-false": b"\x1f\x8bnot gzip at all",
    "json-cut": b'{"a": [{"title": "x"',
    "json-deep": b"[" * 20_000,
    "json-number": b"17",
    "json-null": b"null",
    "json-list": b"[1, 2, null]",
    "json-lines": b'{"title": 5, "text": [1], "label": {}, "entity": 3}\n[]\nnull\n"x"\n',
    "json-surrogate": b'{"text": "\\ud800", "title": "\\ud800", "label": "positive", "entity": "\\udfff"}\n',
    "frame": b'\x00\x00\x00\x00\x07{"text": "x"}',
    "csv-header": b"text,label,title,entity\n",
    "csv-quote": b'text,label\n"a,b\n' + b"x" * 5_000_000,
    "csv-wide": b"text,label,entity\na,b,c,d,e\n",
    "csv-nul": b"text,label,entity\na\x00b,positive,x\n",
    "yaml": b"a: [1\n",
    "yaml-alias": b"a: &a [*a]\n",
    "yaml-list": b"- 1\n- {ticker: 5}\n",
    "yaml-bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
}
"""File by name: what downloads, spreadsheets and typing errors leave behind."""

COMMANDS = {
    "produce news": ("produce", "FILE", "--topic", "news"),
    "produce": ("produce", "FILE"),
    "produce as is": ("produce", "FILE", "--topic", "news", "--as-is"),
    "produce labels": ("produce", "FILE", "--topic", "labels", "--undated", "now"),
    "label": ("label", "import", "FILE", "--annotator", "anna"),
    "score": ("score", "FILE", "--out", "OUT"),
    "events": ("events", "FILE"),
    "evaluate": ("evaluate", "FILE"),
    "rules": ("alerts", "check", "FILE"),
    "backtest": ("alerts", "backtest", "--rules", "FILE"),
    "events of a backtest": ("alerts", "backtest", "--events", "FILE"),
    "events of a calibration": ("alerts", "calibrate", "--rate", "0.1", "--events", "FILE"),
    "positions": ("positions", "import", "FILE"),
    "prices": ("prices", "import", "FILE"),
    "watch list": ("watchlist", "import", "FILE", "--out", "OUT"),
    "watch list check": ("watchlist", "check", "FILE"),
    "import": ("model", "import", "FILE"),
    "compare": ("model", "compare", "nothing", "--file", "FILE"),
    "feeds": ("feeds", "check", "FILE"),
    "feeds run": ("feeds", "run", "FILE", "--once", "--state", "OUT"),
    "users": ("console", "add-user", "FILE", "anna", "--role", "annotator", "--password-stdin"),
}


SCORING = ("score", "evaluate")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, data in CORPUS.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_ends_in_a_traceback(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, command: str
) -> None:
    if command in SCORING:
        monkeypatch.setenv("MODEL_REGISTRY", str(request.getfixturevalue("shipped")))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("CLICKHOUSE_URL", "clickhouse://127.0.0.1:1/default")
    worked = 0
    for name in CORPUS:
        places = {"FILE": str(corpus / name), "OUT": str(tmp_path / "out")}
        done = CliRunner().invoke(
            app, [places.get(word, word) for word in COMMANDS[command]], input="a long password\n"
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), f"{name}: {done.exception!r}"
        assert "Traceback" not in done.output, name
        assert done.exit_code in (0, 1, 2, 78), name
        assert done.exit_code == 0 or done.stderr.strip(), f"{name}: it ends without a word"
        worked += done.exit_code == 0
    assert worked < len(CORPUS)


def settings_of_a_run(path: Path) -> object:
    from cli.shared.retraining import settings_of

    return settings_of(path)


def classifier(path: Path) -> object:
    from model.encoder.importing import read_classifier

    folder = path.parent / f"{path.name}-model"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_bytes(path.read_bytes())
    return read_classifier(folder)


def passwords_of_readers(path: Path) -> object:
    return passwords(path, [])


def signing_key(path: Path) -> object:
    return sign("nowhere", "none", ModelSettings(signing_key_file=path))


def public_keys(path: Path) -> object:
    return trusted_keys(ModelSettings(trusted_keys_file=path))


@pytest.mark.parametrize(
    "load",
    [load_watchlist, load_source_weights, read_users, settings_of_a_run, classifier, StateFile, passwords_of_readers,
     signing_key, public_keys],
)  # fmt: skip
def test_files_that_settings_name_are_refused_in_a_sentence(corpus: Path, load: Callable[[Path], object]) -> None:
    refused = 0
    for name in CORPUS:
        try:
            load(corpus / name)
        except (FinsentError, typer.BadParameter) as error:
            refused += 1
            assert str(error), name
    assert refused > len(CORPUS) // 2
