# Havok. Two commands do everything on a fresh machine: `make up` and `make test`.
#   make up      a local Kubernetes with the platform and a Java sample that answers
#   make test    every check and test, from a fresh clone
#   make soak    the long proofs: generated Boots and configs, faults of API servers, leaders at war
#   YES=1        install missing Debian packages without asking
#   NAME=b       another local cluster than the default one
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
export YES NAME
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MYPY_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/havok/mypy
PYTEST := python -m pytest -q

.PHONY: help up down test check unit scenario soak soak-short setup binaries generate lock bench bench-short clean

help: ## this page
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

up: setup ## make or heal the local cluster, deploy the Java sample, print its address
	@scripts/first-app

down: ## stop the local cluster; its data stays
	@havok down

test: setup ## everything CI runs: checks, unit tests, tests on real servers and a real cluster
	@scripts/phase checks $(MAKE) check
	@scripts/phase unit $(MAKE) unit
	@scripts/phase binaries $(MAKE) binaries
	@scripts/phase scenarios $(MAKE) scenario
	@scripts/phase soak $(MAKE) soak-short
	@scripts/phase benchmarks $(MAKE) bench-short

check: ## lint, format, types, import contracts, generated files
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python scripts/docs.py --check

unit: ## tests that need no server
	$(PYTEST) tests/unit

scenario: ## tests on a real API server and a real local cluster (root)
	$(PYTEST) tests/scenario

soak-short:
	$(PYTEST) -s tests/soak

soak: setup ## the long proofs, about half an hour; SEED=, FIRST=, CASES= and ROUNDS= choose
	SOAK_CASES=$(or $(CASES),100000) SOAK_SEED=$(or $(SEED),$(shell date +%s)) SOAK_FIRST=$(FIRST) $(PYTEST) -s tests/soak
	SOAK_ROUNDS=$(or $(ROUNDS),10) $(PYTEST) tests/scenario/kube/test_any_fault.py tests/scenario/kube/test_lies.py
	SOAK_ROUNDS=$(or $(ROUNDS),40) $(PYTEST) tests/scenario/kube/test_fencing.py

setup: ## virtual environment and Debian packages
	@scripts/setup

binaries: ## build Kubernetes and its companions into the cache, once
	@python -m havok.localcluster.binaries

generate: ## write generated files anew
	python -m havok.crds
	python -m havok.boots.rbac
	python scripts/docs.py --write

lock: ## resolve dependencies anew into requirements/
	scripts/lock

bench-short:
	python benchmarks/first_light.py --short
	python benchmarks/boots.py --short
	python benchmarks/kube.py --short

bench: setup ## measure cold and warm starts, sizes, --help; see benchmarks/RESULTS.md
	python benchmarks/first_light.py
	python benchmarks/boots.py
	python benchmarks/kube.py

clean: ## remove what builds and tests left in this folder
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis examples/*/build
