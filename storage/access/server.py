"""Users, roles and row policies of a ClickHouse server, as SQL statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clickhouse_driver import Client

from errors import FinsentError
from storage.access.passwords import hashed
from storage.access.people import (
    MOST_SECONDS,
    QUERIES_A_MINUTE,
    SECONDS_A_MINUTE,
    SETTINGS,
    Person,
    quoted,
    rights,
    rights_over_servers,
    row_filter,
    withheld,
)
from storage.dictionary import public
from storage.shards import OVER_SHARDS


class FixedUsers(FinsentError, RuntimeError):
    """This ClickHouse takes its users from a file, as the embedded one does."""


class TakenNames(FinsentError, RuntimeError):
    """The server has accounts of these names that finsent did not make."""

    remedy = "rename or drop them, or set CLICKHOUSE_ACCOUNT_PREFIX, so that finsent's have names of their own"


def grant(client: Client, everybody: Sequence[Person], known: Mapping[str, str], prefix: str = "") -> int:
    """Give a server the declared users. Returns the number of statements. ``prefix`` begins all their names.

    Raises ``FixedUsers``, and ``TakenNames`` rather than taking an account over.
    """
    if client.execute("SELECT DISTINCT type FROM system.user_directories") == [("users_xml",)]:
        raise FixedUsers("this ClickHouse takes its users from a file")
    if strangers := taken(client, everybody):
        raise TakenNames(f"there are other people's accounts of these names: {', '.join(strangers)}")
    database = client.execute("SELECT currentDatabase()")[0][0]
    spread = getattr(client, "cluster", ""), getattr(client, "shards", "")
    wanted = grant_statements(database, everybody, known, prefix, *spread)
    for statement in wanted:
        client.execute(statement)
    return len(wanted)


def taken(client: Client, everybody: Sequence[Person]) -> list[str]:
    """The users on the server that have the name of one of ``everybody`` and are not ours: they lack the role, or
    are those of a finsent in another database of the server."""
    rows = client.execute(
        "SELECT name, any(default_database) IN ('', currentDatabase()), groupArray(granted_role_name) "
        "FROM system.users LEFT JOIN system.role_grants ON user_name = name WHERE name IN %(names)s GROUP BY name",
        {"names": [person.user for person in everybody]},
    )
    roles = {person.user: person.role for person in everybody}
    return sorted(name for name, here, granted in rows if not here or roles[name] not in granted)


def grant_statements(
    database: str,
    everybody: Sequence[Person],
    known: Mapping[str, str],
    prefix: str = "",
    cluster: str = "",
    shards: str = "",
) -> list[str]:
    """The statements that give a server the declared users, whatever users it had before. ``cluster`` and ``shards``
    are CLICKHOUSE_CLUSTER and CLICKHOUSE_SHARDS."""
    limits = ", ".join(map(_setting, (SETTINGS | (OVER_SHARDS if shards else {})).items()))
    readers = ", ".join(person.role for person in everybody if not person.writes)
    found = [f"CREATE ROLE IF NOT EXISTS {person.role}" for person in everybody]
    found += [
        f"CREATE SETTINGS PROFILE OR REPLACE finsent_{prefix}reader SETTINGS {limits} TO {readers}",
        f"CREATE QUOTA OR REPLACE finsent_{prefix}reader KEYED BY user_name FOR INTERVAL 1 MINUTE "
        f"MAX queries = {QUERIES_A_MINUTE}, execution_time = {SECONDS_A_MINUTE} TO {readers}",
    ]
    for person in everybody:
        found.append(f"REVOKE ALL ON *.* FROM {person.role}")
        found += [f"GRANT {right} TO {person.role}" for right in rights(database, person)]
        found += [f"REVOKE {right} FROM {person.role}" for right in withheld(database, person)]
        if person.writes:
            found += [f"GRANT {right} TO {person.role}" for right in rights_over_servers(cluster, shards)]
        identified = f"IDENTIFIED WITH sha256_hash BY '{hashed(known[person.user])}'"
        found.append(f"CREATE USER OR REPLACE {person.user} {identified} DEFAULT DATABASE {database}")
        found.append(f"GRANT {person.role} TO {person.user}")
    of_desks = [name for person in everybody if person.desk for name in (person.user, person.role)]
    everybody_else = f"ALL EXCEPT {', '.join(of_desks)}" if of_desks else "ALL"
    for view, column in public().items():
        if not column:
            continue
        # On a view with a policy for somebody, users without one might see no rows. So everybody else has this one:
        # also the service, whatever its user is called, and not only who gives this statement.
        found.append(f"CREATE ROW POLICY OR REPLACE finsent_all ON {database}.{view} USING 1 TO {everybody_else}")
        found += [
            f"CREATE ROW POLICY OR REPLACE {person.role} ON {database}.{view} "
            f"USING {row_filter(database, person.desk, column)} TO {person.role}"
            for person in everybody
            if person.desk
        ]
    return found


def _setting(of: tuple[str, str | int]) -> str:
    name, value = of
    choice = f" MAX {MOST_SECONDS} CHANGEABLE_IN_READONLY" if name == "max_execution_time" else ""
    return f"{name} = {quoted(value) if isinstance(value, str) else value}{choice}"
