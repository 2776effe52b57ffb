"""``finsent rescore``: history scored again by another version of the model."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared.arguments import parse_time
from cli.shared.output import echo, progress_bar
from errors import ExitCode, many

BATCH = 1000


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(rescore)


def rescore(
    since: Annotated[str, typer.Option(metavar="TIME", help="Documents published from then on.")],
    model_version: Annotated[str, typer.Option("--model", metavar="VERSION", help="See 'finsent model list'.")],
    until: Annotated[str, typer.Option(metavar="TIME", help="And before then.")] = "now",
) -> None:
    """Score stored documents with another version, beside the scores they have; nothing stored is changed.

    The new scores are in the view documents_by_model at once. `documents_as_of(moment = '2026-01-31 12:00:00')` shows
    what was known at a time: later scores are not in it. If the command is interrupted, start it again: it continues
    where it stopped. Run once more after its end, it does nothing.

    `finsent rescore --since 2026-01-01 --until 2026-02-01 --model minilm-0123456789`
    """
    import model
    from settings import ClickHouseSettings, ModelSettings
    from storage import check_one_server, connect, migrate
    from storage.reads import Rescoring
    from storage.writes import write_rescored
    from stream.steps import Score

    settings = ModelSettings()
    scorer = model.load(model.version_folder(settings.registry, model_version), settings)
    score = Score(scorer)
    client = connect()
    check_one_server(client, ClickHouseSettings())
    migrate(client)
    work = Rescoring(client, scorer.version, parse_time(since), parse_time(until))
    done = 0
    try:
        with progress_bar(f"with {scorer.version}") as show:
            for batch in work.batches(BATCH):
                score.run(batch)
                write_rescored(client, batch)
                done += len(batch)
                show(done, done / work.left)
    except KeyboardInterrupt:
        echo(f"finsent: stopped after {done:,} of {work.left:,}; the same command goes on from here", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    echo(f"{many(done, 'document')} scored with {scorer.version}")
