import csv
import io
import re
from pathlib import Path

import pytest

from cli.shared.output import Format, echo, print_rows
from errors import many, with_article

ROOT = Path(__file__).parent.parent.parent
CLI = ROOT / "cli"
HOSTILE = "\x1b]0;owned\x07 \u202egnp.exe"


@pytest.mark.parametrize("form", list(Format))
def test_what_a_feed_sends_cannot_steer_the_terminal(form: Format, capsys: pytest.CaptureFixture[str]):
    print_rows(["a"], [[HOSTILE], [[HOSTILE]], [HOSTILE.encode()]], form)
    echo(HOSTILE)
    echo(HOSTILE, err=True)
    out, err = capsys.readouterr()
    for c in "\x1b\x07\u202e":
        assert c not in out + err
    assert "owned" in out and "owned" in err


def test_cells_of_csv_begin_no_formula(capsys: pytest.CaptureFixture[str]):
    texts = ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\r=1", "\t=1", "＝1+1", "－1+1"]
    print_rows(["text", "number"], [[text, -0.5] for text in texts], Format.csv)
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:]
    assert all(row[0].startswith("'") and row[1] == "-0.5" for row in rows) and len(rows) == len(texts)


def test_commands_print_in_one_place():
    """A command that prints by itself would let escape sequences through."""
    own = ("typer.echo(", "click.echo(", " print(")
    sources = {path: path.read_text(encoding="utf-8") for path in CLI.rglob("*.py") if path.name != "output.py"}
    assert [str(path) for path, source in sources.items() if any(one in source for one in own)] == []


def test_nouns_and_verbs_go_with_their_counts():
    assert [many(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert [many(2, what) for what in ("company", "day", "index", "loss")] == [
        "2 companies",
        "2 days",
        "2 indexes",
        "2 losses",
    ]
    assert (many(1, "worker", "is"), many(2, "worker", "is")) == ("1 worker is", "2 workers are")
    assert [with_article(what) for what in ("company", "index", "central bank")] == [
        "a company",
        "an index",
        "a central bank",
    ]


def test_no_sentence_counts_one_rows():
    """A count in a sentence goes through ``many``: of lists, which may have one member."""
    counted = re.compile(r"\{len\([^{}]*\)[^{}]*\} (?!as\b|is\b|was\b|has\b)\w+s\b")
    sources = [
        path for room in ("alerts", "cli", "console", "documents", "feeds") for path in (ROOT / room).rglob("*.py")
    ]
    found = [f"{path.relative_to(ROOT)}: {one}" for path in sources for one in counted.findall(path.read_text("utf-8"))]
    assert found == []
