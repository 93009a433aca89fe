# Targets for people and for CI. Keycloak is fetched with Maven into a cache
# outside the checkout and started on loopback.

# KEYCLOAK_VERSION=26.6.4 and KEYCLOAK_DB=postgres choose another one than the default, which
# keycloak/keycloaktest/versions.go names.

GO      ?= go
RUN      = $(GO) run ./keycloak/keycloaktest/run
LINT     = $(GO) tool -modfile=tools/go.mod golangci-lint
SIZES   ?= 1000,20000,100000
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -buildid= -X main.version=$(VERSION)
IMAGE   ?= ghcr.io/keycloak-scim-bridge/scim-bridge
ENGINE  ?= docker
DIST    ?= dist
PLATFORMS ?= linux/amd64 linux/arm64 darwin/arm64

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: demo
demo: build ## Run the main job against a real Keycloak and leave it running
	@$(GO) run ./keycloak/keycloaktest/run -- bin/scim-bridge demo

TESTS = $(GO) test -race -shuffle=on -timeout 40m

.PHONY: test
test: lint ## Run every test, the real Keycloak included
	$(RUN) -- $(TESTS) ./...
	$(GO) test -shuffle=on ./bridge/store/... # many more random calls than with the race detector

# Before 26.7 Keycloak takes the longer to make a realm the more there are, ten seconds at 300. So the packages that make
# many have a server each there.
MODULE = github.com/keycloak-scim-bridge/keycloak-scim-bridge
MANY   = $(addprefix $(MODULE)/,bridge bridge/apply bridge/directory bridge/guard bridge/mapping bridge/server bridge/tenant cmd/scim-bridge keycloak/keycloaktest)
FEW    = $(filter-out $(MANY),$(shell $(GO) list ./...))

.PHONY: test-versions
test-versions: lint ## Run every test on every supported Keycloak, before a release; takes hours
	@set -e; for version in $$($(RUN) -versions); do \
	  echo "Keycloak $$version"; \
	  export KEYCLOAK_VERSION=$$version; \
	  for package in $(MANY); do $(RUN) -- $(TESTS) $$package; done; \
	  $(RUN) -- $(TESTS) $(FEW); \
	  KEYCLOAK_FEATURES=admin-fine-grained-authz:v1 $(RUN) -- \
	    $(GO) test -race ./bridge/guard -run TestSecurity_39_TheFirstVersionOfPermissions; \
	done

.PHONY: faults
faults: ## Run the fault suite with a store at length: 1,200 faults and 100 kills, about eight minutes
	$(RUN) -- $(GO) test -timeout 30m ./bridge/apply -run 'TestFaults|TestKills|TestKeycloakIsRestarted' -v -args -faults 1200 -kills 100
	$(RUN) -- $(GO) test -timeout 30m ./cmd/scim-bridge -run TestAnImportThatIsKilled -v

# rapid makes a fifth of the checks in -short.
.PHONY: walls
walls: ## Run the property test of the walls at length: a thousand histories, about five minutes
	$(GO) test -short -timeout 60m ./bridge/guard -run TestSecurity_56 -v -args -rapid.checks 5000

.PHONY: interop
interop: ## Try the published client libraries, and write what they find into docs/reference/interop.md and .json
	$(RUN) -- $(GO) test -timeout 60m ./bridge -run 'TestInterop$$' -v -args -update

.PHONY: unit
unit: ## Run the tests that need no Keycloak
	$(GO) test -race -shuffle=on -short ./...

# The rooms that let nobody in, lose nothing and tell what is wrong: each is tested by itself, without a server.
ROOMS = ./bridge/apply ./bridge/directory ./bridge/directory/index ./bridge/guard ./bridge/realm

# Without the tests that have a whole bridge running, which stand beside the rooms too.
.PHONY: cover
cover: ## Check that the tests of each room that must never fail reach 80 % of its statements by themselves
	@for room in $(ROOMS); do \
	  served=$$(grep -l /bridge/app/apptest $$room/*_test.go | xargs -r sed -n 's/^func \(Test[A-Za-z0-9_]*\).*/^\1$$/p' | paste -sd'|'); \
	  $(GO) test -short -cover -skip "$${served:-^$$}" $$room || exit 1; \
	done | awk '{ print } !/^ok/ { bad = 1 } \
	  /^ok/ { rooms++; share = $$0; sub(/.*coverage: /, "", share); if (share + 0 < 80) { print "less than 80 %: " $$2; bad = 1 } } END { exit bad || rooms != $(words $(ROOMS)) }'

.PHONY: test-chart
test-chart: ## Install, upgrade and roll the chart back on a real API server, as root
	$(GO) test -timeout 40m ./charts -run TestChartOnAnAPIServer -v -args -cluster=api

.PHONY: test-node
test-node: ## Run the Helm guide on a real node, with the image, before a release, as root
	$(RUN) -- $(GO) test -timeout 60m ./charts -run TestTheHelmGuideOnANode -v -args -cluster=node

.PHONY: lint
lint: ## Check formatting, the linters' rules, the language, and that links, commands, flags, settings, metrics and errors of the docs are there
	$(LINT) run ./...
	$(GO) test ./docs ./config ./charts -run 'Link|GoFile|Index|Headings|Documented|Generated|Reference|Page|Alerts|Dashboard|Sidecar'
	$(GO) test ./docs/prose
	$(GO) test ./bridge ./bridge/console ./bridge/plan ./bridge/server ./cmd/scim-bridge ./scim/scimtest -short -run 'Documented|Generated|OfTheDocs'

.PHONY: build
build: ## Build the static binary bin/scim-bridge
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/scim-bridge ./cmd/scim-bridge

.PHONY: image
image: ## Build the image with docker (ENGINE=buildah or podman for another)
	$(ENGINE) build --build-arg VERSION=$(VERSION) --tag $(IMAGE):$(VERSION) .

.PHONY: release
release: ## Build archives, SBOMs, the chart and their checksums into dist
	tools/release/release.sh "$(DIST)" "$(VERSION)" "$(LDFLAGS)" $(PLATFORMS)

.PHONY: bench
bench: build ## Measure against Keycloak's own SCIM and the Admin API; takes an hour (SIZES=1000 for less)
	JAVA_OPTS_APPEND= KEYCLOAK_DB=postgres KEYCLOAK_FEATURES=scim-api $(RUN) -- $(GO) run ./cmd/scim-bench -program bin/scim-bridge -sizes $(SIZES)

.PHONY: keycloak-up
keycloak-up: ## Start a Keycloak for development and leave it running
	$(RUN) -up

.PHONY: keycloak-down
keycloak-down: ## Stop it
	$(RUN) -down
