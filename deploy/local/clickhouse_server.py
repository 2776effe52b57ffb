"""The embedded ClickHouse, as a process: ``python -m deploy.local.clickhouse_server PATH TCP_PORT HTTP_PORT LIBRARY``.

``libchdb.so`` holds the whole of ClickHouse, and its C function ``query_stable_v2`` is ``clickhouse local``, which can
listen (``SYSTEM START LISTEN``): a real server, until stdin closes. A ``clickhouse`` binary on PATH is preferred;
LIBRARY is then ''.

``clickhouse local`` takes all files for its user's own: whoever may give a query could read them with the function
``file()``, which is checked by no grant, and with formats that have templates. All these first ask for the working
directory. So the process listens only after it has lost that: its working directory is removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import shutil
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path
from xml.sax.saxutils import escape

MEMORY_BYTES = 3_000_000_000
LOG_BYTES = 10_000_000
LISTEN = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP;"

_CONFIG = """<clickhouse>
  <logger>
    <level>warning</level>
    <log>{path}/log/clickhouse.log</log>
    <errorlog>{path}/log/clickhouse.err.log</errorlog>
    <size>{rotation}</size>
    <count>2</count>
  </logger>
  <path>{path}/store/</path>
  <tcp_port>{tcp_port}</tcp_port>
  <http_port>{http_port}</http_port>
  <listen_host>127.0.0.1</listen_host>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <mmap_cache_size>100</mmap_cache_size>
  <users_config>{path}/users.xml</users_config>
  <backups><allowed_path>{path}/backups/</allowed_path></backups>
</clickhouse>
"""


def argv(path: Path, tcp_port: int, http_port: int, library: str) -> list[str]:
    """Command line of this process."""
    return [
        sys.executable,
        "-P",
        *("-m", "deploy.local.clickhouse_server", str(path), str(tcp_port), str(http_port), library),
    ]


def binary() -> str | None:
    """A ``clickhouse`` on PATH, if there is one."""
    return shutil.which("clickhouse")


def answers(http_port: int) -> bool:
    """ClickHouse answers there (HTTP starts to listen after the native protocol)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/ping", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def serve(path: Path, tcp_port: int, http_port: int, library: str) -> int:
    """Run until stdin closes (the binary: until a signal); the exit code. ``path/users.xml`` says who may log in."""
    _wait_for_disk(path)
    (path / "log").mkdir(parents=True, exist_ok=True)
    config = path / "config.xml"
    # The library asks for the working directory when it rotates a log, so without one it must not.
    rotation = "never" if library else LOG_BYTES
    config.write_text(
        _CONFIG.format(
            path=escape(str(path)), tcp_port=tcp_port, http_port=http_port, memory=MEMORY_BYTES, rotation=rotation
        )
    )
    if not library:
        os.execv(binary() or "clickhouse", ["clickhouse", "server", f"--config-file={config}"])
    for port in (tcp_port, http_port):  # the library would say that it is taken in its own log alone
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    room = path / "start"
    shutil.rmtree(room, ignore_errors=True)  # of one that was killed while it started
    room.mkdir()
    os.chdir(room)
    queries = room / "queries"
    os.mkfifo(queries, 0o600)
    silent = os.pipe()  # nobody writes there, and it never ends
    threading.Thread(target=_guide, args=(path, queries), daemon=True).start()
    arguments = [
        "clickhouse",
        f"--path={path / 'store'}",
        f"--tcp_port={tcp_port}",
        f"--http_port={http_port}",
        "--listen_host=127.0.0.1",
        f"--config-file={config}",
        "--log-level=warning",
        *("--queries-file", str(queries), f"/dev/fd/{silent[0]}"),
    ]
    run = ctypes.CDLL(library).query_stable_v2
    run.restype = ctypes.c_void_p
    failed = run(len(arguments), (ctypes.c_char_p * len(arguments))(*(a.encode() for a in arguments))) is None
    # It came back by itself, so it could not start.
    sys.stdout.flush()
    # Without the interpreter's own clean-up: the library's threads may still be there.
    os._exit(int(failed))


def _wait_for_disk(path: Path) -> None:
    """Until a file can be written there. It would be no better off if it ended and were started again."""
    told = ""
    while True:
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / "probe").write_bytes(b"\n")
            (path / "probe").unlink()
            return
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.ENOSPC):
                raise
            if str(error) != told:
                told = str(error)
                print(f"ClickHouse waits to start, since its disk takes no files: {told}", flush=True)
        time.sleep(1)


def _guide(path: Path, queries: Path) -> None:
    """Beside the library: take the working directory away before it listens, and end the process with stdin.

    The library opens ``queries`` when all is loaded, and then waits at a pipe. It is not told to end: for that it would
    need a working directory again, and would give up its session, so that others could read files in its last moment.
    What it has acknowledged is in files, and it reads them at its start as after any end.
    """
    with queries.open("w") as file:
        queries.unlink()
        queries.parent.rmdir()
        file.write(LISTEN)
    logs = [path / "log" / name for name in ("clickhouse.log", "clickhouse.err.log")]
    while not select.select([0], [], [], 60)[0] or os.read(0, 4096):
        for log in logs:
            with contextlib.suppress(OSError):  # a full disk, say
                shorten(log)
    os._exit(0)


def shorten(log: Path) -> None:
    """Keep one older log; by copying, for the library holds the file open (for appending)."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_name(f"{log.name}.0"))
        os.truncate(log, 0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
