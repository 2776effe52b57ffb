"""How workers share partitions on Apache Kafka: static membership, and the rack that they say they are in."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError

from deploy.local import BrokerKind, Service
from errors import ExitCode
from stream.kafka import ensure_topics
from tests.support import data_folder, eventually, kafka_at
from tests.support.feed import Feed, values

GROUP = {"KAFKA_CLIENT_RACK": "zone-a", "KAFKA_SESSION_TIMEOUT_S": "120"}
LOG_REQUESTS = "-Dorg.slf4j.simpleLogger.log.kafka.request.logger=debug"

pytestmark = pytest.mark.parametrize("broker", ["kafka"], indirect=True)


@pytest.fixture(scope="module")
def workers(broker: BrokerKind, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Feed]]:
    """Two static members of the group, at a broker whose log has the requests that it gets."""
    data = data_folder(tmp_path_factory.mktemp("groups"), shipped)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_TOOL_OPTIONS", LOG_REQUESTS)
        with Service(data, workers=0, broker=broker, kafka_settings={"group.max.size": "3"}) as service:
            ensure_topics(kafka_at(service.stack.kafka_bootstrap))
            made = [Feed(service, tmp_path_factory.mktemp(name)) for name in ("one", "two")]
            try:
                for worker, name in zip(made, ("one", "two"), strict=True):
                    worker.environment |= {"KAFKA_GROUP_INSTANCE_ID": name, **GROUP}
                    worker.launch("from stream import run; run()")
                    eventually(worker.ready, 120, "the worker has partitions")  # the first one makes the tables
                eventually(lambda: all(len(worker.partitions()) == 6 for worker in made), 60, "each has half")
                yield made
            finally:
                for worker in made:
                    worker.stop()


def assigned(worker: Feed) -> int:
    """How often the worker has got partitions."""
    return worker.log.read_text().count('"message": "assigned"')


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_static_member_that_comes_back_gets_its_partitions_and_the_other_one_is_not_disturbed(
    workers: list[Feed], how: signal.Signals
) -> None:
    gone, other = workers
    held, before = gone.partitions(), assigned(other)
    assert gone.process
    gone.process.send_signal(how)
    gone.process.wait(60)
    partition = int(next(name for name in held if name.startswith("news/")).partition("/")[2])
    prefix = f"away-{how.name}"
    gone.send(values(prefix, 5), partition=partition)
    gone.launch("from stream import run; run()")
    eventually(gone.ready, 120, "it is back")
    assert gone.partitions() == held and assigned(other) == before
    eventually(lambda: gone.stored(prefix) == 5, 60, "what came meanwhile is stored")
    assert assigned(other) == before


def test_the_broker_knows_the_members_by_their_names(workers: list[Feed]) -> None:
    with KafkaAdminClient(bootstrap_servers=workers[0].bootstrap) as admin:
        (group,) = admin.describe_groups(["finsent"]).values()
    assert {member["group_instance_id"] for member in group["members"]} == {"one", "two"}


def test_the_broker_is_told_the_rack(workers: list[Feed]) -> None:
    log = workers[0].service.stack.logs / "broker.log"

    def told() -> set[str]:
        lines = (line for line in log.read_text().splitlines() if '"requestApiKeyName":"FETCH"' in line)
        found = [json.loads(line[line.index("{") :]) for line in lines]
        return {one["request"]["rackId"] for one in found if one["request"].get("rackId")}

    eventually(lambda: told() == {"zone-a"}, 30, "fetches name it")


@pytest.fixture
def newcomer(workers: list[Feed], tmp_path: Path) -> Iterator[Feed]:
    """A worker that is not started yet, in a group of its own."""
    made = Feed(workers[0].service, tmp_path)
    made.environment |= {"KAFKA_GROUP_ID": "newcomers", "FINSENT_DATA": str(tmp_path)}
    yield made
    if made.process:
        made.process.terminate()  # a client that is killed ends the embedded ClickHouse
        with contextlib.suppress(subprocess.TimeoutExpired):
            made.process.wait(60)
    made.stop()


def test_a_session_time_out_that_the_broker_refuses_ends_the_worker_with_what_to_set(newcomer: Feed) -> None:
    newcomer.environment["KAFKA_SESSION_TIMEOUT_S"] = "5"
    assert newcomer.launch("from stream import run; run()").wait(120) == ExitCode.CONFIG
    assert "refuses a session time-out of 5 s (KAFKA_SESSION_TIMEOUT_S)" in newcomer.log.read_text()


def test_a_worker_that_was_kept_out_of_its_group_gets_in_when_there_is_room(newcomer: Feed) -> None:
    ends = threading.Event()
    others = [Member(newcomer.bootstrap, ends) for _ in range(3)]
    try:
        with KafkaAdminClient(bootstrap_servers=newcomer.bootstrap) as admin:
            eventually(lambda: settled_members(admin, "newcomers") == 3, 120, "the group is full")
        newcomer.launch("from stream import run; run()")
        eventually(lambda: "is not in its group" in newcomer.log.read_text(), 120, "it says that it is kept out")
        assert not newcomer.ready()
    finally:
        ends.set()
        for one in others:
            one.join()
    eventually(newcomer.ready, 90, "it has its partitions")


def test_two_workers_with_one_name_say_so(workers: list[Feed], newcomer: Feed, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Feed(newcomer.service, tmp_path / "other")
    other.environment |= {"KAFKA_GROUP_ID": "newcomers", "FINSENT_DATA": str(tmp_path / "other")}
    for one in (newcomer, other):
        one.environment |= {"KAFKA_GROUP_INSTANCE_ID": "same", "KAFKA_SESSION_TIMEOUT_S": "6"}
        one.launch("from stream import run; run()")

    def one_that_ended() -> Feed | None:
        return next((one for one in (newcomer, other) if not one.alive()), None)

    try:
        ended = eventually(one_that_ended, 240, "one of them ends")
        assert ended.process and ended.process.returncode == ExitCode.TEMPFAIL, ended.log.read_text()[-5000:]
        assert "'same' (KAFKA_GROUP_INSTANCE_ID)" in ended.log.read_text()
        last = other if ended is newcomer else newcomer
        assert last.process

        def alone() -> bool:
            # It had lost its place as often.
            if last.process.poll() == ExitCode.TEMPFAIL:
                last.launch("from stream import run; run()")
            assert last.alive(), f"it ended with {last.process.returncode}"
            return len(last.partitions()) == 12

        eventually(alone, 240, "the other one has all partitions")
    finally:
        for one in (newcomer, other):
            print(one.log.read_text()[-10_000:])  # pytest shows it of a test that failed
        other.stop()


def test_a_static_member_with_other_topics_than_before_reads_them_all(newcomer: Feed) -> None:
    newcomer.environment |= {"KAFKA_GROUP_INSTANCE_ID": "same", "KAFKA_SESSION_TIMEOUT_S": "120"}
    newcomer.start()
    for topic in ("wire", "news"):
        assert newcomer.process
        newcomer.process.terminate()
        newcomer.process.wait(60)
        newcomer.environment["KAFKA_TOPIC_NEWS"] = topic
        newcomer.launch("from stream import run; run()")
        eventually(newcomer.ready, 120, "it has its partitions")
        expected = {f"{name}/{n}" for name in (topic, "comments", "labels") for n in range(4)}
        assert set(newcomer.partitions()) == expected


def test_a_worker_whose_name_was_taken_while_it_joined_gets_its_place_back(newcomer: Feed) -> None:
    newcomer.environment |= {"KAFKA_GROUP_INSTANCE_ID": "same", "KAFKA_SESSION_TIMEOUT_S": "30"}
    newcomer.launch(TAKEN_WHILE_JOINING)
    eventually(lambda: "is not in its group" in newcomer.log.read_text(), 120, "it says that it is kept out")
    eventually(newcomer.ready, 90, "it has its partitions")
    assert len(newcomer.partitions()) == 12


TAKEN_WHILE_JOINING = """
import os
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance as Rebalance
from kafka import KafkaConsumer
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from stream import run

