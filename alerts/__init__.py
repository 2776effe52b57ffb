"""Alerts: what shifted, since when and why. They are evaluated over the storage, and sent to receivers.

- ``evaluator`` runs one evaluation: it reads, applies the lifecycle, publishes and writes. ``watched`` reads the
  windows.
- ``lifecycle``: pending, firing, escalated, resolved. ``suppression``: which shifts make no alert of their own.
- ``severity``: what makes an alert a notice, a warning or critical.
- ``sources``: the series that are watched. ``detection/``: the tests, one algorithm a file.
- ``stale_feeds``, ``emerging``, ``emerging_notices``, ``events/``: silent feeds, new topics, events.
- ``incidents``: which alerts about one company belong together.
- ``transition``: the rows of the table ``alerts``. ``evidence``: the documents and words behind an alert.
- ``rules``: what rules say. ``rules_file``: reads and checks their file. ``receivers/``: who is sent what, and how.
- ``from_search``: a search of documents as a rule.
- ``briefs``: what happened at a desk's companies, in sentences of the documents.
- ``event_study/``: how share prices moved around alerts.
- ``backtest/``: the same rules over stored history.

This room knows no Kafka and no model. The functions that publish messages and explain words are passed in.
"""

# Telling
from alerts.briefs import brief_as_html, brief_as_mail, brief_as_markdown, brief_of

# Evaluating
# The file of rules
from alerts.durations import seconds
from alerts.evaluator import Evaluator, parameters_of
from alerts.evidence import Explain, ExplainEvent
from alerts.from_search import SearchRule, rule_from_search

# Sending
from alerts.receivers.notifier import Notifier
from alerts.rules import BadRules, Rules
from alerts.rules_file import doubts, load_rules
from alerts.transition import Transition

__all__ = [
    "BadRules",
    "Evaluator",
    "Explain",
    "ExplainEvent",
    "Notifier",
    "Rules",
    "SearchRule",
    "Transition",
    "brief_as_html",
    "brief_as_mail",
    "brief_as_markdown",
    "brief_of",
    "doubts",
    "load_rules",
    "parameters_of",
    "rule_from_search",
    "seconds",
]
