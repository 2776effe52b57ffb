"""``finsent privacy``: what is held about a person, and its erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows
from cli.shared.service import user_name

if TYPE_CHECKING:
    from clickhouse_driver import Client

    from storage import Person

group = typer.Typer(help="Export or erase what is held about a person.", no_args_is_help=True)

Author = Annotated[
    str, typer.Argument(metavar="AUTHOR", help="The author's id as the feed gives it, or a pseudonym of 32 digits.")
]


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="privacy")


@group.command("export")
def export_person(author: Author) -> None:
    """Print all that is held about a person, as JSON lines: documents, labels, what they opened and saved on
    the console, bad records, evidence of alerts.

    Needs the FINSENT_PSEUDONYM_KEY of the workers.

    `finsent privacy export jane_doe > jane.jsonl`
    """
    from storage import held_about

    client, person = _found(author)
    print_rows(["held", "row"], held_about(client, person), Format.jsonl)


@group.command("erase")
def erase(
    author: Author,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Empty the texts, ids and author of all that a person sent, their bad records and what alerts show of it, and take
    their name off the labels that they gave; delete what they opened and saved on the console. Scores stay, and so do
    positions: every record is still accounted for.

    Prints how many rows were held before and after, and writes that to the audit log. Exit code 1 if one is left.
    Not reached: topics in Kafka (let their retention expire, or see your broker's tools), backups, receivers of alerts,
    versions of the model that learned from a text, and what a server with retention of authors can no longer assign.
    Records that come later are stored again.

    `finsent privacy erase jane_doe`
    """
    from storage import counts_about, erase_person
    from storage.writes import record_action

    client, person = _found(author)
    before = counts_about(client, person)
    if not yes and any(before.values()):
        echo(", ".join(f"{what}: {count}" for what, count in before.items()), err=True)
        typer.confirm("Erase this for good?", abort=True, err=True)
    erase_person(client, person)
    after = counts_about(client, person)
    print_rows(["held", "before", "after"], [(what, before[what], after[what]) for what in before], Format.table)
    proof = ", ".join(f"{what}: {before[what]} before, {after[what]} after" for what in before)
    subject = person.pseudonymiser.author("erased", author)  # the log stays, so not even a pseudonym is in it
    record_action(client, user_name(), "erased a person", subject, proof, via="command line")
    if any(after.values()):
        fail("something is left; workers may have stored more meanwhile: run it again")


def _found(author: str) -> tuple[Client, Person]:
    from documents import Pseudonymiser
    from settings import PrivacySettings
    from storage import connect, find_person

    pseudonymiser = Pseudonymiser(PrivacySettings().pseudonym_key.get_secret_value())
    client = connect()
    return client, find_person(client, author, pseudonymiser)
