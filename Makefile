# The front door of Kontor. `make` alone shows the menu.

PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
export PORT
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONDONTWRITEBYTECODE = 1
# Where a change is judged, a test over real sockets or a real browser that fails is tried again, and the summary names it: the machines
# there are busy. What went wrong the first time and what takes longest is told.
AGAIN := $(if $(filter true,$(CI)),--reruns 2 -rR --rerun-show-tracebacks --durations=40)
# Every worker and every process of the tests reads what the first one compiled.
TESTS := env PYTHONDONTWRITEBYTECODE= $(PY)
# Many of the native tests wait for limits and sockets that are real: three for each core. A browser takes a core while its
# desk starts and waits for much of the rest: three for two cores.
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= $(shell expr 3 \* $(CORES))
BROWSERS ?= $(shell expr 3 \* $(CORES) / 2)

.PHONY: help run build setup test soak test-native test-proxy test-e2e test-engines bench dist lint browsers clean

help:
	@echo "make run           set up what is missing, build, serve http://127.0.0.1:$(PORT) and open it (PORT=n for another port)"
	@echo "make build         the static site in build/site"
	@echo "make dist          the static site in dist/, for any host and any path"
	@echo "make lint          style and import rules"
	@echo "make test          lint, native tests, the proxy's tests with their coverage, end to end tests in Chromium"
	@echo "make test-engines  first run, trade, reload, offline and a live market in Firefox and WebKit too"
	@echo "make soak          10,000 fault schedules of the order path, proof that they find a broken desk, a simulated day of live venues"
	@echo "make bench         the figures, each with its yardstick"
	@echo "make clean         remove what was built (downloads stay in the cache)"

run: build
	@exec $(PY) -m proxy --open

build: setup
	@$(PY) -m tools.bundle build/site

dist: setup
	@$(PY) -m tools.bundle dist
	@echo "dist/ is ready: copy it to any web server, at any path"

# Set-up: each step runs again only when what it depends on has changed. vendor/ checks itself, file by file.
setup: $(VENV)/run.stamp node_modules/npm.stamp
	@$(PY) -m tools.vendor

$(VENV)/venv.stamp:
	@python=$$(sh tools/doctor.sh) && echo "  creating $(VENV)" && "$$python" -m venv $(VENV) && touch $@

$(VENV)/run.stamp: $(VENV)/venv.stamp requirements.txt constraints.txt
	@echo "  installing the proxy's packages"
	@$(PY) -m pip install --quiet -r requirements.txt -c constraints.txt && touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	@echo "  installing the test packages"
	@$(PY) -m pip install --quiet -r requirements-dev.txt -c constraints.txt && touch $@

node_modules/npm.stamp: package.json package-lock.json
	@sh tools/doctor.sh >/dev/null
	@echo "  installing the browser runtime's packages"
	@npm ci --no-audit --no-fund --loglevel=error && touch $@

lint: $(VENV)/dev.stamp
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports --no-cache

# The native tests and those that drive a browser run apart: the browser's driver owns an event loop of its own.
test: lint test-native test-proxy test-e2e

test-native: build $(VENV)/dev.stamp
	@$(TESTS) -m pytest $(AGAIN) -n $(WORKERS) --dist worksteal tests --ignore=tests/e2e --ignore=tests/engines --ignore=tests/bench --ignore=tests/unit/proxy --ignore=tests/oauth

test-proxy: build $(VENV)/dev.stamp
	@$(PY) -m coverage erase
	@$(TESTS) -m coverage run -m pytest $(AGAIN) -n auto --dist worksteal tests/unit/proxy tests/oauth
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

test-e2e: build $(VENV)/dev.stamp browsers
	@$(TESTS) -m pytest $(AGAIN) -n $(BROWSERS) --dist worksteal tests/e2e

test-engines: build $(VENV)/dev.stamp
	@$(PY) -m tools.browsers chromium firefox webkit
	@$(TESTS) -m pytest $(AGAIN) tests/engines -m engines

browsers: $(VENV)/dev.stamp
	@$(PY) -m tools.browsers chromium

soak: $(VENV)/dev.stamp
	@KONTOR_SCHEDULES=10000 $(PY) -m pytest --timeout 0 tests/simulation/test_faults.py tests/simulation/test_accounts_faults.py
	@KONTOR_DISCONNECTS=500 $(PY) -m pytest --timeout 0 tests/venues/test_soak.py

bench: build $(VENV)/dev.stamp browsers
	@$(PY) -m tests.bench

clean:
	rm -rf build dist vendor node_modules $(VENV)
