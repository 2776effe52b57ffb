"""A brief: what happened at a desk's companies, told in sentences of the documents themselves.

Nothing is written anew. Each sentence is a title, or the first sentence of a text, as a source published it, and stands
with its document; the headings are those of the alerts. An alert of the brief's time may rest on documents that were
published before it: these are counted, and told only where nothing newer says what happened.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from clickhouse_driver import Client

from alerts.detection import MARKET
from alerts.receivers.wording import exposure_lines, facts, title
from documents import AlertState, Severity
from errors import many
from storage.reads import alerts_now, holdings_by_company

MOST_INCIDENTS, MOST_SENTENCES, LONGEST = 30, 5, 300
NOTHING = "No alert fired."
_WORST_FIRST = list(reversed(Severity))
_SENTENCE = re.compile(r".+?[.!?\u3002\uff01\uff1f](?=\s|$|[\u4e00-\u9fff])", re.DOTALL)
_MARKDOWN = re.compile(
    r"([\\`*\[\]<|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|^(?:[>=]|[#+-](?=[\s#+-]|$)|\d+[.)](?=\s|$)))"
)
"""What Markdown takes for markup, wherever it stands or at the beginning of a text."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a document says, word for word, and which document it is."""

    text: str
    source: str
    published_at: datetime | None
    url: str
    is_title: bool

    @property
    def place(self) -> str:
        """Who published it, and when."""
        return ", ".join(filter(None, (self.source, _said(self.published_at) if self.published_at else "")))


@dataclass(frozen=True, slots=True)
class Part:
    """An alert of an incident: what it says, and its figures."""

    heading: str
    severity: str
    fired_at: datetime
    facts: str


@dataclass(slots=True)
class Incident:
    """What happened at one company: the alerts that are its parts, what the desks hold, and sentences about it.

    ``earlier`` are sentences that were published before the time of the brief.
    """

    company: str
    severity: str
    parts: list[Part] = field(default_factory=list)
    exposure: list[str] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    earlier: list[Sentence] = field(default_factory=list)

    def told(self, since: datetime) -> tuple[str, list[Sentence]]:
        """What is said of documents from before ``since``, and the sentences that are told: titles before posts, whose
        first sentence seldom says what happened."""
        new, old = (sorted(ones, key=lambda one: not one.is_title) for ones in (self.sentences, self.earlier))
        if not old:
            return "", new[:MOST_SENTENCES]
        if not new:
            said = f"Nothing that was published since {_said(since)} is about it; from before:"
            return said, old[:MOST_SENTENCES]
        older = many(len(old), "older document", "is")
        return f"{older} left out: published before {_said(since)}.", new[:MOST_SENTENCES]


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
        _add(one, row | {"exposure": held.get(row["entity"], [])}, since)
    ordered = sorted(found, key=lambda key: worst[key])
    return Brief(desk, since, until, [found[key] for key in ordered[:MOST_INCIDENTS]], len(ordered[MOST_INCIDENTS:]))


def _add(incident: Incident, alert: Mapping[str, Any], since: datetime) -> None:
    over = " (over)" if alert["state"] == AlertState.RESOLVED else ""
    heading = title({**alert, "state": AlertState.FIRING}) + over
    incident.parts.append(Part(heading, alert["severity"], alert["fired_at"], facts(alert)))
    incident.exposure += [line for line in exposure_lines(alert) if line not in incident.exposure]
    told = {sentence.text for sentence in (*incident.sentences, *incident.earlier)}
    for document in alert["evidence"].get("documents", []):
        text, at = _first_sentence(document), _moment(document.get("published_at"))
        into = incident.earlier if at is not None and at < since else incident.sentences
        if text and text not in told:
            told.add(text)
            source, url = (str(document.get(name) or "") for name in ("source", "url"))
            into.append(Sentence(text, source, at, url, bool(document.get("title"))))


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


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
        yield from ("", NOTHING)
    for one in brief.incidents:
        yield from ("", f"## {_plain(one.company)} ({one.severity})", "")
        if len(one.parts) > 1:
            yield from (f"{_one_incident(one)}:", "")
            yield from (f"- **{_plain(part.heading)}** ({_when(part)}): {_plain(part.facts)}" for part in one.parts)
            yield ""
        else:
            yield f"**{_plain(one.parts[0].heading)}** ({_said(one.parts[0].fired_at)})  "
            yield f"{_plain(one.parts[0].facts)}  "
        yield from (f"{_plain(line)}  " for line in one.exposure)
        note, sentences = one.told(brief.since)
        yield from ("", note) if note else ()
        yield ""
        for sentence in sentences:
            place = _plain(sentence.place)
            link = f"[{place or 'document'}](<{sentence.url}>)" if _is_link(sentence.url) else place
            yield f"- {_plain(sentence.text)}{f' ({link})' if link else ''}"
    if brief.more:
        yield from ("", _left_out(brief))


def brief_as_html(brief: Brief) -> str:
    """``brief`` as HTML that mailboxes show: one column, no scripts, and nothing that is fetched."""
    parts = [f"<h1>{html.escape(brief.title)}</h1>"]
    if not brief.incidents:
        parts.append(f"<p>{NOTHING}</p>")
    for one in brief.incidents:
        parts.append(f"<h2>{html.escape(one.company)} ({one.severity})</h2>")
        if len(one.parts) > 1:
            alerts = (
                f"<li><strong>{html.escape(part.heading)}</strong> ({_when(part)}): {html.escape(part.facts)}</li>"
                for part in one.parts
            )
            parts.append(f"<p>{_one_incident(one)}:</p><ul>{''.join(alerts)}</ul>")
        else:
            (part,) = one.parts
            parts.append(f"<p><strong>{html.escape(part.heading)}</strong> ({_said(part.fired_at)})</p>")
            parts.append(f"<p>{html.escape(part.facts)}</p>")
        parts += [f"<p>{html.escape(line)}</p>" for line in one.exposure]
        note, told = one.told(brief.since)
        parts.append(f"<p>{html.escape(note)}</p>" if note else "")
        sentences = [f"<li>{html.escape(s.text)}{_link(s)}</li>" for s in told]
        parts.append(f"<ul>{''.join(sentences)}</ul>" if sentences else "")
    if brief.more:
        parts.append(f"<p>{_left_out(brief)}</p>")
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


def _one_incident(incident: Incident) -> str:
    return f"One incident with {many(len(incident.parts), 'alert')}"


def _when(part: Part) -> str:
    return f"{part.severity}, {_said(part.fired_at)}"


def _left_out(brief: Brief) -> str:
    return f"{many(brief.more, 'more incident', 'is')} left out."


def _link(sentence: Sentence) -> str:
    said = html.escape(sentence.place)
    if _is_link(sentence.url):
        return f' (<a href="{html.escape(sentence.url)}">{said or "document"}</a>)'
    return f" ({said})" if said else ""


def _is_link(url: str) -> bool:
    """Whether ``url`` may be a link: an address of the web, with nothing in it that could end the link."""
    return re.fullmatch(r"https?://[^\s<>\"'\\]+", url) is not None


def _plain(text: str) -> str:
    """``text`` as Markdown that says just that: what a feed wrote is no markup."""
    return _MARKDOWN.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", " ".join(text.split()))
