// Package labtest gives tests their parts of package lab: a database of its
// own for each test, a PBX and phones at it, and a way to wait.
//
//	var databases = labtest.NewDatabases(postgres.Migrate)
//
//	func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }
//
//	func TestCalls_Get(t *testing.T) {
//		t.Parallel()
//		url := databases.New(t)
//		…
//	}
//
// The server is started by the first test that asks for a database, one for
// the test binary, and ends with it. A part that cannot be started fails the
// test: none is skipped.
package labtest
