# The two commands of the README: `make run` starts Muster with a demonstration, `make test` proves it.
# Both install what is missing (.ci/needs), and need no network where nothing is.

CARGO ?= cargo
# `make run PROFILE=release` builds longer and runs faster.
PROFILE ?= dev
USERS ?= 100000
# How long `make fuzz` stays with each reader, and which: `make fuzz SECONDS=600 FUZZ=xml`.
SECONDS ?= 60
FUZZ ?= $(sort $(patsubst fuzz/targets/%.rs,%,$(wildcard fuzz/targets/*.rs)))

TARGET := $(or $(CARGO_TARGET_DIR),target)
PROGRAM := $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/muster
AXE := $(TARGET)/axe/node_modules/axe-core/axe.min.js
SCIM := $(TARGET)/scim/scim2_server/service.py
OPENID := $(TARGET)/openid/node_modules/oidc-provider/package.json

.PHONY: help run test bench bench-core bench-ldap bench-people fuzz lint docs clean

help:
	@echo "make run     build Muster, and serve a demonstration (data in MUSTER_DATA_DIR, ./data if unset)"
	@echo "make test    all tests: real PostgreSQL, real directory server, real browser"
	@echo "make bench   speed against the yardstick (USERS=$(USERS))"
	@echo "make bench-core  export and prepare on one core (USERS=$(USERS))"
	@echo "make bench-ldap  reading a directory against ldapsearch (USERS=$(USERS))"
	@echo "make bench-people  pages and profiles among many users, idle and during a run (USERS=$(USERS))"
	@echo "make fuzz    invented input for every reader, SECONDS=$(SECONDS) each (FUZZ=\"csv xml\": these alone)"
	@echo "make lint    format, clippy, licences, spelling"
	@echo "make docs    the documentation of the code, in $(TARGET)/doc"

run:
	@.ci/needs run
	$(CARGO) build --locked --profile $(PROFILE) --bin muster
	@exec $(PROGRAM) demo

test: $(AXE) $(SCIM) $(OPENID)
	@.ci/needs test
	AXE_CORE=$(abspath $(AXE)) SCIM_SERVER=$(abspath $(TARGET)/scim) \
		OPENID_PROVIDER=$(abspath $(TARGET)/openid/node_modules) $(CARGO) test --locked --no-fail-fast

bench:
	@.ci/needs bench
	USERS=$(USERS) $(CARGO) bench --locked --bench bench

# Export and prepare per core: Muster keeps to one, PostgreSQL only with ONE_CORE=all.
bench-core:
	@.ci/needs bench
	USERS=$(USERS) CONNECTORS=A ONE_CORE=$(or $(ONE_CORE),muster) $(CARGO) bench --locked --bench bench

bench-ldap:
	@.ci/needs bench
	USERS=$(USERS) $(CARGO) bench --locked --bench ldap

bench-people:
	@.ci/needs bench
	USERS=$(USERS) $(CARGO) bench --locked --bench people

# No memory errors are looked for, since there is no unsafe code here: any Rust will do. What a run finds new goes on in
# the next one; fuzz/corpus holds what each begins with, and is not written to.
fuzz:
	@.ci/needs fuzz
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	$(CARGO) fuzz build --sanitizer none
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && failed= && for target in $(FUZZ); do \
		echo "=== $$target, $(SECONDS) s" && mkdir -p "fuzz/target/corpus/$$target" && \
		TMPDIR=$$folder $(CARGO) fuzz run --sanitizer none $$target "fuzz/target/corpus/$$target" "fuzz/corpus/$$target" -- \
			-max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 -print_funcs=0 -verbosity=0 \
			|| failed="$$failed $$target"; \
	done; test -z "$$failed" || { echo "FAILED:$$failed; what it was is in fuzz/artifacts" >&2; exit 1; }

lint:
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check licenses bans sources; \
	else echo "cargo-deny is not installed: licences are not checked"; fi
	@if command -v typos >/dev/null; then typos; else echo "typos is not installed: spelling is not checked"; fi

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

clean:
	$(CARGO) clean

# What the browser tests look for accessibility with.
$(AXE):
	@.ci/needs npm
	npm install --prefix $(TARGET)/axe --no-save --no-audit --no-fund --ignore-scripts axe-core@4

# The service that SCIM is read from; the extra is for paging by cursor.
$(SCIM):
	@.ci/needs pip
	python3 -m pip install --quiet --disable-pip-version-check --only-binary :all: --target $(TARGET)/scim 'scim2-server[cursor]==0.8.*'

# The OpenID provider that people sign in at; for newer versions the Node.js of Debian 13 is too old.
$(OPENID):
	@.ci/needs npm
	npm install --prefix $(TARGET)/openid --no-save --no-audit --no-fund --ignore-scripts oidc-provider@8
