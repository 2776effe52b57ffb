"""The embedded ClickHouse, as a process: ``python -m deploy.local.clickhouse_server PATH TCP_PORT HTTP_PORT LIBRARY``.

``libchdb.so`` holds the whole of ClickHouse, and its C function ``query_stable_v2`` is ``clickhouse local``, which can
listen (``SYSTEM START LISTEN``): a real server, until stdin closes. A ``clickhouse`` binary on PATH is preferred;
LIBRARY is then ''.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import urllib.request
from pathlib import Path
from xml.sax.saxutils import escape

MEMORY_BYTES = 3_000_000_000

_CONFIG = """<clickhouse>
  <logger>
    <level>warning</level>
    <log>{path}/log/clickhouse.log</log>
    <errorlog>{path}/log/clickhouse.err.log</errorlog>
    <size>10M</size>
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
    (path / "log").mkdir(parents=True, exist_ok=True)
    config = path / "config.xml"
    config.write_text(
        _CONFIG.format(path=escape(str(path)), tcp_port=tcp_port, http_port=http_port, memory=MEMORY_BYTES)
    )
    if not library:
        os.execv(binary() or "clickhouse", ["clickhouse", "server", f"--config-file={config}"])
    arguments = [
        "clickhouse",
        "--multiquery",
        f"--path={path / 'store'}",
        f"--tcp_port={tcp_port}",
        f"--http_port={http_port}",
        "--listen_host=127.0.0.1",
        f"--config-file={config}",
        "--log-level=warning",
        "--query",
        # The last one waits for the end of stdin. It does so without the function file(), which its user may not use.
        "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; "
        "INSERT INTO FUNCTION null('line String') FROM INFILE '/dev/stdin' FORMAT LineAsString",
    ]
    run = ctypes.CDLL(library).query_stable_v2
    run.restype = ctypes.c_void_p
    failed = run(len(arguments), (ctypes.c_char_p * len(arguments))(*(a.encode() for a in arguments))) is None
    sys.stdout.flush()
    # Without the interpreter's own clean-up: the library's threads may still be there.
    os._exit(int(failed))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
