# Every habit is a target; the README gives the plain commands beneath them.
PYTHON ?= python3
VENV := .venv/bin

.PHONY: demo serve greedy test test-tools lint vendor screenshots clean

demo: .venv/.runtime
	$(VENV)/python -m wallboard demo

serve: .venv/.runtime
	$(VENV)/python -m wallboard serve

test: .venv/.dev
	sh scripts/browser.sh
	$(VENV)/coverage erase
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(VENV)/coverage run -m pytest
	$(VENV)/coverage combine -q
	$(VENV)/coverage report --skip-covered

greedy: .venv/.dev
	$(VENV)/python -m benchmarks.greedy

lint: .venv/.dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check wallboard app.py scripts
	$(VENV)/mypy

vendor: .venv/.dev
	$(VENV)/python scripts/vendor.py

screenshots: .venv/.dev
	sh scripts/browser.sh
	$(VENV)/python scripts/screenshots.py

.venv/.runtime: requirements.txt
	PYTHON=$(PYTHON) sh scripts/venv.sh requirements.txt
	touch $@

.venv/.dev: requirements.txt requirements-dev.txt
	PYTHON=$(PYTHON) sh scripts/venv.sh requirements-dev.txt
	touch .venv/.runtime $@

clean:
	rm -rf .venv .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
