.PHONY: build test report cores

build:
	go build -o bin/ ./cmd/postmortem

test:
	go test ./...

report: build
	bin/postmortem analyze testdata/cores/dumps/small-nil-1.27.3-plain/core.zst testdata/cores/bin/small-1.27.3-plain.zst
