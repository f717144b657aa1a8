# `make` says what there is. Everything else is in scripts/setup and the `taskq` command.

venv := .venv/bin
acceptance := $(filter-out %_demo.py,$(wildcard tests/acceptance/test_*.py))
long := $(patsubst %,tests/acceptance/test_%.py,binder wheel lost_kernel dashboard launcher recipe_page parts)
last := $(filter %_board_scale.py,$(acceptance)) $(filter tests/acceptance/test_table_%,$(acceptance))

.DEFAULT_GOAL := help
.PHONY: help demo dashboard test acceptance chaos bench soak setup lint audit clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup  ## set up, then run about twenty Julia tasks on a local stack and show them live
	@$(venv)/taskq demo

dashboard: setup  ## open the dashboard in the browser
	@$(venv)/taskq dashboard

test:  ## set up, then check the code and run the test suite
	@scripts/setup --test
	$(venv)/ruff check
	$(venv)/mypy --strict
	@# The long files first, so that no process is left with one of them at the end.
	$(venv)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/integration tests/acceptance/test_demo.py tests/unit
	CHAOS_SLACK=$(or $(CHAOS_SLACK),1.5) $(venv)/python -m pytest tests/chaos
	$(venv)/python scripts/audit.py

acceptance:  ## set up, then test what takes longest: browsers, wheels, Binder, the README
	@scripts/setup --test
	@# The long files first here, too. A hundred thousand tasks come last, beside tables that have none of the stack's.
	$(venv)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(long) $(filter-out $(long) $(last),$(acceptance)) $(last)

chaos: setup  ## ten minutes of faults on a local stack, and a report (SEED=1, MINUTES=10)
	PYTHONPATH=tests $(venv)/python -m chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),10)

bench: setup  ## taskq beside Celery, Dramatiq and Dask, which it installs in a temporary folder, and alone (ROUNDS=5)
	PYTHONPATH=tests $(venv)/python benchmarks/results.py --rounds $(or $(ROUNDS),5)

soak: setup  ## ten minutes of work on a database of a million tasks: memory of each part (MINUTES=10)
	PYTHONPATH=tests $(venv)/python benchmarks/soak.py --minutes $(or $(MINUTES),10)

setup:  ## get what taskq needs: .venv, RabbitMQ, Julia
	@scripts/setup

lint: setup  ## check the code only
	$(venv)/ruff check
	$(venv)/mypy --strict

audit:  ## look for known vulnerabilities of what is installed
	@scripts/setup --test
	$(venv)/python scripts/audit.py

clean:  ## remove what `make` has made in this folder, .venv included
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results
	find . -name node_modules -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
