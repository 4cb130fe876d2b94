# Every command of the project; `make help` lists them. Each one installs what it needs first.
.DEFAULT_GOAL := help
BIN := .venv/bin
DEVSTACK := $(BIN)/python -m devstack
SERVICES = $(shell sed -n 's/^name = "\(.*\)"/\1/p' colonnade.toml)

.PHONY: help
help: ## Show every target
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: bootstrap
bootstrap: ## Install uv and the locked packages, privately, when they are missing
	@scripts/bootstrap

.PHONY: up
up: bootstrap ## Start everything; return when all of it is healthy
	@$(DEVSTACK) up

.PHONY: down
down: bootstrap ## Stop everything; leave no process behind
	@$(DEVSTACK) down

.PHONY: ps
ps: bootstrap ## Show the processes: state, pid, port, memory, uptime
	@$(DEVSTACK) ps

.PHONY: logs
logs: bootstrap ## Follow all logs, or one: make logs S=posts-app
	@$(DEVSTACK) logs $(S)

.PHONY: dev
dev: bootstrap ## Run in the foreground with all logs; restart what changes; Ctrl-C stops
	@$(DEVSTACK) dev

.PHONY: demo
demo: bootstrap ## Walk through the platform as a user would, step by step with timings
	@$(DEVSTACK) demo

.PHONY: reset
reset: bootstrap ## Stop everything and drop its data
	@$(DEVSTACK) reset

.PHONY: doctor
doctor: bootstrap ## Check what a start needs, and say how to mend it
	@$(DEVSTACK) doctor

.PHONY: events
events: bootstrap ## Look after events: make events ARGS="lag"; ARGS="--help" lists the rest
	@$(DEVSTACK) events $(ARGS)

.PHONY: auth
auth: bootstrap ## Look after accounts: make auth ARGS="grant ada@example.com admin"; ARGS="--help" lists the rest
	@$(DEVSTACK) auth $(ARGS)

.PHONY: test
test: bootstrap ## Run every test; choose some with ARGS="services/posts -k draft"
	@$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

.PHONY: chaos
chaos: bootstrap ## Break everything under load and check the ledger; choose with ARGS="redis"
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: bench
bench: bootstrap ## Measure the hot routes beside two references; a look: make bench ARGS="--quick"
	@$(BIN)/python -m bench.routes $(ARGS)

.PHONY: bench-events
bench-events: bootstrap ## Measure events beside the bare limit, FastStream and Celery
	@$(BIN)/python -m bench.events $(ARGS)

.PHONY: bench-feed
bench-feed: bootstrap ## Measure how a feed grows with posts, followed authors and followers
	@$(BIN)/python -m bench.feed $(ARGS)

.PHONY: bench-auth
bench-auth: bootstrap ## Measure logins, a storm of them, and whether times tell who has an account
	@$(BIN)/python -m bench.auth $(ARGS)

.PHONY: bench-overload
bench-overload: bootstrap ## Measure an app under three times the load that it can bear
	@$(BIN)/python -m bench.overload $(ARGS)

.PHONY: check
check: bootstrap ## Check formats, types, layers, migrations, documents and manifests
	@scripts/check

.PHONY: fmt
fmt: bootstrap ## Format the sources and apply safe fixes
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

.PHONY: service
service: bootstrap ## Add a service of your own: make service NAME=billing (AGGREGATE=invoice PLURAL=invoices)
	@$(DEVSTACK).scaffold service $(ARGS) $(if $(AGGREGATE),--aggregate="$(AGGREGATE)") \
		$(if $(PLURAL),--plural="$(PLURAL)") -- "$(NAME)"
	@scripts/bootstrap

.PHONY: aggregate
aggregate: bootstrap ## Add a slice to it: make aggregate SERVICE=billing NAME=invoice (PLURAL=invoices)
	@$(DEVSTACK).scaffold aggregate $(ARGS) --service="$(SERVICE)" \
		$(if $(PLURAL),--plural="$(PLURAL)") -- "$(NAME)"

.PHONY: service-remove
service-remove: bootstrap ## Remove it without a trace: make service-remove NAME=billing
	@$(DEVSTACK).scaffold remove $(ARGS) -- "$(NAME)"
	@scripts/bootstrap

.PHONY: docs
docs: bootstrap ## Write the documents made from the code: OpenAPI, events, errors, settings, security
	@$(BIN)/python scripts/documents.py

.PHONY: db-bootstrap
db-bootstrap: bootstrap ## Create roles and schemas on an external PostgreSQL (PROVISION_ADMIN_URL)
	@$(BIN)/python -m common.db.provision $(SERVICES)
