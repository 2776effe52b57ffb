"""``finsent model shadow``: a challenger scores live documents beside the champion before it may take its place."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows, write_text
from cli.shared.versions import resolve_version
from errors import many
from settings import given


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(shadow)


def shadow(
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="Its name, or enough of its beginning; none: report.")
    ] = None,
    share: Annotated[float, typer.Option(min=0.0001, max=1, help="Of the live documents.")] = 0.1,
    documents: Annotated[
        int, typer.Option(min=0, help="After so many, the scheduler promotes it or says why not; 0: you decide.")
    ] = 0,
    minutes: Annotated[float, typer.Option(min=0, help="And not before so long.")] = 0,
    stop: Annotated[bool, typer.Option("--stop", help="Take out the version that is there.")] = False,
    json_out: Annotated[str | None, typer.Option("--json", metavar="OUT", help="Write JSON; - is stdout.")] = None,
) -> None:
    """Let a version score a share of the live documents in the shadow: after they are stored, and for comparison only.

    Without VERSION it reports, for each source: how many documents were scored, the share with the same label, which
    labels changed, how much slower it is, and how far sentiment and confidence move. Workers follow within seconds.
    RETRAIN_SHADOW_AGREEMENT, RETRAIN_SHADOW_SHIFT and RETRAIN_SLOWER are the limits for promotion by the scheduler.

    `finsent model shadow finsent-0a1b --share 0.1`

    `finsent model shadow --json -`, and then `finsent model promote finsent-0a1b` or `finsent model shadow --stop`
    """
    import model
    from model.registry import clear_shadow, current_shadow, put_in_shadow
    from settings import ModelSettings

    registry = ModelSettings().registry
    if stop:
        if version:
            raise typer.BadParameter("--stop takes no version: one is in the shadow at most")
        left = clear_shadow(registry)
        echo(f"{left} is in the shadow no more" if left else "no version was in the shadow")
        return
    if version:
        name, champion = resolve_version(registry, version), model.champion_name(registry)
        if name == champion:
            fail(f"{name} is the champion; a version in the shadow is another one")
        put_in_shadow(registry, name, share, documents, minutes, "by hand")
        echo(f"{name} scores {share:.2%} of the documents in the shadow of {champion}")
        if given("CLICKHOUSE_URL"):
            from storage import connect
            from storage.writes import write_model_event

            write_model_event(connect(), "shadowed", name, champion, detail=f"share {share:g}, by hand")
        return
    found = current_shadow(registry)
    report: dict[str, Any] = {"version": None}
    if found is not None:
        from retrain.judge import shadow_report
        from settings import RetrainSettings
        from storage import connect

        report = shadow_report(connect(), found, model.champion_name(registry), RetrainSettings())
    if json_out:
        write_text(json.dumps(report, indent=1), json_out)
    elif found is None:
        echo("no version is in the shadow")
    else:
        _print(report)


def _print(report: dict[str, Any]) -> None:
    version, champion, share = report["version"], report["champion"], report["share"]
    echo(f"{version} scores {share:.2%} of the documents beside {champion} ({report['why']})")
    if not report["documents"]:
        echo(f"no document yet since {report['since']}; workers follow within seconds, and traffic is needed")
        return
    rows = [["all documents", report], *report["sources"].items()]
    cells = []
    for name, part in rows:
        low, high = part["agreement_interval"]
        cells.append(
            [
                *(name, f"{part['documents']:,}", f"{part['agreement']:.1%} [{low:.1%}, {high:.1%}]"),
                *(_moved(part[what]) for what in ("sentiment_shift", "confidence_shift")),
                ", ".join(f"{flip} {count}" for flip, count in part["flips"].items()),
            ]
        )
    columns = ["documents", "n", "same label", "sentiment moves", "confidence moves", "changed labels"]
    print_rows(columns, cells, Format.table)
    latency = report["latency"]
    if latency["ratio"] is not None:
        low, high = latency["interval"]
        echo(
            f"{latency['ratio']:.2f} times the champion's time [{low:.2f}, {high:.2f}], timed on "
            f"{many(latency['documents'], 'document')}"
        )
    if report["wanted_documents"]:
        echo(f"to be judged after {report['wanted_documents']:,} documents and {report['wanted_minutes']:g} minutes")
    for objection in report["objections"]:
        echo(f"against it: {objection}")


def _moved(shift: dict[str, Any]) -> str:
    low, high = shift["interval"]
    return f"{shift['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"
