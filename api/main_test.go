package api_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"callbackd/lab/labtest"
	"callbackd/postgres"
)

var databases = labtest.NewDatabases(postgres.Migrate)

// covered collects what the tests made the contract's operations answer.
var covered = newCoverage()

func TestMain(m *testing.M) {
	if os.Getenv(listenersVariable) != "" {
		listen()
	}
	code := databases.Run(m)
	// A part of the tests cannot exercise the whole contract; "^$" is what
	// gotestsum runs once more when this check failed, and has to fail again.
	if code == 0 && (!given("test.run") || run("^$")) && !given("test.skip") && !given("test.list") && !given("test.fuzz") {
		if missing := covered.missing(); len(missing) > 0 {
			for _, what := range missing {
				fmt.Fprintln(os.Stderr, "FAIL: openapi.yaml documents what no test exercised:", what)
			}
			code = 1
		}
	}
	os.Exit(code)
}

// run reports whether the test binary was called with a pattern of tests.
func run(pattern string) bool { return flag.Lookup("test.run").Value.String() == pattern }

// given reports whether the test binary was called with a flag.
func given(name string) bool { return flag.Lookup(name).Value.String() != "" }
