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
