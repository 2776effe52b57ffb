"""Users, roles and row filters of the embedded ClickHouse, which reads them from an XML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from storage.access.passwords import hashed
from storage.access.people import (
    MOST_SECONDS,
    QUERIES_A_MINUTE,
    SECONDS_A_MINUTE,
    SERVICE,
    SETTINGS,
    Person,
    rights,
    row_filter,
    withheld,
)
from storage.dictionary import public

_XML = """<clickhouse>
  <profiles>
    <default/>
    <finsent_start>
      <max_sessions_for_user>1</max_sessions_for_user>
      <constraints><max_sessions_for_user><const/></max_sessions_for_user></constraints>
    </finsent_start>
    <finsent_reader>
{limits}
      <constraints>
        <max_execution_time><max>{most}</max><changeable_in_readonly/></max_execution_time>
      </constraints>
    </finsent_reader>
  </profiles>
  <quotas>
    <default/>
    <finsent_reader>
      <interval>
        <duration>60</duration><queries>{queries}</queries><execution_time>{seconds}</execution_time>
      </interval>
    </finsent_reader>
  </quotas>
  <roles>
{roles}
  </roles>
  <users>
    <{service}>
      <password_sha256_hex>{own}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </{service}>
    <!-- The process signs itself in as this user, and knows no password. That is the one session which the user may
         have, so nobody else gets in. It may read and write nothing. -->
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>finsent_start</profile>
      <quota>default</quota>
      <grants>{start}</grants>
    </default>
{users}
  </users>
</clickhouse>
"""


START = ("SYSTEM LISTEN ON *.*",)
"""What the process must be allowed to start to listen."""


def users_xml(database: str, everybody: Sequence[Person], known: Mapping[str, str], own: str) -> str:
    """The declaration as the text of a users file; ``own`` is the service's password. It holds the hashes of the
    passwords, not the passwords."""
    roles, users = [], []
    for person in everybody:
        grants = "".join(f"<query>GRANT {escape(right)}</query>" for right in rights(database, person))
        grants += "".join(f"<query>REVOKE {escape(right)}</query>" for right in withheld(database, person))
        roles.append(f"    <{person.role}><grants>{grants}</grants></{person.role}>")
        filters = "".join(
            f"<{view}><filter>{escape(row_filter(database, person.desk, column))}</filter></{view}>"
            for view, column in public().items()
            if person.desk and column and view in person.reads
        )
        kind = "default" if person.writes else "finsent_reader"
        users.append(
            f"    <{person.user}><password_sha256_hex>{hashed(known[person.user])}</password_sha256_hex>"
            f"<networks><ip>127.0.0.1</ip></networks><profile>{kind}</profile><quota>{kind}</quota>"
            f"<grants><query>GRANT {person.role}</query></grants>"
            + (f"<databases><{database}>{filters}</{database}></databases>" if filters else "")
            + f"</{person.user}>"
        )
    limits = "\n".join(f"      <{name}>{value}</{name}>" for name, value in SETTINGS.items())
    return _XML.format(
        limits=limits,
        most=MOST_SECONDS,
        queries=QUERIES_A_MINUTE,
        seconds=SECONDS_A_MINUTE,
        roles="\n".join(roles),
        users="\n".join(users),
        service=SERVICE,
        own=hashed(own),
        start="".join(f"<query>GRANT {right}</query>" for right in START),
    )
