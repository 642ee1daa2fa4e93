# Everything a developer or a curious reader runs; each target does the set-up it needs, into .dev/.
# Wanted beforehand: git, Rust (cargo, rustc), Python 3.10 or newer with venv, a C compiler and make.

PYTHON ?= python3
# a server's major version, where a target takes one: 18 or 16
PG ?=
PG_CONFIG ?=
NAME ?= all-MiniLM-L6-v2
# PostgreSQL's src/test/regress, built, for regress
SOURCE ?=
# further words for demo, test, bench and psql
ARGS ?=

export PYTHONPYCACHEPREFIX := $(CURDIR)/.dev/pycache
DEV := $(PYTHON) -m tools.dev
with_pg = $(if $(PG),--pg $(PG))

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-long fuzz lint deny bench eval serve stop psql install regress model env

help:
	@echo 'make demo                       a guided tour on a server of its own'
	@echo 'make serve|stop|psql [PG=18|16] a server with the extension: start, stop, talk to it'
	@echo 'make install PG_CONFIG=PATH     build for your server and install into it (PostgreSQL 16, 17, 18)'
	@echo 'make test [PG=18|16]            the crates, then the extension on both servers'
	@echo 'make test-long [PG=18|16]       the same with nothing shortened'
	@echo 'make fuzz [ARGS="60 frames"]    every parser of outside bytes, minutes each'
	@echo 'make regress PG_CONFIG=PATH SOURCE=DIR  the regression suite of your server, without and with us'
	@echo 'make lint                       formatting, lints, documentation, licences, invariants'
	@echo 'make bench                      the benchmarks'
	@echo 'make eval                       how well questions find their tables'
	@echo 'make model [NAME=...]           a model directory under .dev/models'
	@echo 'make setup|build                only the tools, only the extension'
	@echo 'eval "$$(make -s env)"           the environment for calling cargo by hand'

setup build demo test test-long fuzz serve stop bench eval:
	@$(DEV) $@ $(with_pg) $(if $(ARGS),-- $(ARGS))

psql:
	@$(DEV) psql $(with_pg) $(if $(ARGS),-- $(ARGS))

lint deny env:
	@$(DEV) $@

install:
	@$(DEV) install --pg-config '$(PG_CONFIG)'

regress:
	@$(DEV) regress --pg-config '$(PG_CONFIG)' --source '$(SOURCE)'

model:
	@$(DEV) model '$(NAME)' $(if $(ARGS),-- $(ARGS))
