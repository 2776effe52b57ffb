"""A TCP proxy in front of ClickHouse that lets inserts go wrong at a moment of one's choice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

MARK = b"INSERT INTO record_log"
END_OF_STREAM = b"\x05"  # the last packet of an insert that was applied
HEADS = 256  # bytes; the empty blocks that precede the data of an insert are shorter, and those data are not
EMPTY_BLOCK = b"\x02\x00\x01\x00\x02\xff\xff\xff\xff\x00\x00\x00"  # ends the data
LINGER_S = 10.0


@dataclass
class Fault:
    """Done to the next insert of a worker: ``before`` its data reach ClickHouse, in the ``middle`` of them, or
    ``after`` it was applied and before the worker hears of that. ``act`` is called with the worker's port; the
    connection is then cut. With ``hold_s`` the end of the insert is delayed instead, and arrives though its worker be
    gone by then."""

    when: Literal["before", "middle", "after"]
    act: Callable[[int], object] = lambda port: None
    hold_s: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on 127.0.0.1:``port`` in a thread of its own, from ``with`` until its end, and forwards to the ClickHouse
    whose URL ``target`` gives at each connection."""

    def __init__(self, target: Callable[[], str]) -> None:
        self._target = target
        self._armed: deque[Fault] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self.silent = threading.Event()
        """While it is set, what is sent in either direction is lost, and connections stay open: as with a server that
        hangs, or behind a firewall that forgot them."""

    def __enter__(self) -> Proxy:
        self._thread.start()
        start = asyncio.start_server(self._connection, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def arm(self, fault: Fault) -> None:
        """``fault`` meets the next insert."""
        self._armed.append(fault)

    def strike(self, fault: Fault, timeout: float) -> bool:
        """Wait until ``fault`` has met an insert; False, and it is called off, if none came in ``timeout`` s."""
        self.arm(fault)
        if fault.done.wait(timeout):
            return True
        with contextlib.suppress(ValueError):
            self._armed.remove(fault)
        return fault.done.is_set()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        where = urlsplit(self._target())
        try:
            up_reader, up_writer = await asyncio.open_connection(where.hostname, where.port)
        except OSError:
            writer.transport.abort()
            return
        fault: Fault | None = None
        data_sent = all_sent = gone = False

        async def strike() -> None:
            assert fault is not None
            await asyncio.to_thread(fault.act, port)
            writer.transport.abort()
            up_writer.transport.abort()
            fault.done.set()

        async def answers() -> None:
            held = b""
            while chunk := await up_reader.read(65536):
                if self.silent.is_set():
                    continue
                if fault and fault.when == "after" and all_sent:
                    held += chunk
                    if held.endswith(END_OF_STREAM):
                        return await strike()
                    continue
                if not writer.is_closing():
                    writer.write(chunk)
                    await writer.drain()
                if gone and chunk.endswith(END_OF_STREAM):
                    return None

        async def requests() -> None:
            nonlocal fault, data_sent, all_sent
            while chunk := await reader.read(65536):
                if self.silent.is_set():
                    continue
                if fault is None and self._armed and MARK in chunk:
                    fault = self._armed.popleft()
                elif fault and not data_sent and len(chunk) > HEADS:
                    data_sent = True
                    if fault.when == "before" and not fault.hold_s:
                        return await strike()
                    elif fault.when == "middle":
                        up_writer.write(chunk[: len(chunk) // 2])
                        await up_writer.drain()
                        return await strike()
                if data_sent and not all_sent and chunk.endswith(EMPTY_BLOCK):
                    all_sent = True
                    if fault and fault.hold_s:
                        await asyncio.sleep(fault.hold_s)
                up_writer.write(chunk)
                await up_writer.drain()

        answering = asyncio.create_task(answers())
        with contextlib.suppress(OSError):
            await requests()
            if fault and fault.hold_s:
                gone = True
                # The worker gave up, but what it sent arrives all the same, as from a slow network.
                await asyncio.wait([answering], timeout=LINGER_S)
                fault.done.set()
        answering.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await answering
        for end in (writer, up_writer):
            end.close()
