PYTHON ?= python3
DATA ?= .finsent
# Processes that run the tests, each with a broker and a ClickHouse of its own.
TESTERS ?= 2
TEXTS ?= $(wildcard ../shared/data/train/tfns.csv.gz ../shared/data/train/sentfin.csv.gz)
HELM ?= v3.22.0
KUBECONFORM ?= v0.8.0
PIPX ?= 1.18.4
UV ?= 0.13.9
PIP_AUDIT ?= 2.10.1
.PHONY: setup kafka demo up test lint chaos acceptance-cluster bench k8s-tools acceptance-k8s compose-check grafana-check images install-check sbom audit-packages docs

# torch is named so that a CPU build that lies at hand is taken; another package would pull the newest CUDA build.
.venv/.ready: pyproject.toml constraints.txt $(wildcard model/engine/kernel/*) deploy/local/node/package-lock.json tests/support/openid/package-lock.json
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch -e '.[local,retrain,registry,files,feeds,client,mcp,otel,docs,dev]'
	.venv/bin/python -m deploy.local.install
	.venv/bin/python -m tests.support.certified_provider
	touch $@

setup: .venv/.ready

# Apache Kafka, for `finsent up --broker kafka` and the tests: needs Java 17 and Maven.
kafka: setup
	.venv/bin/python -m deploy.local.kafka

demo: setup
	.venv/bin/finsent demo --json build/demo.json

up: setup
	.venv/bin/finsent up --data $(DATA)

lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy errors.py finsent.py alerts benchmarks cli console deploy documents feeds model retrain settings storage stream
	.venv/bin/python -m documents.schemas --check

test: setup
	.venv/bin/pytest -q --numprocesses=$(TESTERS) --dist=loadfile --no-loadscope-reorder

# BROKER=kafka: on three brokers of Apache Kafka, with the faults of a cluster; CHAOS="--short --rounds 1" is a small run.
chaos: setup
	.venv/bin/python -m benchmarks.chaos$(if $(filter kafka,$(BROKER)),_kafka,) --json build/chaos$(if $(filter kafka,$(BROKER)),-kafka,).json $(CHAOS)

# Against a real cluster: see docs/clickhouse.md, Replicas.
acceptance-cluster: setup
	.venv/bin/python -m benchmarks.acceptance_cluster $(if $(STOP),--stop "$(STOP)" --start "$(START)")

bench: setup
	.venv/bin/python -m benchmarks.scorer $(if $(TEXTS),--texts $(TEXTS)) --json build/bench.json

# Helm and kubeconform, built by Go: for the tests of the chart, which say so where they have no Helm.
build/tools/helm:
	GOBIN=$(CURDIR)/build/tools go install helm.sh/helm/v3/cmd/helm@$(HELM)

build/tools/kubeconform:
	GOBIN=$(CURDIR)/build/tools go install github.com/yannh/kubeconform/cmd/kubeconform@$(KUBECONFORM)

k8s-tools: build/tools/helm build/tools/kubeconform

# The chart against the schemas of three Kubernetes versions; says what it proved, and what not. SERVER=1: on a real API
# server too, which Go compiles the first time (see docs/deploy.md); CRDS=FOLDER: it knows the CRDs in there.
acceptance-k8s: setup k8s-tools
	.venv/bin/python -m tests.deploy.acceptance_k8s $(if $(SERVER),--server) $(if $(CRDS),--crds "$(CRDS)")

# The compose file against the compose specification.
compose-check: setup
	.venv/bin/python -m tests.deploy.compose_check

# The images, built and run without Docker: needs root, and buildah, crun and debootstrap of Debian. IMAGES="worker console" are
# only those.
images: kafka
	.venv/bin/python -m tests.deploy.images_check $(IMAGES)

# The pages of docs/ as a site, in build/site.
docs: setup
	.venv/bin/mkdocs build --strict

build/tools/dashboards: tests/deploy/dashboards/main.go tests/deploy/dashboards/go.sum
	cd tests/deploy/dashboards && go build -o $(CURDIR)/$@ .

# The dashboards against Grafana's definitions.
grafana-check: setup build/tools/dashboards
	.venv/bin/python -m tests.deploy.grafana_check

# pipx and uv, in an environment of their own.
build/tools/installers/bin/uv:
	$(PYTHON) -m venv build/tools/installers
	build/tools/installers/bin/pip install --quiet --disable-pip-version-check pipx==$(PIPX) uv==$(UV)

# The wheel, installed by each of them with the packages of PyPI.
install-check: setup build/tools/installers/bin/uv
	.venv/bin/python -m tests.deploy.install_check

# A bill of materials (CycloneDX) for each image, of what its requirements lock: build/sbom.
sbom: setup
	.venv/bin/python -m deploy.images.bill

# pip-audit, in an environment of its own: what it needs is not among what it looks at.
build/tools/audit/bin/pip-audit:
	$(PYTHON) -m venv build/tools/audit
	build/tools/audit/bin/pip install --quiet --disable-pip-version-check pip-audit==$(PIP_AUDIT)

# Every locked package against the published advisories: needs the network. --strict: a package of which nothing could be
# found out is a failure, too, or an advisory service that is away would look like a clean answer.
audit-packages: build/tools/audit/bin/pip-audit
	for lock in constraints.txt $(wildcard deploy/images/requirements-*.txt); do \
		build/tools/audit/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r $$lock || exit 1; done
	npm audit --package-lock-only --prefix deploy/local/node
	npm audit --package-lock-only --prefix tests/support/openid
