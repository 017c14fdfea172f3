# Every habit is a target; the README gives the plain commands beneath them.
PYTHON ?= python3
VENV := .venv/bin

.PHONY: demo serve test coverage test-newest lint torn crash cuts many greedy soak vendor pins audit screenshots tvlab bench bench-browser clean

demo: .venv/.runtime
	$(VENV)/python -m wallboard demo

serve: .venv/.runtime
	$(VENV)/python -m wallboard serve

# What measures time runs alone; the rest shares the processors.
PARTS = -n 3 --dist worksteal -m "not alone"
test: .venv/.dev
	sh scripts/browser.sh
	sh scripts/fault-tools.sh
	$(VENV)/python -m pytest $(PARTS)
	$(VENV)/python -m pytest -m alone

# The same tests, and which lines of the servers they start were never run; takes half as long again.
coverage: .venv/.dev
	sh scripts/browser.sh
	sh scripts/fault-tools.sh
	$(VENV)/coverage erase
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(VENV)/coverage run -m pytest $(PARTS)
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(VENV)/coverage run -m pytest -m alone
	$(VENV)/coverage combine -q
	$(VENV)/coverage report --skip-covered

# The hostile bodies and the tests that need no browser, on the newest Python that is installed beside 3.11.
test-newest:
	sh scripts/test_newest.sh

# 5,000 stalled readers and what they cost the others.
greedy: .venv/.dev
	$(VENV)/python -m benchmarks.greedy

lint: .venv/.dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check wallboard app.py scripts
	$(VENV)/mypy

# One byte of a journal's files changed or cut, at every STRIDEth place (1: everywhere, which takes hours).
torn: .venv/.dev
	TMPDIR=$${TMPDIR:-/dev/shm} $(VENV)/python -m tests.torn $(or $(STRIDE),31)

# KILLS times SIGKILL under load; every acknowledged event must be there afterwards.
crash: .venv/.dev
	$(VENV)/python -m tests.crash --kills $(or $(KILLS),1000)

# 8 writers, 4 processes and no end of trouble on one PostgreSQL; every event must be where it belongs. An hour or so.
many: .venv/.dev
	$(VENV)/python -m tests.many --events $(or $(EVENTS),1000000)

# The faults of PostgreSQL with the network cut for SECONDS (60) instead of three.
cuts: .venv/.dev
	CUT_SECONDS=$(or $(SECONDS),60) $(VENV)/python -m pytest -n 0 tests/test_postgres_faults.py

vendor: .venv/.dev
	$(VENV)/python scripts/vendor.py

# requirements*.txt anew from requirements*.in, which list what we chose. UPGRADE=--upgrade moves what they do not name.
pins: .venv-audit/.made
	sh scripts/compile_pins.sh $(UPGRADE)

# build/sbom.json (CycloneDX) and what is known against the pins; fails if the vulnerability service does not answer.
audit: .venv/.runtime .venv-audit/.made
	$(VENV)/python -m scripts.sbom
	$(VENV)/python -m scripts.audit

screenshots: .venv/.dev
	sh scripts/browser.sh
	$(VENV)/python -m scripts.screenshots

# How fast it is, beside nginx + nchan, Node and others, where they are there: half an hour, the machine to itself.
# SHORT=1 for a few minutes; SUITES="fanout glass" for some. docs/performance.md.
bench: .venv/.dev
	$(VENV)/python -m benchmarks $(if $(SHORT),--short) $(SUITES)

# What the wall costs a screen: script time, first paint, weight.
bench-browser: .venv/.dev
	sh scripts/browser.sh
	$(VENV)/python -m benchmarks.browser

# A busy board in the Chromium builds of old televisions; VERSIONS="69 79" for some. Needs node and npm.
tvlab: .venv/.dev
	sh scripts/browser.sh
	$(VENV)/python -m scripts.tvlab $(VERSIONS)

# SECONDS=600 for a short one; the samples are in build/soak.json while it runs.
soak: .venv/.dev
	sh scripts/browser.sh
	$(VENV)/python -m scripts.soak $(or $(SECONDS),3600)

.venv/.runtime: requirements.txt
	PYTHON=$(PYTHON) sh scripts/venv.sh requirements.txt
	touch $@

.venv/.dev: requirements.txt requirements-dev.txt
	PYTHON=$(PYTHON) sh scripts/venv.sh requirements-dev.txt
	touch .venv/.runtime $@

.venv-audit/.made: requirements-audit.txt
	PYTHON=$(PYTHON) sh scripts/venv.sh requirements-audit.txt .venv-audit
	touch $@

clean:
	rm -rf .venv .venv-audit .venv-newest .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
