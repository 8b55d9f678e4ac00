# make run: the dashboard. make test: lint and the tests. Everything is installed into .venv by these two.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-slow faults test-cluster lint format screenshots clean

run: $(VENV)/run.stamp
	$(BIN)/streamlit run app.py

test: lint
	$(BIN)/python -m pytest -m "not slow and not faults and not cluster"

test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m slow

# Processes are killed and frozen, the store is taken away; GREENAI_FAULTS_SCALE=0.08 is a short form of it.
faults: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m faults

# Two nodes of Ray and a PostgreSQL server on this machine.
test-cluster: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m cluster

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/dev.stamp
	$(BIN)/python -m tools.screenshots

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install -q -r requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements.txt requirements-cluster.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@ $(VENV)/run.stamp

clean:
	rm -rf $(VENV)
