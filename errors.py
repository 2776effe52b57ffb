"""Failures that people are told of in one sentence; anything else that is raised is a bug."""

from __future__ import annotations


class FinsentError(Exception):
    """An expected failure. Its text says what was wrong, where, and what to do."""
