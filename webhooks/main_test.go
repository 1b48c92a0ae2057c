package webhooks_test

import (
	"os"
	"testing"

	"callbackd/lab/labtest"
	"callbackd/postgres"
)

var databases = labtest.NewDatabases(postgres.Migrate)

func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }
