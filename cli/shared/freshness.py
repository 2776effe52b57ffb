"""What commands say when all documents are old: an answer about the present is then empty, or not what was meant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.output import cell, echo

if TYPE_CHECKING:
    from clickhouse_driver import Client

OLD = timedelta(days=1)

AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="As it was then, by the documents published until then."),
]


def tell_age(client: Client, offer: Callable[[datetime], str], since: datetime | None = None) -> None:
    """Say in one line on stderr that the newest document is older than ``since``, by default a day, and what ``offer``
    makes of its moment. Nothing is said to readers who may see only the views."""
    from clickhouse_driver.errors import ServerException

    from storage.reads import newest_document

    now = datetime.now(UTC)
    try:
        newest = newest_document(client)
    except ServerException:
        return
    if newest is None or newest >= (since or now - OLD):
        return
    moment = newest.replace(microsecond=0) + timedelta(seconds=1)
    days = (now - newest).days
    echo(f"the newest document is of {cell(newest)}{f', {days:,} days ago' if days else ''}: {offer(moment)}", err=True)


def ask_as_of(moment: datetime) -> str:
    """The offer of commands that have the option ``AsOf``."""
    return f"this is the answer of now; '--as-of {cell(moment)}' asks as of then"
