# Everything from a fresh checkout: "make serve", "make test". "make" alone lists the targets.
# Tools needed: Python 3.11 or newer with venv, Node.js with npm; for the tests Chromium, nginx, HAProxy, Redis and systemd's
# own tools; for the benchmark gcc.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
PYTEST_ARGS ?=
PORT ?=

PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input
# "resolved" addresses stay out of the lock files, so that they work with any registry.
NPM_CI := npm ci --loglevel=error --no-audit --no-fund --omit-lockfile-registry-resolved

DEMO_CLIENT := client_demo/node_modules/.package-lock.json
TEST_CLIENTS := tests/e2e/node_modules/.package-lock.json
BENCH_PEERS := benchmarks/peers/node_modules/.package-lock.json

# $(call need,command,Debian package,what for)
need = command -v $(1) >/dev/null || { echo "make: $(1) is missing; it is for $(3). Install it with: apt-get install $(2)" >&2; exit 1; }
# $(call failed,what couldn't be installed,where it comes from,what names another place)
failed = { echo "make: couldn't install $(1); the reason stands above. It comes from $(2): behind a proxy set HTTPS_PROXY, for a mirror $(3)" >&2; exit 1; }
comma := ,
# $(call pip_install,packages,what they are)
define pip_install
@echo "== $(2)"
@$(PIP) $(1) || $(call failed,$(2),pypi.org,PIP_INDEX_URL)
endef
# $(call npm_ci,stamp file,what for)
define npm_ci
@$(call need,node,nodejs npm,$(2))
@$(call need,npm,nodejs npm,$(2))
@echo "== npm packages of $(2)"
@(cd $(patsubst %/node_modules/.package-lock.json,%,$(1)) && $(NPM_CI) >/dev/null) || $(call failed,the npm packages of $(2),registry.npmjs.org,npm_config_registry)
@touch $(1)
endef

.PHONY: help serve test lint format docs bench bench-quick clean chromium curl haproxy nginx redis systemd

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.installed $(DEMO_CLIENT)  ## Serve the demo on http://127.0.0.1:8000, or with PORT=8001 there
	@exec $(BIN)/rtserver serve --config config/development.toml $(if $(PORT),--port $(PORT))

test: $(VENV)/.installed-test $(DEMO_CLIENT) $(TEST_CLIENTS) chromium curl haproxy nginx redis systemd  ## Run the tests, real clients and Chromium included; or some: PYTEST_ARGS=tests/unit
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-lint  ## Check style and types: ruff, mypy strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.installed-lint  ## Format the code, and fix what ruff can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/.installed  ## Make anew what the documentation has from elsewhere: references of the settings, the plot
	@$(BIN)/rtserver default-config > config/rtserver.toml
	@$(BIN)/rtserver default-config --format markdown > docs/configuration.md
	@$(BIN)/python -m benchmarks.plot

bench: $(VENV)/.installed bench-peers  ## Measure against the peers (minutes)
	@$(BIN)/python -m benchmarks

bench-quick: $(VENV)/.installed bench-peers  ## The same, shorter and rougher
	@$(BIN)/python -m benchmarks --quick

clean:  ## Remove everything that the other targets made
	rm -rf $(VENV) build benchmarks/build *.egg-info client_demo/node_modules tests/e2e/node_modules benchmarks/peers/node_modules
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The Python environment. Each stamp stands for one set of packages, and falls with pyproject.toml.

$(VENV)/pyvenv.cfg:
	@python=; for name in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$name; break; fi; \
	done; \
	[ -n "$$python" ] || { echo "make: Python 3.11 or newer is missing. Install it with: apt-get install python3 python3-venv (Debian 12 or newer), or set PYTHON=/path/to/python3" >&2; exit 1; }; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $$python has no venv module. Install it with: apt-get install python3-venv" >&2; exit 1; }; \
	echo "== Python environment in $(VENV): $$("$$python" --version)"; \
	"$$python" -m venv $(VENV) || { rm -rf $(VENV); echo "make: $$python couldn't make $(VENV); the reason stands above" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(VENV)/pyvenv.cfg
	$(call pip_install,--editable .,rtserver and its dependencies)
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/pyvenv.cfg
	$(call pip_install,--editable '.[test]',rtserver and what its tests need)
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-lint: pyproject.toml | $(VENV)/pyvenv.cfg
	$(call pip_install,--editable '.[lint$(comma)test]',rtserver and what its checks need)
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

# JavaScript clients and peers, from npm.

$(DEMO_CLIENT): client_demo/package.json client_demo/package-lock.json
	$(call npm_ci,$@,the demo)

$(TEST_CLIENTS): tests/e2e/package.json tests/e2e/package-lock.json
	$(call npm_ci,$@,the tests)

$(BENCH_PEERS): benchmarks/peers/package.json benchmarks/peers/package-lock.json
	$(call npm_ci,$@,the benchmark's peers)

# A peer that can't be installed is left out of the benchmark, by name.
.PHONY: bench-peers
bench-peers:
	@$(call need,gcc,gcc libc6-dev,the benchmark's load generator)
	@$(MAKE) $(BENCH_PEERS) || echo "== without the peers that run on Node.js and Bun" >&2

# $(call debian,command,what needs it,Debian package)
define debian
@if PATH="$$PATH:/usr/sbin" command -v $(1) >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "make: $(1) is missing; it is for $(2). Install it as root with: apt-get install $(3)" >&2; exit 1; \
	fi; \
	echo "== $(1), from Debian"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq && apt-get install -qq --yes --no-install-recommends $(3) >/dev/null || \
		{ echo "make: couldn't install $(1), which is for $(2); the reason stands above. Install it with: apt-get install $(3)" >&2; exit 1; }
endef

chromium:
	$(call debian,chromium,the tests of the demo,chromium)

haproxy:
	$(call debian,haproxy,the tests of proxies,haproxy)

nginx:
	$(call debian,nginx,the tests of proxies,nginx-light)

redis:
	$(call debian,redis-server,the tests of clusters,redis-server)

curl:
	$(call debian,curl,the tests of the documentation,curl)

systemd:
	$(call debian,systemd-analyze,the tests of the unit files,systemd)
