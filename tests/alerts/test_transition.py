"""One set of words and columns: in the enums, in the messages and in the table."""

from __future__ import annotations

from typing import get_args, get_type_hints

from alerts.transition import COLUMNS
from documents import AlertKind, AlertState, Direction, Severity
from documents.messages import Alert
from storage.writes.alerts import ALERT_COLUMNS


def test_a_transition_has_the_columns_of_the_table_and_the_fields_of_the_message():
    assert COLUMNS == ALERT_COLUMNS == Alert.__struct_fields__


def test_the_message_knows_every_word():
    hints = get_type_hints(Alert)
    words = {"kind": AlertKind, "direction": Direction, "severity": Severity, "state": AlertState}
    for name, enum in words.items():
        assert set(get_args(hints[name])) == set(enum), name
    assert [severity.rank for severity in Severity] == [0, 1, 2]
