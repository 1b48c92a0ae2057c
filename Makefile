# `make` alone lists the targets: each has its line behind "##".
GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
LINT := $(TOOL) golangci-lint
FUZZTIME ?= 1m
BENCHTIME ?= 300ms
SOAKTIME ?= 10m
# One package after the other: some tests hold how soon a fault is noticed, and
# each package may run a PostgreSQL and an Asterisk of its own. Three tests at
# once, for they mostly wait: for phones, for what runs out, for a browser.
TESTFLAGS ?= -race -p=1 -parallel=3 -timeout=20m
# Phones, a PBX and a browser share the machine with whatever else it does: a
# test that fails runs once more when all others are done, and the summary shows
# both. It fails when it fails twice; with a data race or a panic at once.
RERUN := --rerun-fails=1 --rerun-fails-run-root-test --rerun-fails-abort-on-data-race

# One commit gives one program, wherever it is built, by one version of Go.
BUILDFLAGS := -trimpath -buildvcs=auto -ldflags="-s -w -buildid="
ARCHS ?= amd64 arm64

.DEFAULT_GOAL := help
.PHONY: help deps demo test build package workspace fuzz soak bench bench-load fmt lint generate verify cover clean
NPM := npm --prefix workspace --no-update-notifier
PAGE := workspace/dist/index.html
PAGE_SOURCES := $(shell git ls-files --cached --others --exclude-standard workspace | grep -v '\.go$$') api/openapi.yaml

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what this machine lacks (PostgreSQL, mmdebstrap, sip-tester, ...)
	@sh lab/deps.sh

demo: deps build ## run everything, private and throw-away, with phones that call
	./bin/callbackd demo

test: deps verify lint $(PAGE) ## everything: lint, generated files, all tests
	$(NPM) test
	$(TOOL) gotestsum --format=standard-quiet $(RERUN) --packages=./... -- $(TESTFLAGS)

build: $(PAGE) ## build bin/callbackd, static, with the workspace page in it
	CGO_ENABLED=0 $(GO) build $(BUILDFLAGS) -o bin/ ./cmd/callbackd

package: build ## build dist/*.deb for ARCHS (amd64 arm64)
	for arch in $(ARCHS); do \
		if [ "$$arch" = "$$($(GO) env GOHOSTARCH)" ]; then install -D bin/callbackd "dist/$$arch/callbackd"; \
		else CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build $(BUILDFLAGS) -o "dist/$$arch/" ./cmd/callbackd; fi && \
		NFPM="$(TOOL) nfpm" sh configs/debian/build.sh "$$arch" || exit 1; \
	done

workspace: $(PAGE) ## build the workspace page
$(PAGE): workspace/node_modules/.package-lock.json $(PAGE_SOURCES)
	$(NPM) run build
workspace/node_modules/.package-lock.json: workspace/package-lock.json
	$(NPM) ci

FUZZ := ari/FuzzDecode callcenter/FuzzTracker callcenter/FuzzCEL configs/FuzzParse configs/FuzzPattern phonebook/FuzzNormalise \
	phonebook/FuzzImport recording/FuzzWAV recording/FuzzName recording/FuzzParseRange api/FuzzContract
fuzz: ## fuzz whatever reads what others wrote, FUZZTIME (1m) each
	@for f in $(FUZZ); do echo "$$f"; \
		$(GO) test -run='^$$' -fuzz="^$${f#*/}$$" -fuzztime=$(FUZZTIME) "./$${f%/*}" || exit 1; done

soak: deps ## repeat every fault for SOAKTIME (10m) under 20 calls a second, show losses
	$(GO) test -run='^Test(Faults_(UnderLoad|HandOver|LoadStaysLevel|ShutdownWithReaders)|Alerts_OnFakeFaults)$$' -parallel=1 -v -timeout=0 ./cmd/callbackd -soak=$(SOAKTIME)

# Compare two runs by: go tool -modfile=tools/go.mod benchstat OLD NEW
# The lists are those of 100,000 callbacks and 1,000,000 calls; docs/operations.md
# says how to have more.
bench: ## measure the event path, playback, the lists and the phone book
	$(GO) test -run='^$$' -bench=. -benchmem ./ari ./callcenter
	$(GO) test -run='^$$' -bench=Playback ./api
	$(GO) test -run='^$$' -bench=. -benchtime=$(BENCHTIME) -timeout=2h ./postgres ./phonebook

bench-load: deps ## measure how many calls the daemon bears, beside what the database does
	$(GO) test -run='^TestLoad$$' -v -timeout=0 ./cmd/callbackd -load

fmt: ## format the code, with gofumpt and gci, and modernise it
	$(GO) fix ./...
	$(LINT) fmt ./...
	$(NPM) run format

lint: workspace/node_modules/.package-lock.json ## go vet, formatting, golangci-lint, go fix; Biome and tsc
	$(GO) vet ./...
	$(LINT) fmt --diff ./...
	$(LINT) run ./...
	$(GO) fix -diff ./...
	$(NPM) run lint

generate: ## make the generated files anew
	$(GO) generate ./...

# In a copy, so that work in progress is neither lost nor reported.
verify: ## fail when a generated file is not what its source says
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
	git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$$copy" && \
	(cd "$$copy" && $(GO) generate ./...) && \
	for f in $$(git ls-files '*.gen.go'); do diff -u "$$f" "$$copy/$$f" || exit 1; done

cover: ## show how much of each function the tests reach
	$(GO) test -coverprofile=coverage.out -coverpkg=./... -timeout=15m ./...
	$(GO) tool cover -func=coverage.out | tail -n 1

clean: ## remove what the other targets made
	rm -rf bin dist coverage.out workspace/node_modules workspace/artefacts
	git clean -fdqX workspace
