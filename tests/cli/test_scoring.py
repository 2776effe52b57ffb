"""``finsent score``, ``evaluate`` and ``explain`` with the model that ships."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import model
from tests.support.commands import assert_one_line_failure, within

GOOD, BAD = "Alder Foods raises its forecast after record profit", "Birch Bank warns of heavy losses"
PLAIN = "The company will publish its results on Thursday"
GREEK = "Τα κέρδη της εταιρείας αυξήθηκαν κατά 40 τοις εκατό"


@pytest.fixture(scope="module", autouse=True)
def registry(shipped: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_REGISTRY", str(shipped))
        yield shipped


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_files_of_every_kind_are_scored_alike_and_in_order(tmp_path: Path):
    rows = [
        {"id": "a", "text": GOOD, "entity": "Alder Foods"},
        {"id": "b", "text": GREEK},
        {"text": f"  <b>{BAD}</b>\n", "lang": "en"},
    ]
    with gzip.open(tmp_path / "x.csv.gz", "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "entity", "lang"])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = {}
    for name in ("x.csv.gz", "x.jsonl"):
        done = within("score", str(tmp_path / name), "--out", str(tmp_path / "out" / f"{name}.out"))
        assert done.returncode == 0 and done.stdout.startswith("2 rows scored") and "1 in a language" in done.stdout
        found[name] = read(tmp_path / "out" / f"{name}.out")
    assert found["x.csv.gz"] == found["x.jsonl"]
    good, greek, bad = found["x.jsonl"]
    assert (good["id"], good["entity"], good["label"]) == ("a", "Alder Foods", "positive")
    assert good["sentiment"] == pytest.approx(
        good["probabilities"]["positive"] - good["probabilities"]["negative"], abs=2e-4
    )
    assert greek["unsupported_language"] == "el" and "label" not in greek and greek["id"] == "b"
    assert bad["label"] == "negative" and "id" not in bad and "entity" not in bad
    odd = {"headline": 2024, "description": [GOOD, PLAIN], "entity": 5.0}
    (tmp_path / "odd.jsonl").write_text(json.dumps(odd) + "\n")
    assert within("score", str(tmp_path / "odd.jsonl"), "--out", str(tmp_path / "odd")).returncode == 0
    (row,) = read(tmp_path / "odd")
    assert (row["text"], row["entity"]) == (f"2024\n{GOOD}\n{PLAIN}", "5")
    (tmp_path / "x.txt").write_text(f"{BAD}\n\n{PLAIN}\n")
    assert within("score", str(tmp_path / "x.txt"), "--out", str(tmp_path / "t"), "--entity", "Birch Bank").stdout
    assert next((row["label"], row["entity"]) for row in read(tmp_path / "t")) == ("negative", "Birch Bank")
    assert [row["label"] for row in read(tmp_path / "t")][1] == "neutral"


def test_texts_are_scored_from_the_command_line(tmp_path: Path):
    (tmp_path / "x.txt").write_text(f"{BAD}\n")
    done = within("score", GOOD, GREEK, "--file", str(tmp_path / "x.txt"), "--json")
    good, greek, bad = map(json.loads, done.stdout.splitlines())
    assert (good["label"], greek["label"], bad["label"]) == ("positive", "unsupported_language", "negative")
    assert greek["sentiment"] is None and good["p_positive"] > 0.5 and bad["text"] == BAD
    assert GOOD in within("score", GOOD).stdout
    assert within("score").returncode == 2
    for empty in ("", " \n"):
        assert_one_line_failure(within("score", empty), "empty")
    assert "unsupported_language" in within("score", "<p></p>").stdout


def test_files_in_other_languages_are_scored_and_evaluated(tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_text(f"Datum;Titel;Volltext;Bewertung\n31.01.2024;{BAD};{BAD};negativ\n", encoding="utf-8")
    done = within("score", str(path), "--out", str(tmp_path / "out"))
    assert done.returncode == 0 and "not used: Datum, Bewertung" in done.stderr
    assert read(tmp_path / "out")[0]["text"] == f"{BAD}\n{BAD}"
    done = within("evaluate", str(path), "--json", "-")
    assert json.loads(done.stdout)["accuracy"] == 1 and "from column" in done.stderr
    # A score's sign is its label, whatever stands before its decimals.
    path.write_text(f"text;score\n{BAD};-0,75\n{GOOD};1,5\n", encoding="utf-8")
    done = within("evaluate", str(path), "--json", "-")
    assert json.loads(done.stdout)["accuracy"] == 1 and not done.stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", b"when\nProfit\n", "needs a column text"),
        ("x.jsonl", b'{"text": "a"}\n{"text"\n', "line 2: no JSON"),
        ("x.jsonl", b'{"text": "a", "entity": ["A", "B"]}\n', "line 1: 2 companies (column 'entity'): give each a"),
        ("x.jsonl", b'{"text": [{"p": "a"}]}\n', "line 1: text (column 'text') is a list or an object, and no text"),
        ("x.jsonl", b"[1]\n", "row 1: no JSON object"),
        ("x.txt", b"", "is empty"),
        ("x.txt", b"\xff\xfea\x00\xff", "not utf-16 throughout"),
        ("x.csv.gz", gzip.compress(b"text\nProfit\n" * 99, mtime=0)[:30], "breaks off or is damaged"),
    ],
)
def test_a_bad_file_is_told_in_one_line_and_leaves_nothing_behind(
    tmp_path: Path, name: str, content: bytes, words: str
):
    (tmp_path / name).write_bytes(content)
    done = within("score", str(tmp_path / name), "--out", str(tmp_path / "out"))
    assert_one_line_failure(done, words)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_an_evaluation_is_written_printed_and_drawn(tmp_path: Path, registry: Path):
    rows = [(GOOD, "positive", "Alder Foods"), (BAD, "negative", "Birch Bank"), (PLAIN, "neutral", "")] * 4
    with (tmp_path / "x.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "entity"), *rows, (GREEK, "positive", "")])
    done = within("evaluate", str(tmp_path / "x.csv"), "--json", str(tmp_path / "o" / "x.json"), "--noise", "--plots",
                  str(tmp_path / "p"))  # fmt: skip
    assert done.returncode == 0, done
    found = json.loads((tmp_path / "o" / "x.json").read_text())
    assert found["n"] == 12 and found["accuracy"] == found["macro_f1"] == found["sign_accuracy"] == 1
    assert found["intervals"]["macro_f1"] == [1, 1] and found["mixed"] == {"n": 0, "macro_f1": None}
    assert found["unsupported"] == {"n": 1, "languages": {"el": 1}, "lines": [14]}
    assert {"ece", "per_class", "by_source", "confusion", "calibration", "noise"} <= set(found)
    for words in ("12 rows of x.csv", "macro-F1", "ECE", "typos", "negation", "1 in languages"):
        assert words in done.stdout
    for name in ("reliability.png", "confusion.png"):
        assert (tmp_path / "p" / name).read_bytes().startswith(b"\x89PNG")
    version = model.champion_name(registry)
    for wanted in (version, version[:-3], str(registry / version)):
        done = within("evaluate", str(tmp_path / "x.csv"), "--json", "-", "--model", wanted, "--limit", "5")
        assert json.loads(done.stdout)["model_version"] == version and json.loads(done.stdout)["rows"] == 5
        assert json.loads(done.stdout)["stage_share"] == {"encoder": 1.0}
    assert_one_line_failure(within("evaluate", str(tmp_path / "x.csv"), "--model", "nothing"), "nothing")
    assert_one_line_failure(within("score", "x", "--model", str(tmp_path)), "it has no manifest.json")


def test_a_file_that_cannot_be_evaluated_is_told_in_one_line(tmp_path: Path):
    (tmp_path / "x.csv").write_text("text,label\nShares rise,positive\nShares fall,gloomy\n")
    assert_one_line_failure(within("evaluate", str(tmp_path / "x.csv")), "row 3", "gloomy")
    (tmp_path / "x.csv").write_text(f"text,label\n{GREEK},positive\n")
    assert_one_line_failure(within("evaluate", str(tmp_path / "x.csv")), "none of 1 row is", "el")
    assert within("evaluate", str(tmp_path / "none.csv")).returncode == 2


def test_the_words_that_decide_are_shown(tmp_path: Path):
    for method in ("occlusion", "shap"):
        found = json.loads(within("explain", BAD, "--entity", "Birch Bank", "--json", "--method", method).stdout)
        assert min(found["words"], key=lambda word: word["weight"])["text"] in ("warns", "heavy", "losses")
        assert found["label"] == "negative" and found["method"] == method and found["entity"] == "Birch Bank"
    done = within("explain", "[red]Profit[/red] jumps by half", "--html", str(tmp_path / "h" / "x.html"))
    assert "[red]Profit[/red] jumps by half" in done.stdout and done.stdout.startswith("positive: +0.")
    assert "jumps" in (tmp_path / "h" / "x.html").read_text()
    assert_one_line_failure(within("explain", GREEK), "el")
    assert_one_line_failure(within("explain", " "), "no text")
    assert within("explain", BAD, "--method", "magic").returncode == 2
