# Everything that is done with this repository. `make` alone lists it.
# It needs Go, Node and make; the whole test run also needs what scripts/install-deps installs (without it, tests that need a service are skipped).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/gomph/gomph/internal/kit/config.Version=$(VERSION)
# Announces a step, times it, and shows what to run when it fails.
STEP := scripts/step
# Three packages at a time: each waits now and then for its database or for a program of others, so that two cores are busy.
TESTFLAGS ?= -p 3 -parallel 3 -timeout 20m
# SQLite's own code, a million lines translated from C, is left out of the search for races: it is not ours, and half of the time that tests take with it.
RACEFLAGS := -race -gcflags=modernc.org/...=-race=false

# The client is embedded into the binary. A tree without it builds a binary without pages for the client.
WEB := $(wildcard web/package.json)
WEBFILES := $(if $(WEB),$(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -name '*.go'))
BUILD := go build -trimpath -ldflags '$(LDFLAGS)' $(if $(WEB),,-tags noweb)
# Built again when a source changed, and when what was built is gone.
WEBBUILT := bin/.web-built
ifeq ($(wildcard web/dist/*),)
$(shell rm -f $(WEBBUILT))
endif

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build all and start a server on http://localhost:3000 with files under ./data
	LOCAL_DOMAIN=$${LOCAL_DOMAIN:-localhost:$${PORT:-3000}} LOCAL_HTTPS=$${LOCAL_HTTPS:-false} bin/gomph serve

dev: ## start a server with a small community, and the client that reloads when its sources change
	scripts/dev

test: check ## the same as check

check: web test-deps ## everything that CI runs, in its order: format, linters, client, docs, tests, end-to-end tests
	@$(STEP) 'format (gofmt)' scripts/check-format
	@$(STEP) 'go vet' go vet ./...
	@$(STEP) 'staticcheck' go tool -modfile=tools/go.mod staticcheck ./...
	@$(if $(WEB),$(STEP) 'client (types and tests)' npm --prefix web run check)
	@$(if $(wildcard internal/app),$(STEP) 'generated docs are fresh' go test ./internal/app/... -run Docs)
	@$(STEP) 'tests, with the race detector' go test $(RACEFLAGS) $(TESTFLAGS) $$(go list ./... | grep -v /test/)
	@$(STEP) 'any order of arrival, thousands of them' go test $(TESTFLAGS) ./internal/door/activitypub -run TestOrderDoesNotMatter
	@$(STEP) 'fuzzing, ten thousand inputs each' scripts/fuzz 10000x plain
	@$(STEP) 'end-to-end tests' go test -count=1 $(TESTFLAGS) ./test/...

FUZZTIME ?= 10m

vuln: ## look whether what the binary calls has known holes (asks vuln.go.dev, so it is not part of check)
	go tool -modfile=tools/go.mod govulncheck ./...

fuzz: ## run every fuzz target for FUZZTIME (10m), one after another
	scripts/fuzz $(FUZZTIME)

bench: $(if $(WEB),web) ## measure speed and memory of the real program; docs/benchmarks.md keeps the numbers
	go run ./test/bench -engine both -write

build: $(if $(WEB),web) ## build bin/gomph with the client in it
	CGO_ENABLED=0 $(BUILD) -o bin/gomph ./cmd/gomph

release: $(if $(WEB),web) ## build static binaries for Linux, amd64 and arm64, into dist/
	@mkdir -p dist
	for arch in amd64 arm64; do CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(BUILD) -o dist/gomph-$(VERSION)-linux-$$arch ./cmd/gomph; done
	cd dist && sha256sum gomph-$(VERSION)-linux-* > gomph-$(VERSION).sha256

web: $(if $(WEB),$(WEBBUILT)) ## build the client into web/dist, where Go embeds it

docs: ## write the docs that list things (routes, settings, events, metrics, attacks) anew
	go test ./internal/app/... -run Docs -update

test-deps: test/browser/node_modules/.package-lock.json test/clients/node_modules/.package-lock.json test/peers/node_modules/.package-lock.json # what others wrote, for the end-to-end tests

s3-servers: ## build the S3 servers that others wrote, for the tests of files; the first time takes minutes
	go run ./test/s3servers

$(WEBBUILT): $(WEBFILES) web/node_modules/.package-lock.json
	@mkdir -p bin
	npm --prefix web run build
	@touch $@

# npm writes this file last; it is older than the lock file when the packages are not those of the lock file.
%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: help run dev test check vuln fuzz bench build release web docs test-deps s3-servers
