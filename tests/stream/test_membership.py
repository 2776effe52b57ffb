"""A static member of a consumer group notices that its name is used twice."""

from __future__ import annotations

import pytest

from deploy.local import Stack
from errors import ExitCode
from settings import KafkaSettings
from stream.kafka.membership import (
    TAKEN_TIMES,
    TAKEN_WITHIN_S,
    InstanceIdTaken,
    Place,
    ending,
    leave_for_other_topics,
)
from tests.support import kafka_at


def test_a_place_that_is_taken_again_and_again_is_said_with_the_setting():
    now = 0.0
    place = Place(lambda: now)
    place.look("")
    with pytest.raises(InstanceIdTaken) as taken:
        for number in range(TAKEN_TIMES + 1):
            place.look(f"member-{number}")
            place.look("")  # it joins again
            now += TAKEN_WITHIN_S / TAKEN_TIMES - 1
    code, why = ending(taken.value, KafkaSettings(group_instance_id="one")) or (None, "")
    assert code == ExitCode.TEMPFAIL and "'one' (KAFKA_GROUP_INSTANCE_ID)" in why
    assert number == TAKEN_TIMES


def test_places_lost_now_and_then_and_an_id_that_stays_are_no_news():
    now = 0.0
    place = Place(lambda: now)
    for number in range(10 * TAKEN_TIMES):
        place.look(f"member-{number}")
        place.look(f"member-{number}")
        now += TAKEN_WITHIN_S / (TAKEN_TIMES - 1)


def test_a_broker_whose_answer_about_members_cannot_be_read_keeps_no_worker_from_starting(stack: Stack):
    # The embedded broker's answer names rights that the client does not know.
    kafka = kafka_at(stack.kafka_bootstrap).model_copy(update={"group_instance_id": "one"})
    leave_for_other_topics(kafka)
