// Package asterisk carries the sample configuration of Asterisk that is
// published with callbackd: two call centers (7001, 7002), an IVR (7480), two
// ring groups (6001, 6002), four phones (2001 to 2004) and a trunk, arranged
// so that callbackd can tell every kind of call apart.
//
// A site copies the folder, edits instance.conf, and has a PBX. Package lab
// does the very same for every test and for `callbackd demo`, so a sample that
// does not work cannot be published.
package asterisk

import "embed"

// Files holds the configuration files, at the top of the file system:
// "asterisk.conf", "extensions.conf", and so on.
//
//go:embed *.conf
var Files embed.FS

// CELTable is cel.sql, which makes the table of channel events in PostgreSQL.
//
//go:embed cel.sql
var CELTable string
