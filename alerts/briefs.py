"""A brief: what happened at a desk's companies, told in sentences of the documents themselves.

Nothing is written anew. Each sentence is a title, or the first sentence of a text, as a source published it, and stands
with its document; the headings are those of the alerts.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from clickhouse_driver import Client

from alerts.detection import MARKET
from alerts.receivers.wording import exposure_lines, facts, title
from documents import AlertState, Severity
from storage.reads import alerts_now, holdings_by_company

MOST_INCIDENTS, MOST_SENTENCES, LONGEST = 30, 5, 300
_WORST_FIRST = list(reversed(Severity))
_SENTENCE = re.compile(r".+?[.!?\u3002\uff01\uff1f](?=\s|$|[\u4e00-\u9fff])", re.DOTALL)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+|!~-])")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a document says, word for word, and which document it is."""

    text: str
    source: str
    document_id: str
    published_at: str
    url: str


@dataclass(slots=True)
class Incident:
    """What happened at one company: the headings and figures of its alerts, and sentences about them."""

    company: str
    severity: str
    headings: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Brief:
    """The incidents of a desk, the worst first; ``more`` of them are left out."""

    desk: str
    since: datetime
    until: datetime
    incidents: list[Incident]
    more: int = 0

    @property
    def title(self) -> str:
        """One line: whose brief it is, and of which time."""
        whose = self.desk or "all desks"
        return f"Brief for {whose}, {self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC"


def brief_of(client: Client, desk: str, names: Mapping[str, str], since: datetime, until: datetime) -> Brief:
    """The brief for ``desk`` of the alerts that fired from ``since`` to ``until``, as they were at ``until``.

    ``names`` has the names of the desk's companies by their tickers. Alerts about the whole market are in every brief.
    """
    rows = alerts_now(client, since=since, limit=10_000, moment=until)
    held = holdings_by_company(client, until)
    found: dict[str, Incident] = {}
    worst: dict[str, tuple[int, datetime]] = {}
    for row in reversed(rows):  # the first alert of an incident is its heading
        about = row["entity"] == MARKET or row["entity"] in names
        if not about or row["fired_at"] > until or row["state"] not in (AlertState.FIRING, AlertState.RESOLVED):
            continue
        key = row["incident"] or row["id"]
        one = found.setdefault(key, Incident(names.get(row["entity"], "The market"), row["severity"]))
        rank = _WORST_FIRST.index(Severity(row["severity"]))
        if rank < worst.get(key, (len(_WORST_FIRST), until))[0]:
            one.severity = row["severity"]
        worst[key] = min(worst.get(key, (rank, row["fired_at"])), (rank, row["fired_at"]))
        _add(one, row | {"exposure": held.get(row["entity"], [])})
    ordered = sorted(found, key=lambda key: worst[key])
    return Brief(desk, since, until, [found[key] for key in ordered[:MOST_INCIDENTS]], len(ordered[MOST_INCIDENTS:]))


def _add(incident: Incident, alert: Mapping[str, Any]) -> None:
    over = " (over)" if alert["state"] == AlertState.RESOLVED else ""
    incident.headings.append(title({**alert, "state": AlertState.FIRING}) + over)
    incident.figures += [line for line in (facts(alert), *exposure_lines(alert)) if line not in incident.figures]
    told = {sentence.text for sentence in incident.sentences}
    for document in alert["evidence"].get("documents", []):
        text = _first_sentence(document)
        if text and text not in told and len(incident.sentences) < MOST_SENTENCES:
            told.add(text)
            names = ("source", "document_id", "published_at", "url")
            incident.sentences.append(Sentence(text, *(str(document.get(name) or "") for name in names)))


def _first_sentence(document: Mapping[str, Any]) -> str:
    """The title, or the first sentence of a text without one."""
    text = " ".join(str(document.get("title") or "").split())
    if not text:
        whole = " ".join(str(document.get("text") or "").split())
        found = _SENTENCE.match(whole)
        text = found.group() if found else whole
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"


def brief_as_markdown(brief: Brief) -> str:
    """``brief`` as Markdown."""
    return "\n".join(_markdown_lines(brief)) + "\n"


def _markdown_lines(brief: Brief) -> Iterator[str]:
    yield f"# {_plain(brief.title)}"
    if not brief.incidents:
        yield from ("", "No alert fired.")
    for one in brief.incidents:
        yield from ("", f"## {_plain(one.company)} ({one.severity})", "")
        yield from (f"**{_plain(heading)}**  " for heading in one.headings)
        yield from (f"{_plain(line)}  " for line in one.figures)
        yield ""
        for sentence in one.sentences:
            place = f"[{_plain(_document(sentence))}](<{sentence.url}>)" if _is_link(sentence.url) else ""
            yield f"- {_plain(sentence.text)} ({place or _plain(_document(sentence))})"
    if brief.more:
        yield from ("", f"{brief.more} more incidents are left out.")


def brief_as_html(brief: Brief) -> str:
    """``brief`` as HTML that mailboxes show: one column, no scripts, and nothing that is fetched."""
    parts = [f"<h1>{html.escape(brief.title)}</h1>"]
    if not brief.incidents:
        parts.append("<p>No alert fired.</p>")
    for one in brief.incidents:
        parts.append(f"<h2>{html.escape(one.company)} ({one.severity})</h2>")
        parts += [f"<p><strong>{html.escape(heading)}</strong></p>" for heading in one.headings]
        parts += [f"<p>{html.escape(line)}</p>" for line in one.figures]
        sentences = [f"<li>{html.escape(s.text)} ({_link(s)})</li>" for s in one.sentences]
        parts.append(f"<ul>{''.join(sentences)}</ul>" if sentences else "")
    if brief.more:
        parts.append(f"<p>{brief.more} more incidents are left out.</p>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(brief.title)}</title></head>\n"
        '<body style="font-family: sans-serif; max-width: 45em; margin: 1em auto; padding: 0 1em">\n'
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def brief_as_mail(brief: Brief) -> str:
    """``brief`` as an e-mail, in Markdown and HTML, without addresses: whoever sends it adds them."""
    message = EmailMessage()
    message["Subject"] = brief.title
    message.set_content(brief_as_markdown(brief))
    message.add_alternative(brief_as_html(brief), subtype="html")
    return message.as_string()


def _document(sentence: Sentence) -> str:
    return ", ".join(filter(None, (sentence.source, sentence.document_id, sentence.published_at[:16])))


def _link(sentence: Sentence) -> str:
    said = html.escape(_document(sentence))
    return f'<a href="{html.escape(sentence.url)}">{said}</a>' if _is_link(sentence.url) else said


def _is_link(url: str) -> bool:
    """Whether ``url`` may be a link: an address of the web, with nothing in it that could end the link."""
    return re.fullmatch(r"https?://[^\s<>\"'\\]+", url) is not None


def _plain(text: str) -> str:
    """``text`` as Markdown that says just that: what a feed wrote is no markup."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
