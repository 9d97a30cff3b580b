// Command s3servers builds the S3 servers that tests run against, ahead of the tests.
package main

import (
	"fmt"
	"os"

	"github.com/gomph/gomph/internal/testkit/s3test"
)

func main() {
	if err := s3test.Build(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
