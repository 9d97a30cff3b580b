// No Go is here. A module of its own keeps the Go files that npm packages bring along out of ./... of the program.
module github.com/gomph/gomph/test/browser

go 1.26.0
