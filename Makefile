# Nothing but Python ≥ 3.11.2 (with venv) and make is needed; the rest goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(PYTHON) requirements/install.py
SOURCES := pyproject.toml pdm_build.py requirements/install.py \
  $(wildcard translations/*/LC_MESSAGES/*.po)

.PHONY: run extras check test lint types tests tests-in-process mutants lock bench endurance faults container audit messages \
  picture clean

run: .venv/installed
	@$(BIN)/devis serve

# Mail workers, chats and sign-on, which the core leaves out.
extras: .venv/extras

# What to run while working: formats, lint, types, and the quick tests that start no other process.
check: .venv/tests
	@$(MAKE) --no-print-directory -j 3 lint types tests-in-process

# All of it. Programs that are missing are named at the end; with CI=true they fail the run.
test: .venv/tests lint
	@$(MAKE) --no-print-directory -j 2 types tests

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

tests-in-process:
	$(BIN)/pytest -n 3 --dist worksteal -m "not served and not slow"

tests:
	$(BIN)/pytest -n 3 --dist loadfile

# Plant faults, one at a time, and see the tests notice each.
mutants: .venv/tests
	$(BIN)/python -m tests.mutants

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
	$(BIN)/python -m tests.faults.abuse

# Build the image and try it, as root, with Debian’s buildah: make container BASE=image-or-folder.
BASE ?= docker.io/library/python:3.13-slim
container: .venv/tests
	$(BIN)/python -m tests.container $(BASE)

# What is known against the code and what it is built on, by today’s tools and data: asks the network.
audit:
	@test -x .venv/audit/bin/pip || $(PYTHON) -m venv .venv/audit
	@.venv/audit/bin/pip install --quiet --disable-pip-version-check --upgrade bandit pip-audit
	.venv/audit/bin/bandit -q -ll -r feed -c pyproject.toml
	.venv/audit/bin/pip-audit -r requirements/test.txt --no-deps --disable-pip --strict

# Pin everything anew, for every Python from 3.11.2 on. What is pinned stays while it fits, unless
# it is asked for: make lock UPGRADE=--upgrade, or UPGRADE='--upgrade-package flask'.
BUILD := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
COMPILE = $(PYTHON) -c '$(BUILD)' | .venv/lock/bin/uv pip compile --quiet --no-config --universal \
  --python-version 3.11.2 --fork-strategy fewest --generate-hashes --no-emit-index-url --no-annotate \
  --custom-compile-command 'make lock' pyproject.toml -
lock:
	@test -x .venv/lock/bin/pip || $(PYTHON) -m venv .venv/lock
	@.venv/lock/bin/pip install --quiet --disable-pip-version-check --upgrade uv
	@$(COMPILE) $(UPGRADE) --extra test -o requirements/test.txt
	@$(COMPILE) --extra workers --extra chats --extra sign-on -c requirements/test.txt -o requirements/extras.txt
	@$(COMPILE) -c requirements/test.txt -o requirements/core.txt

# Bring the message catalogues up to date with the code.
messages: .venv/tests
	$(BIN)/python translations/update.py

# Take the README’s pictures anew.
picture: .venv/tests
	$(BIN)/python -m tests.screenshots docs

.venv/installed: $(SOURCES) requirements/core.txt
	@$(INSTALL) $(if $(wildcard .venv/tests),test,$(if $(wildcard .venv/extras),extras,core))
	@touch $@

.venv/extras: $(SOURCES) requirements/extras.txt
	@$(INSTALL) extras
	@touch .venv/installed $@

.venv/tests: $(SOURCES) requirements/test.txt
	@$(INSTALL) test
	@touch .venv/installed .venv/extras $@

clean:
	rm -rf .venv .pdm-build build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
