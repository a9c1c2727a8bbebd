# Nothing but Python ≥ 3.11 (with venv) and make is needed; the rest goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test bench endurance faults audit messages picture clean

run: .venv/installed
	@$(BIN)/devis serve

test: .venv/tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile

bench: .venv/tests
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.serving
	$(BIN)/python -m tests.bench.soak
	$(BIN)/python -m tests.bench.sending
	$(BIN)/python -m tests.bench.subscribers
	$(BIN)/python -m tests.bench.workers
	$(BIN)/python -m tests.bench.desk

# Read, edit and send at once, for ten minutes.
endurance: .venv/tests
	$(BIN)/python -m tests.bench.endurance

# Kill what is running at the worst moments, and count what is lost.
faults: .venv/tests
	$(BIN)/python -m tests.faults.mail
	$(BIN)/python -m tests.faults.workers
	$(BIN)/python -m tests.faults.site

# What is known against the code and what it is built on, by today’s tools and data: asks the network.
audit:
	@test -x .venv/audit/bin/pip || $(PYTHON) -m venv .venv/audit
	@.venv/audit/bin/pip install --quiet --disable-pip-version-check --upgrade bandit pip-audit
	.venv/audit/bin/bandit -q -ll -r feed -c pyproject.toml
	.venv/audit/bin/pip-audit -r constraints.txt --no-deps --disable-pip --strict

# Bring the message catalogues up to date with the code.
messages: .venv/tests
	$(BIN)/python translations/update.py

# Take the README’s pictures anew.
picture: .venv/tests
	$(BIN)/python -m tests.picture docs

.venv/installed: pyproject.toml constraints.txt hatch_build.py $(wildcard translations/*/LC_MESSAGES/*.po)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Devis needs Python 3.11 or newer as $(PYTHON); name another with: make PYTHON=python3.12" >&2; exit 1; }
	@test -w . || { echo "This folder cannot be written by you: $(CURDIR). Clone Devis into a folder of your own." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv >/dev/null 2>&1 \
	  || { rm -rf .venv; echo "Python cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "Installing into .venv (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/tests: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
