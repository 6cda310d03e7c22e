.PHONY: build test report cores

build:
	go build -o bin/ ./cmd/postmortem

test:
	go test ./...

report: build
	bin/postmortem analyze testdata/cores/dumps/rich-crashserver-1.27.3-plain/core.zst testdata/cores/bin/rich-1.27.3-plain.zst

# postmortem against Delve on 100,000 goroutines. DLV names a dlv to compare with:
#   go install github.com/go-delve/delve/cmd/dlv@v1.27.2
DLV ?=
.PHONY: bench
bench:
	go run ./internal/bench -dlv "$(DLV)"

# The heap part on 1 to 12 million objects, against the time of the process's own
# collector. HEAP_GO is the Go version of the process; it takes 4 GiB of memory and
# 1.3 GiB of disk for a few minutes.
HEAP_GO ?= go1.26.8
.PHONY: bench-heap
bench-heap:
	go run ./internal/bench -heap -toolchain "$(HEAP_GO)"
