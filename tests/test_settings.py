"""Every setting has one owner and a line in docs/settings.md, and all commands judge by the same watch list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import ConsoleSettings, PrivacySettings, data_directory, settings_page, watchlist_files
from settings.reference import all_variables
from tests.support.commands import assert_one_line_failure, finsent, within
from tests.support.rooms import ROOMS

ROOT = Path(__file__).parent.parent
VARIABLE = re.compile(r"(FINSENT|KAFKA|CLICKHOUSE|MODEL|STREAM|ALERT|CONSOLE|RETRAIN|FEEDS)_[A-Z0-9_]+")
OWNED = {one.name for group in all_variables().values() for one in group}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in ROOMS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def test_the_page_of_settings_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run 'python -m deploy.reference' and commit"


def test_every_setting_is_described() -> None:
    assert not [one.name for group in all_variables().values() for one in group if not one.meaning]
    assert len(OWNED) == sum(map(len, all_variables().values())), "a variable has two owners"


def test_every_variable_in_the_code_has_an_owner() -> None:
    unknown = [
        f"{path}:{node.lineno}: {node.value}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if VARIABLE.fullmatch(node.value) and node.value not in OWNED
    ]
    assert not unknown, unknown


def test_only_settings_read_finsents_variables() -> None:
    """Elsewhere ``os.environ`` is there to be handed to other processes."""

    def read(node: ast.AST) -> str:
        match node:
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                pass
            case ast.Compare(left=ast.Constant(value=str(name)), comparators=[owner]):
                pass
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[ast.Constant(value=str(name)), *_]):
                pass
            case ast.Call(func=ast.Attribute(attr="getenv") as owner, args=[ast.Constant(value=str(name)), *_]):
                pass
            case _:
                return ""
        reads = ast.unparse(owner) in ("os.environ", "environ", "os.getenv")
        return name if reads and VARIABLE.fullmatch(name) else ""

    found = [
        f"{path}:{node.lineno}: {name}"  # type: ignore[attr-defined]
        for path, tree in sources()
        if path.parts[0] != "settings"
        for node in ast.walk(tree)
        if (name := read(node))
    ]
    assert not found, found


def test_the_data_directory_and_the_watch_list_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FINSENT_DATA", "FINSENT_WATCHLIST"):
        monkeypatch.setenv(name, "")
    assert (data_directory(), watchlist_files()) == (Path.home() / ".local" / "share" / "finsent", [])
    for name in ("FINSENT_DATA", "FINSENT_WATCHLIST"):
        monkeypatch.setenv(name, "/there")
    assert data_directory() == Path("/there") and watchlist_files() == ["/there"]
    monkeypatch.setenv("FINSENT_WATCHLIST", "mine.yaml, markets")
    assert watchlist_files() == ["mine.yaml", "markets"]


def test_a_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FINSENT_PSEUDONYM_KEY", "CONSOLE_SECRET"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
        (tmp_path / name).write_text(f"{name:x<40}\n")
    console = ConsoleSettings().secret
    assert console and console.get_secret_value() == f"{'CONSOLE_SECRET':x<40}"
    assert PrivacySettings().pseudonym_key.get_secret_value() == f"{'FINSENT_PSEUDONYM_KEY':x<40}"
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", "k" * 32)
    assert PrivacySettings().pseudonym_key.get_secret_value() == "k" * 32, "what is given itself comes first"
    monkeypatch.delenv("FINSENT_PSEUDONYM_KEY")
    (tmp_path / "FINSENT_PSEUDONYM_KEY").write_text("short\n")
    with pytest.raises(ValueError, match="at least 32"):
        PrivacySettings()
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="pseudonym_key_file"):
        PrivacySettings()


def test_what_is_wrong_is_said_of_the_variable(environment: dict[str, str]) -> None:
    del environment["FINSENT_PSEUDONYM_KEY"]
    assert_one_line_failure(within("privacy", "export", "jane", **environment), "FINSENT_PSEUDONYM_KEY: Field required")
    done = within("privacy", "export", "jane", **environment, FINSENT_PSEUDONYM_KEY="short-secret")
    assert_one_line_failure(done, "FINSENT_PSEUDONYM_KEY: ")
    assert "short-secret" not in done.stderr
    failed = within("sql", "SELECT 1", **{**environment, "CLICKHOUSE_CONNECT_TIMEOUT_S": "soon"})
    assert_one_line_failure(failed, "CLICKHOUSE_CONNECT_TIMEOUT_S: ")
    failed = within("sql", "SELECT 1", **{**environment, "CLICKHOUSE_URL": "nowhere"})
    assert_one_line_failure(failed, "CLICKHOUSE_URL is not")
    found = within("doctor", "--json", **environment, STREAM_RECORD_CHARACTERS="many").stdout
    assert "STREAM_RECORD_CHARACTERS: " in found


@pytest.fixture
def environment(tmp_path: Path, clickhouse_url: str, shipped: Path) -> dict[str, str]:
    return {
        "CLICKHOUSE_URL": clickhouse_url,
        "FINSENT_DATA": str(tmp_path),
        "FINSENT_PSEUDONYM_KEY": "k" * 32,
        "MODEL_REGISTRY": str(shipped),
    }


COMMANDS = {
    "alerts check": ["alerts", "check", "RULES"],
    "alerts backtest": ["alerts", "backtest"],
    "alerts calibrate": ["alerts", "calibrate", "--rate", "0.05"],
    "storage grant": ["storage", "grant"],
    "topics": ["topics", "--entity", "AAPL"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_judges_by_the_watch_list_that_is_named(
    command: str, environment: dict[str, str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{name: all}]\n")
    arguments = [str(rules) if word == "RULES" else word for word in COMMANDS[command]]
    missing = str(tmp_path / "no-such-list.yaml")
    failed = within(*arguments, **environment, FINSENT_WATCHLIST=missing)
    assert_one_line_failure(failed, missing, "FINSENT_WATCHLIST names the file")


def test_doctor_worker_and_up_judge_by_the_watch_list_that_is_named(
    environment: dict[str, str], kafka_bootstrap: str, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("- {ticker: ACME, name: Acme, desk: mine, sector: Industrials}\n")
    assert f"1 company from {mine}" in within("doctor", "--json", **environment, FINSENT_WATCHLIST=str(mine)).stdout
    missing = str(tmp_path / "no-such-list.yaml")
    assert missing in within("doctor", "--json", **environment, FINSENT_WATCHLIST=missing).stdout
    failed = finsent("worker", **environment, KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap, FINSENT_WATCHLIST=missing)
    assert_one_line_failure(failed, missing)
    del environment["CLICKHOUSE_URL"]
    failed = finsent("up", "--data", tmp_path / "data", **environment, FINSENT_WATCHLIST=missing)
    assert_one_line_failure(failed, missing)


def test_a_rule_about_a_company_of_the_named_list_is_good(environment: dict[str, str], tmp_path: Path) -> None:
    mine, rules = tmp_path / "mine.yaml", tmp_path / "rules.yaml"
    mine.write_text("- {ticker: ACME, name: Acme, desk: mine, sector: Industrials}\n")
    rules.write_text("rules: [{name: acme, entities: [ACME]}]\n")
    assert_one_line_failure(within("alerts", "check", str(rules), **environment), "ACME")
    assert within("alerts", "check", str(rules), **environment, FINSENT_WATCHLIST=str(mine)).returncode == 0
