"""Every operation of the console answers as its OpenAPI document says, whatever Schemathesis makes of the document."""

from __future__ import annotations

from typing import Any

import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from tests.console import test_hostile_input

CASES = 5
"""Of each kind, for each operation: what the document allows, and what it does not."""

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ENDLESS, ENDS_THE_SESSION = "/api/events", "/api/sign-out"

app, outsider = test_hostile_input.app, test_hostile_input.outsider
"""The fixtures: the console over a ClickHouse with documents, and a browser."""


def test_every_operation_answers_as_the_document_says(app: FastAPI, outsider: TestClient) -> None:
    browser = test_hostile_input.signed_in(outsider)
    document = schemathesis.openapi.from_dict(app.openapi())
    tried: dict[str, set[int]] = {}

    def tries(operation: Any, mode: GenerationMode) -> None:
        @settings(max_examples=CASES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def attempt(case: Any) -> None:
            sent = case.as_transport_kwargs(base_url="http://127.0.0.1")
            answer = browser.request(**sent, follow_redirects=False)
            tried.setdefault(operation.label, set()).add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        attempt()

    for found in document.get_all_operations():
        operation = found.ok()
        if operation.path not in (ENDLESS, ENDS_THE_SESSION):
            tries(operation, GenerationMode.POSITIVE)
            if operation.path_parameters or operation.query or operation.body:
                tries(operation, GenerationMode.NEGATIVE)
    assert len(tried) == sum(len(methods) for methods in app.openapi()["paths"].values()) - 2
    assert 401 not in set().union(*(statuses for name, statuses in tried.items() if "sign-in" not in name))
    assert sum(200 in statuses for statuses in tried.values()) > len(tried) / 2, tried
