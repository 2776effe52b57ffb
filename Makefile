PYTHON ?= python3
.PHONY: setup demo up test lint chaos bench

# A CPU build of torch that lies at hand is named first, or another package would pull the newest CUDA build.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check -c constraints.txt torch -e '.[local,retrain,dev]'
	touch $@
setup: .venv/.ready
lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
test: setup
	.venv/bin/pytest -q
