# The commands of a contributor and of CI. build, test and demo need only Go. A target
# that can use more skips what is missing and names it; with CI=true it fails instead.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt bench faults simulate fuzz vuln demo pictures kafka-start kafka-stop docker clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## static binaries into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

test: ## lint, and every test with the race detector, also on a real Kafka
	@./scripts/test.sh

PKG ?= ./...
COUNT ?= 1
race: ## only the tests: make race PKG=./internal/probe COUNT=20
	go test -race -count=$(COUNT) -p 2 $(PKG)

lint: ## golangci-lint as CI runs it, and shellcheck for the scripts
	@./scripts/lint.sh

fmt: ## gofmt over the tree
	gofmt -s -w .

bench: ## the measurements of docs/BENCHMARKS.md
	./scripts/bench.sh

faults: ## the fault campaign (FAULTS=1000 SEED=7 make faults; SCENARIO=all)
	@./scripts/faults.sh

simulate: ## thousands of random histories in virtual time (SIM_HISTORIES=2000 SIM_MINUTES=2 SIM_SEED=1 make simulate)
	@./scripts/simulate.sh

fuzz: ## every fuzz target for a minute (FUZZTIME=10s make fuzz)
	@./scripts/fuzz.sh

vuln: ## known vulnerabilities in our modules and Go; needs the database on the internet
	go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

demo: ## six charge points, Central and a broker in one process
	go run ./cmd/ev-demo

pictures: ## the pictures of docs/img, of the page as it is; needs chromium
	EVCP_PICTURES=$(CURDIR)/docs/img go test -count=1 -run TestPictures ./internal/dashboard

kafka-start: ## a real Apache Kafka on 127.0.0.1:19092 (needs java and mvn)
	@./scripts/kafka.sh start

kafka-stop: ## stop that Kafka; its data stays
	@./scripts/kafka.sh stop

docker: ## the image ev-cp-m
	docker build -t ev-cp-m .

clean: ## remove bin; .cache, with downloads and test brokers, stays
	rm -rf bin
