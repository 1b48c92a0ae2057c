package lab_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
)

var databases = labtest.NewDatabases(nil)

func TestMain(m *testing.M) {
	switch os.Getenv("LAB_TEST_CHILD") {
	case "":
	case "postgres":
		os.Exit(hastyChild())
	default:
		os.Exit(child())
	}
	// The tests wait for programs and calls more than they compute. What the
	// command line says comes after, and counts.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(databases.Run(m))
}

// instance is what a test must know to see that an instance is gone.
type instance struct {
	PID    int
	Folder string
}

// child is a program that uses lab and then hangs, for a test to kill. It
// prints what it started.
func child() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := lab.StartAsterisk(ctx, lab.AsteriskOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	p, err := lab.StartPostgres(ctx, lab.PostgresOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	started := []instance{{a.PID(), a.Folder()}, {p.PID(), p.Folder()}}
	if err := json.NewEncoder(os.Stdout).Encode(started); err != nil {
		return 1
	}
	<-ctx.Done()
	return 1
}

// hastyChild is a program that is to be killed while it makes a database.
func hastyChild() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := lab.StartPostgres(ctx, lab.PostgresOptions{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}
