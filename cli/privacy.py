"""``finsent privacy``: what is held about a person, and its erasure."""

from __future__ import annotations

import json
from math import ceil
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.failures import fail
from cli.shared.output import Format, cell, echo, print_rows
from cli.shared.service import user_name
from errors import ExitCode, FinsentError, many

if TYPE_CHECKING:
    from clickhouse_driver import Client

    from storage import Person, Sent
    from stream.kafka import HeldRecords

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
    topics: Annotated[
        bool, typer.Option("--topics/--no-topics", help="Look for the person's records in Kafka, too.")
    ] = True,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Empty the texts, ids and author of all that a person sent, their bad records and what alerts show of it, and take
    their name off the labels that they gave; delete what they opened and saved on the console. Scores stay, and so do
    positions: every record is still accounted for. Texts that a retraining which did not end has kept in this
    machine's RETRAIN_FOLDER are deleted, those of all people.

    All records in Kafka's topics are read. Where a topic is compacted (cleanup.policy), a tombstone is sent for each of
    the person's keys. No other record can be deleted alone: kafka-delete-records.sh would delete all that came before,
    too. So the records that are left are printed, with the time by which the broker has deleted them.

    Prints how many rows were held before and after, and writes that to the audit log. Exit code 1 if one is left, or a
    topic takes no tombstone; 75 if Kafka could not be asked, and all else is erased: the same command does the rest
    when Kafka is back, and the records that are stored are printed now.

    Not reached: backups, receivers of alerts, versions of the model that learned from a text, and what a server with
    retention of authors can no longer assign. Records that come later are stored again.

    `finsent privacy erase jane_doe`
    """
    from storage import counts_about, erase_person, minutes_on_disk, sent_by
    from storage.writes import record_action

    client, person = _found(author)
    before = counts_about(client, person)
    if not yes and (topics or any(before.values())):
        echo(", ".join(f"{what}: {count}" for what, count in before.items()), err=True)
        typer.confirm("Erase this for good?", abort=True, err=True)
    # Kafka first: once the rows are emptied, nobody knows any more which records were the person's.
    in_kafka, away = _in_topics(person, sent_by(client, person), topics)
    erase_person(client, person)
    after = counts_about(client, person)
    minutes, runs = minutes_on_disk(client), _training_texts()
    proof = ", ".join(f"{what}: {before[what]} before, {after[what]} after" for what in before)
    proof += "".join(f", {one.topic}/{one.partition} in Kafka: {len(one.offsets)}" for one in in_kafka)
    subject = person.pseudonymiser.author("erased", author)  # the log stays, so not even a pseudonym is in it
    record_action(client, user_name(), "erased a person", subject, proof, via="command line")
    if json_out:
        _print_json(before, after, in_kafka, away, minutes, runs)
    else:
        _print(before, after, in_kafka, minutes, runs)
    if any(after.values()):
        fail("something is left; workers may have stored more meanwhile: run it again")
    if refused := [one for one in in_kafka if one.refused]:
        fail(f"{refused[0].topic} takes no tombstone: {refused[0].refused}")
    if away:
        raise KafkaNotAsked(f"Kafka could not be asked: {away}")


class KafkaNotAsked(FinsentError):
    """All is erased but what Kafka may hold."""

    exit_code = ExitCode.TEMPFAIL
    remedy = "all else is erased; run it again when Kafka is back"


def _in_topics(person: Person, sent: Sent, wanted: bool) -> tuple[list[HeldRecords], str]:
    """What Kafka holds of the person after tombstones were sent, and why Kafka could not be asked, or ''."""
    from settings import KafkaSettings
    from stream.kafka import erase_from_topics, known_records

    if not wanted:
        return known_records(sent, "not asked"), ""
    try:
        return erase_from_topics(KafkaSettings(), sent, person.sent, lambda line: echo(line, err=True)), ""
    except Exception as error:  # of whatever kind: the rest is to be erased all the same
        return known_records(sent, "not known"), str(error) or type(error).__name__


def _training_texts() -> str:
    """What became of the texts that retraining keeps on this machine, in words."""
    from retrain import Busy, forget_texts
    from settings import RetrainSettings

    try:
        runs = forget_texts(RetrainSettings())
    except Busy:
        return "a retraining is under way: its texts are deleted when it ends"
    return f"the texts of {many(runs, 'retraining')} without an end are deleted" if runs else ""


def _print(
    before: dict[str, int], after: dict[str, int], in_kafka: list[HeldRecords], minutes: float, runs: str
) -> None:
    print_rows(["held", "before", "after"], [(what, before[what], after[what]) for what in before], Format.table)
    if in_kafka:
        cells = [
            (one.topic, one.partition, len(one.offsets), _told(one.offsets), one.tombstones, one.until or one.why)
            for one in in_kafka
        ]
        print_rows(["still in Kafka", "partition", "records", "offsets", "tombstones", "until"], cells, Format.table)
    if any(before.values()):
        echo(
            f"ClickHouse deletes the files that it has replaced in about {many(ceil(minutes) + 1, 'minute')}", err=True
        )
    if runs:
        echo(runs, err=True)


def _print_json(
    before: dict[str, int], after: dict[str, int], in_kafka: list[HeldRecords], away: str, minutes: float, runs: str
) -> None:
    """The names of the fields are part of the interface."""
    rows = [{"held": what, "before": before[what], "after": after[what]} for what in before]
    kafka = [
        {
            "topic": one.topic,
            "partition": one.partition,
            "offsets": one.offsets,
            "cleanup_policy": one.policy,
            "until": one.until,
            "why": one.why,
            "tombstones": one.tombstones,
            "refused": one.refused,
        }
        for one in in_kafka
    ]
    found = {"rows": rows, "kafka": kafka, "kafka_error": away, "minutes_on_disk": minutes, "retraining": runs}
    echo(json.dumps(found, indent=1, default=cell))


def _told(offsets: list[int]) -> str:
    """``3-5 9``."""
    from storage import ranges

    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges(offsets))


def _found(author: str) -> tuple[Client, Person]:
    from documents import Pseudonymiser
    from settings import PrivacySettings
    from storage import connect, find_person

    pseudonymiser = Pseudonymiser(PrivacySettings().pseudonym_key.get_secret_value())
    client = connect()
    return client, find_person(client, author, pseudonymiser)
