"""``finsent support-bundle``: what somebody needs to know who helps from afar, in one archive."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.shared.output import echo
from settings import data_directory

MOST_BYTES = 500_000
"""Of a log, its last bytes."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("support-bundle")(support_bundle)


def support_bundle(
    file: Annotated[Path | None, typer.Argument(metavar="FILE.tar.gz", dir_okay=False, help="Default: here.")] = None,
    logs: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A further log.")
    ] = None,
) -> None:
    """Collect versions, settings without secrets, the doctor's findings, the audit with the lag, how workers ended, and
    the last lines of the logs in the data directory. What cannot be had is left out, and the archive says why.

    It holds no record and no text of one, but names of hosts, users, topics and files: look at it before you send it.

    `finsent support-bundle`

    `journalctl --namespace=finsent -n 5000 > finsent.log; finsent support-bundle bundle.tar.gz --logs finsent.log`
    """
    target = file or Path(f"finsent-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar.gz")
    data = data_directory()
    with tarfile.open(target, "w:gz") as archive:
        for name, collect in PARTS.items():
            try:
                found = collect()
            except Exception as error:
                found = {"not to be had": f"{type(error).__name__}: {error}"}
            _add(archive, f"{name}.json", json.dumps(found, indent=1, default=str))
        for path in [*sorted((data / "logs").glob("*.log")), *(logs or ())]:
            _add(archive, f"logs/{path.name}", _end_of(path))
    target.chmod(0o600)
    echo(f"{target}: look at it before you send it (tar -tzf {target})")


def _versions() -> dict[str, Any]:
    import platform
    from importlib.metadata import distributions

    from model.engine import NAMES, kernel_problem, kernel_set

    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "native engine": kernel_problem() or f"can be used, with {NAMES[kernel_set()]}",
        "packages": dict(sorted((one.metadata["Name"], one.version) for one in distributions())),
    }


def _settings() -> dict[str, Any]:
    from settings import settings_in_force

    return settings_in_force()


def _doctor() -> list[dict[str, Any]]:
    from deploy.doctor import examine

    return [finding._asdict() for finding in examine(data_directory())]


def _audit() -> dict[str, Any]:
    from cli.audit import audit_report
    from storage import connect

    with connect() as client:
        return audit_report(client)


def _ends() -> list[Any]:
    from storage import connect
    from storage.reads import worker_ends

    with connect() as client:
        return [one._asdict() for one in worker_ends(client)]


PARTS: dict[str, Callable[[], Any]] = {
    "versions": _versions,
    "settings": _settings,
    "doctor": _doctor,
    "audit": _audit,
    "worker_ends": _ends,
}


def _end_of(path: Path) -> str:
    with path.open("rb") as log:
        log.seek(0, io.SEEK_END)
        log.seek(max(0, log.tell() - MOST_BYTES))
        return log.read().decode(errors="replace")


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    from settings import without_password

    held = without_password(text).encode()
    member = tarfile.TarInfo(f"finsent/{name}")
    member.size, member.mtime, member.mode = len(held), int(time.time()), 0o600
    archive.addfile(member, io.BytesIO(held))
