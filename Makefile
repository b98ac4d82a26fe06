# Everything runs in .venv, which the first target that needs it sets up from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@echo "While you work: make test-fast; one unit test by .venv/bin/dbt test --select NAME; make lint and make test before you commit."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c "from crm_kpis.report.vega import read_bundle; read_bundle()"
	$(BIN)/python -c "from crm_kpis.run.build import parse_project; parse_project()"
	touch $@

.PHONY: setup
setup: .venv/.installed ## Set up .venv

.PHONY: run
run: setup ## Build and test the KPI marts of the shipped sample; ARGS="--raw-dir DIR" for your own data
	$(BIN)/crm-kpis run $(ARGS)

.PHONY: report
report: setup ## Write the report of the last run again; ARGS="--language de" for German
	$(BIN)/crm-kpis report $(ARGS)

# The tests of a file run in one process, since another would make the fixtures that they share once more.
PARALLEL := --numprocesses 2 --dist loadfile

.PHONY: test
test: setup ## Run all tests; ARGS="-k settings" for some of them
	$(BIN)/pytest $(PARALLEL) $(ARGS)

.PHONY: test-fast
test-fast: setup ## Run the tests that take a moment: the loop while you work
	$(BIN)/pytest $(PARALLEL) -m "not slow" $(ARGS)

.PHONY: test-all
test-all: setup ## Run all tests at their full size, for an hour or so, and ten mutations
	CRM_KPIS_TESTS=all $(BIN)/pytest $(PARALLEL) $(ARGS)
	$(MAKE) mutate

NUMBER ?= 10
.PHONY: mutate
mutate: setup ## Change the SQL at random, and see whether a test notices; NUMBER=60, ARGS="--until unit --path kpis/"
	$(BIN)/python tests/python/mutate.py --number $(NUMBER) $(ARGS)

# The SQL files that differ from the main branch of origin, or all where there is none. To check a file takes sqlfluff
# about a second, and what it finds depends on that file and the macros alone.
ALL_SQL := models tests analyses
SQL ?= $(shell if git rev-parse --verify --quiet origin/HEAD >/dev/null; then \
	git diff --name-only --diff-filter=d origin/HEAD -- $(ALL_SQL:%='%/*.sql'); \
	git ls-files --others --exclude-standard -- $(ALL_SQL:%='%/*.sql'); else echo $(ALL_SQL); fi)

.PHONY: lint
lint: setup ## Check types, style (of SQL: the files you changed), and that dbt parses without a warning
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy --no-error-summary
	$(if $(strip $(SQL)),$(BIN)/sqlfluff lint --processes 2 $(SQL))
	$(BIN)/dbt --quiet --warn-error --no-partial-parse parse --target lint --target-path target/lint

.PHONY: lint-all
lint-all: ## Check the same, and all SQL
	$(MAKE) lint SQL="$(ALL_SQL)"

.PHONY: format
format: setup ## Fix what the style checks can fix themselves
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix models tests analyses

.PHONY: docs
docs: run ## Write the documentation of every model and KPI, with lineage: target/static_index.html
	$(BIN)/dbt docs generate --static

.PHONY: sample
sample: setup ## Write the sample in seeds/sample again
	$(BIN)/python -c "from crm_kpis.raw.contract import PROJECT_DIR; from crm_kpis.generate.sample import write_sample; write_sample(PROJECT_DIR)"

.PHONY: kpi-docs
kpi-docs: setup ## Write kpis.md, the monthly tables, measure_inputs.csv, raw_tables.sql and docs of settings and sources again, from what declares them
	$(BIN)/python -c "from crm_kpis.catalogue.docs import write_docs, write_monthly; write_docs(); write_monthly()"
	$(BIN)/python -c "from crm_kpis.catalogue.inputs import write_inputs; write_inputs()"
	$(BIN)/python -c "from crm_kpis.raw.contract import write_tables; write_tables()"
	$(BIN)/python -c "from crm_kpis.settings.docs import write_docs; write_docs()"
	$(BIN)/python -c "from crm_kpis.sources.docs import write_docs; write_docs()"

.PHONY: screenshots
screenshots: run ## Write the pictures of docs/images again, by the installed Chromium
	$(BIN)/python scripts/make_screenshots.py

SIZE ?= 1m
.PHONY: bench
bench: setup ## Measure what a run costs on a made-up company of 1m, 10m or 100m rows (or as many as the sample): SIZE=10m
	PYTHONPATH=scripts $(BIN)/python -m crm_kpis_bench --size $(SIZE) $(ARGS)

.venv/.spark: .venv/.installed requirements-spark.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-spark.lock
	touch $@

.PHONY: spark
spark: .venv/.spark ## Build the sample on a Spark cluster of two workers, and compare it with DuckDB's; needs Java 17
	$(BIN)/python scripts/try_spark.py $(ARGS)

.PHONY: test-spark
test-spark: .venv/.spark ## Run the tests that compute on Spark, in one process; needs Java 17
	$(BIN)/pytest $(ARGS) tests/python/test_spark*.py

# uv resolves for all Pythons and platforms at once, which pip-tools does not.
.PHONY: lock
lock: setup ## Lock the dependencies of pyproject.toml again
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 --no-python-downloads --upgrade \
		--generate-hashes --no-strip-extras --no-header --no-annotate --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra spark --universal --python-version 3.10 --no-python-downloads --upgrade \
		--constraint requirements.lock --generate-hashes --no-strip-extras --no-header --no-annotate --quiet \
		--output-file requirements-spark.lock

.PHONY: clean
clean: ## Remove what was built, but not .venv
	rm -rf output/* target logs
