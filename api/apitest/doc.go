// Package apitest is a Go client that is generated from the contract and
// knows nothing else of this program: tests of package api prove with it that
// the contract is enough to build on.
//
// Other systems in Go are made clients of their own from openapi.yaml in the
// same way; this one may change with any version.
package apitest

//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -config oapi-codegen.yaml ../openapi.yaml
