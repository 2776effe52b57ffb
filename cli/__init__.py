"""The commands. A file is named as its command or group; ``cli/shared/`` holds what several of them use.

Commands import other rooms inside their functions, so that ``finsent --help`` answers at once.
"""

from __future__ import annotations

from cli import (
    alerts,
    audit,
    brief,
    console,
    cookbook,
    dead_letters,
    demo,
    doctor,
    down,
    drift,
    evaluate,
    evaluate_behaviour,
    events,
    explain,
    export,
    feeds,
    label,
    mcp,
    model,
    positions,
    prices,
    privacy,
    produce,
    repair,
    rescore,
    retrain,
    scheduler,
    schemas,
    score,
    sql,
    storage,
    support_bundle,
    topics,
    up,
    watchlist,
    worker,
)
from cli.audit import audit_report
from cli.shared.failures import Commands
from cli.shared.service import use_running_service

__all__ = ["COMMANDS", "Commands", "audit_report", "use_running_service"]

COMMANDS = (
    *(produce, schemas, sql, export, mcp, worker, up, down, demo),
    *(
        score,
        events,
        evaluate,
        evaluate_behaviour,
        explain,
        brief,
        audit,
        repair,
        rescore,
        retrain,
        scheduler,
        cookbook,
        drift,
        topics,
        doctor,
        support_bundle,
    ),
    *(feeds, dead_letters, console, model, alerts, watchlist, positions, prices, label, privacy, storage),
)
"""In the order of ``finsent --help``, which lists single commands before groups."""
