"""How expected failures end a command: one line on stderr, and an exit code."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from cli.shared.output import echo
from errors import ExitCode, FinsentError
from settings import tracebacks_wanted


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
            echo(f"finsent: {mask(sentence)}", err=True)
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
        from settings import KafkaSettings

        needed = "'finsent doctor --acls' prints what must be allowed"
        remedy = needed if "kafka.AuthorizationError" in names else "see 'finsent doctor'"
        return f"Kafka at {KafkaSettings().bootstrap_servers}: {cause}; {remedy}"
    if "clickhouse_driver.Error" in names:
        # "Code: 62. DB::Exception: default: Syntax error ... " -> what a person needs of it
        return f"ClickHouse: {re.sub(r'^Code: [0-9]+[.] (DB::Exception: )?', '', cause).rstrip('. ')}"
    if "pydantic_core.ValidationError" in names:
        from settings import faults

        return f"settings: {'; '.join(faults(error))}; see 'finsent doctor'"  # type: ignore[arg-type]
    if isinstance(error, OSError):
        return cause
    return None


def mask(text: str) -> str:
    """``text`` without the passwords of the URLs in it."""
    return re.sub(r"(\w+://[^:/@\s]*):[^@\s]+@", r"\1:***@", text)


def fail(sentence: str) -> NoReturn:
    """End the command with one line on stderr and exit code 1."""
    raise FinsentError(sentence)
