PYTHON ?= python3
.PHONY: setup test lint
.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q -e '.[dev]'
	touch $@
setup: .venv/.ready
lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
test: setup
	.venv/bin/pytest -q
