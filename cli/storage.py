"""``finsent storage``: the data dictionary, and who may read what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows
from errors import many
from settings import data_directory

if TYPE_CHECKING:
    from clickhouse_driver import Client

    from storage.access import Person

group = typer.Typer(no_args_is_help=True, help="What is in ClickHouse, what it means, and who may read it.")
DICTIONARY = Path(__file__).parent.parent / "docs" / "dictionary.md"


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="storage")


@group.command()
def dictionary(
    check: Annotated[
        bool, typer.Option(help="Exit 1 if a column has no meaning, or docs/dictionary.md is out of date.")
    ] = False,
) -> None:
    """Print the data dictionary, as Markdown: every column of every view, its type, its unit, and what it means.

    Types come from the schema of the running service, meanings from `storage/dictionary.yaml`.

    `finsent storage dictionary > docs/dictionary.md`

    `finsent storage dictionary --check` (in CI)
    """
    from storage import connect, dictionary_faults, dictionary_page, public_views

    found = public_views(connect())
    if not check:
        echo(dictionary_page(found), nl=False)
        return
    if wrong := dictionary_faults(found):
        fail(f"{'; '.join(wrong)}: mend storage/dictionary.yaml")
    if not DICTIONARY.exists() or DICTIONARY.read_text(encoding="utf-8") != dictionary_page(found):
        fail(f"{DICTIONARY} is not what the schema says; run 'python -m deploy.reference' and commit")


@group.command("migrate")
def bring_up_to_date() -> None:
    """Make the tables and views that are missing, and set what expires, as the settings say.

    Workers do this at their start. Run it before an upgrade, so that it is done once and its failure stops the upgrade.

    `CLICKHOUSE_URL=clickhouse://admin@db:9000/finsent CLICKHOUSE_PASSWORD_FILE=admin.txt finsent storage migrate`
    """
    from settings import ClickHouseSettings
    from storage import check_one_server, connect, migrate, set_durability, set_retention

    settings = ClickHouseSettings()
    with connect(settings) as client:
        check_one_server(client, settings)
        done = migrate(client)
        set_durability(client, settings.fsync)
        set_retention(client, settings)
    echo(f"{many(len(done), 'migration')} applied: {done[0]} to {done[-1]}" if done else "everything is up to date")


@group.command()
def grant(
    check: Annotated[
        bool,
        typer.Option(help="Log in as each user, try what must work and what must fail, and exit 1 on a difference."),
    ] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file of the passwords; default: in the data directory."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print the table.")] = Format.table,
) -> None:
    """Make the roles and users of ClickHouse: writer, risk_reader, annotator, auditor, and one reader for each desk.

    People read the public views alone, read-only, with limits of time, memory and rows, and a quota a minute; a desk's
    reader sees the rows about the desk's companies. Passwords are made once and kept in a file that only you may read.
    The embedded ClickHouse has these users from its start, for the HTTP port. Accounts that others made are never taken
    over; CLICKHOUSE_ACCOUNT_PREFIX gives these names of their own.

    `CLICKHOUSE_URL=clickhouses://admin@db:9440/finsent CLICKHOUSE_PASSWORD_FILE=admin.txt finsent storage grant`

    `finsent storage grant --check`
    """
    from documents import load_watchlist
    from settings import ClickHouseSettings
    from storage import access, comment_views, connect, public_views

    entities = load_watchlist().entities
    prefix = ClickHouseSettings().account_prefix
    everybody = access.people([one.desk for one in entities if one.desk], prefix)
    path = passwords or data_directory() / access.PASSWORDS_FILE
    client = connect()
    if check:
        if not path.exists():
            fail(f"there is no {path}; run 'finsent storage grant', or name the file with --passwords")
        _check(client, everybody, access.passwords(path, everybody), form)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    known = access.passwords(path, everybody)
    try:
        count = access.grant(client, everybody, known, prefix)
        echo(f"{many(count, 'statement')}; passwords in {path}", err=True)
    except access.FixedUsers as error:
        echo(f"finsent: {error}: 'finsent up' wrote it, and the passwords to {path}", err=True)
    comment_views(client, public_views(client))
    print_rows(["user", "may read", "and"], [[p.user, p.what, "write" if p.writes else ""] for p in everybody], form)


Place = Annotated[str, typer.Argument(metavar="PLACE", help="A name, File('path'), Disk('disk', 'path'), S3(...).")]


@group.command()
def backup(place: Place) -> None:
    """Copy all tables and views, while workers go on. ClickHouse itself writes the copy.

    A name alone is a file in the folder that the server allows for backups (`backups.allowed_path`; the embedded
    ClickHouse has `clickhouse/backups` in the data directory). For S3, a named collection of the server holds the keys.

    `finsent storage backup monday`

    `finsent storage backup "S3(backups, 'finsent/monday')"`
    """
    from storage import back_up, connect, place_of

    where = place_of(place)
    echo(f"{back_up(connect(), where)} tables and views are in {where}")


@group.command()
def restore(
    place: Place,
    database: Annotated[
        str, typer.Option(metavar="NAME", help="The database that was copied, if this one has another name.")
    ] = "",
) -> None:
    """Put a copy back into an empty database. Workers may wait for it: they go on where the copy ends, and read again
    from Kafka what came since, as far as Kafka has it.

    `CLICKHOUSE_URL=clickhouse://finsent@new-server:9000/finsent finsent storage restore monday`
    """
    from storage import connect, place_of
    from storage import restore as put_back

    where = place_of(place)
    echo(f"{put_back(connect(), where, database)} tables and views are restored from {where}")


def _check(client: Client, everybody: Sequence[Person], known: Mapping[str, str], form: Format) -> None:
    from settings import ClickHouseSettings
    from storage.access import check_access

    url = ClickHouseSettings().http_url
    if not url:
        fail("set CLICKHOUSE_HTTP_URL, for instance http://db:8123: people log in there")
    tried = list(check_access(client, url, everybody, known))
    rows = [
        [
            one.user,
            one.what,
            "works" if one.allowed else "fails",
            "SURPRISE" if one.surprise else "ok",
            one.refusal[:120],
        ]
        for one in tried
    ]
    print_rows(["user", "tries to", "must", "", "refusal"], rows, form)
    if surprises := sum(one.surprise for one in tried):
        fail(f"{surprises} of {len(tried)} are not as they must be; run 'finsent storage grant' again")
