"""What all commands share: how rows, progress and failures are shown, and which service is spoken to."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum, auto
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from errors import ExitCode, FinsentError
from settings import data_directory, given, tracebacks_wanted


class Format(StrEnum):
    """How rows are printed."""

    table = auto()
    csv = auto()
    json = auto()
    jsonl = auto()


class KafkaUnavailable(FinsentError):
    """No broker listens at the configured addresses; the sentence says what to do."""


class Commands(TyperGroup):
    """Shows expected failures in one line on stderr and ends with their exit code; bugs keep their traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader of our output has seen enough; click ends without a word
            raise
        except Exception as error:
            if tracebacks_wanted() or (sentence := _sentence(error)) is None:
                raise
            typer.echo(f"finsent: {mask(sentence)}", err=True)
            raise typer.Exit(error.exit_code if isinstance(error, FinsentError) else ExitCode.FAILED) from error


def _sentence(error: Exception) -> str | None:
    """Cause and remedy of an expected failure, or None for a bug.

    The errors of libraries are recognised by name: importing the libraries would slow every command down.
    """
    names = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    cause = " ".join(str(error).split("Stack trace")[0].split()) or type(error).__name__
    if isinstance(error, FinsentError):
        return f"{cause}; {error.remedy}" if error.remedy else cause
    if "kafka.KafkaError" in names:
        return f"Kafka at {_kafka()}: {cause}; see 'finsent doctor'"
    if "clickhouse_driver.Error" in names:
        # "Code: 62. DB::Exception: default: Syntax error ... " -> what a person needs of it
        return f"ClickHouse: {re.sub(r'^Code: [0-9]+[.] (DB::Exception: )?', '', cause).rstrip('. ')}"
    if "pydantic_core.ValidationError" in names:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]  # type: ignore[attr-defined]
        return f"settings ({error.title}): {'; '.join(faults)}; see 'finsent doctor'"  # type: ignore[attr-defined]
    if isinstance(error, OSError):
        return cause
    return None


def mask(text: str) -> str:
    """``text`` without the passwords of the URLs in it."""
    return re.sub(r"(\w+://[^:/@\s]*):[^@\s]+@", r"\1:***@", text)


def _kafka() -> str:
    from settings import KafkaSettings

    return KafkaSettings().bootstrap_servers


def kafka_answering() -> str:
    """The configured bootstrap servers; fails at once, not after a client's time-out, if none listens."""
    bootstrap, errors = _kafka(), []
    for server in bootstrap.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return bootstrap
        except (OSError, ValueError) as error:
            errors.append(f"{server}: {error}")
    raise KafkaUnavailable(
        f"no Kafka broker listens ({'; '.join(errors)}); set KAFKA_BOOTSTRAP_SERVERS, or start the service "
        "with 'finsent up'"
    )


_taken_over: set[str] = set()


def use_running_service() -> None:
    """With no cluster named, commands speak to the service that runs on the data directory, if one does."""
    if given("KAFKA_BOOTSTRAP_SERVERS") or given("CLICKHOUSE_URL"):
        return
    state = data_directory() / "state.json"
    if state.exists():
        from deploy.local import NotRunning, environment_of

        with suppress(NotRunning):
            found = environment_of(data_directory())
            _taken_over.update(found.keys() - os.environ.keys())
            for name in _taken_over:  # what the caller set stays
                os.environ[name] = found[name]


def user_name() -> str:
    """The account that runs the command, for the audit log. Fails where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise FinsentError("this account has no name; set LOGNAME to say who it is") from error


def parse_time(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time; one is '2024-01-31T12:00:00Z', or 'now'") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def progress_bar(title: str) -> Iterator[Any]:
    """A progress bar on stderr; yields ``show(records, share)``."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0, records=0)
        yield lambda records, share: bar.update(task, completed=share, records=records)


def print_rows(columns: list[str], rows: Iterable[Sequence[Any]], form: Format) -> None:
    """Print rows as they come, in the format asked for; a table is printed whole."""
    if form is Format.table:
        from rich.console import Console
        from rich.table import Table

        console = Console()
        if not console.is_terminal:
            console.width = 10_000  # a pipe has no width to fit into
        table = Table(*columns, highlight=True)
        for row in rows:
            table.add_row(*(cell(value) for value in row))
        console.print(table, markup=False)
    elif form is Format.csv:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(value) for value in row] for row in rows)
    else:
        import msgspec

        encoder = msgspec.json.Encoder(enc_hook=str)
        lines = (encoder.encode(dict(zip(columns, map(_plain, row), strict=True))).decode() for row in rows)
        if form is Format.jsonl:
            for line in lines:
                sys.stdout.write(line + "\n")
        else:
            sys.stdout.write("[")
            for n, line in enumerate(lines):
                sys.stdout.write(f"{',' if n else ''}\n{line}")
            sys.stdout.write("\n]\n")


def _plain(value: Any) -> Any:
    """``value`` as msgspec should encode it: text that is no UTF-8 escaped, keys of maps as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {cell(key): _plain(item) for key, item in value.items()}
    return value


def cell(value: Any) -> str:
    """``value`` as one cell: like ClickHouse's own CSV, but times in RFC 3339."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple | dict):
        import msgspec

        return msgspec.json.encode(_plain(value), enc_hook=str).decode()
    return str(value)


Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data directory; default FINSENT_DATA or ~/.local/share.")
]


def own_environment() -> None:
    """Forget the settings taken over from a service that runs on another data directory."""
    for name in _taken_over:
        os.environ.pop(name, None)


def fail(sentence: str) -> NoReturn:
    """End the command with one line on stderr and exit code 1."""
    raise FinsentError(sentence)