sync = Rebalance._send_sync_group_request

async def sync_after_another(rebalance, request):
    Rebalance._send_sync_group_request = sync
    other = KafkaConsumer(
        *rebalance._subscription.topics,
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id=os.environ["KAFKA_GROUP_ID"],
        group_instance_id=os.environ["KAFKA_GROUP_INSTANCE_ID"],
        session_timeout_ms=1_200_000,  # it keeps the place until another process takes it
        heartbeat_interval_ms=3_000,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
    )
    while not other.assignment():
        other.poll(200)
    other.close()
    return await sync(rebalance, request)

Rebalance._send_sync_group_request = sync_after_another
run()
"""


def settled_members(admin: KafkaAdminClient, group: str) -> int:
    """How many members the group has; 0 while they are only being gathered."""
    try:
        (told,) = admin.describe_groups([group]).values()
    except KafkaError:  # there is no such group yet
        return 0
    return len(told["members"]) if told["group_state"] == "Stable" else 0


class Member(threading.Thread):
    """A member of the newcomer's group until ``ends``."""

    def __init__(self, bootstrap: str, ends: threading.Event) -> None:
        super().__init__()
        self.bootstrap, self.ends = bootstrap, ends
        self.start()

    def run(self) -> None:
        # On a slow machine an answer of the broker can be lost to a time-out, and the group then waits for a member
        # that is not there: short time-outs end that wait, and a member that is turned away tries again.
        while not self.ends.is_set():
            with contextlib.suppress(KafkaError), contextlib.closing(self.consumer()) as consumer:
                while not self.ends.is_set():
                    consumer.poll(200)

    def consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            "news",
            bootstrap_servers=self.bootstrap,
            group_id="newcomers",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            session_timeout_ms=10_000,
            max_poll_interval_ms=15_000,
        )
