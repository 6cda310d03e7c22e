# The README's two commands are `make report` and `make test`.

.PHONY: build test report cores

build:
	go build -o bin/ ./cmd/postmortem

# Every test. The cores that they read are committed.
test:
	go test ./...

# The main job, on a committed core.
report:
	go run ./cmd/postmortem analyze testdata/cores/REPORT_CORE testdata/cores/REPORT_BIN
