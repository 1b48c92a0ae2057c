// Package configs reads callbackd's configuration: one YAML file that says
// which PBX nodes to follow and what their dialplans mean.
//
//	cfg, err := configs.Load("/etc/callbackd/callbackd.yaml")
//	if err != nil {
//		return err // its text lists every fault, each with its line
//	}
//
// The annotated example callbackd.yaml beside this file is the manual of the
// keys; a test keeps it complete.
//
// # Guarantees
//
// Decoding is strict: a key that does not exist is a fault, never ignored.
// All faults are reported at once, in the order of the file, as an [*Error]
// whose [Fault]s carry line, column, path, and what would be right. Only a
// file that is not YAML at all gives a single fault, since nothing behind it
// can be read.
//
// A [Config] that Load or Parse returned is complete: defaults are filled in,
// secrets are read, references resolve, and no extension, queue, identifier
// or node name is used twice. Nothing is looked up later, so that a daemon
// that started cannot fail on its configuration an hour afterwards.
//
// # Secrets
//
// A secret is given in one of three ways. The environment goes before the
// other two, of which only one may be used at a time:
//
//	database      CALLBACKD_DATABASE_URL          url_file       url
//	pbx[].ari     CALLBACKD_PBX_<NAME>_PASSWORD   password_file  password
//	pbx[].cel.database
//	              CALLBACKD_PBX_<NAME>_CEL_DATABASE_URL
//	                                              url_file       url
//
// where <NAME> is the node's name in capitals with "-" written as "_". A
// relative file name is that of a credential ($CREDENTIALS_DIRECTORY, which
// systemd sets for LoadCredential=), and where there is none of that name,
// relative to the folder of the configuration file. Line ends at the end of the
// file are not part of the secret.
//
// A [Secret] prints as [redacted] whatever prints it, and neither the text of
// a fault nor the line that it quotes shows one.
//
// # Extensions
//
// [Pattern] is Asterisk's extension pattern, with Asterisk's own rules, so that
// what the dialplan matches and what callbackd matches are the same.
//
// This package imports nothing else of callbackd.
package configs
