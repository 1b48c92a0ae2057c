// Package accounts knows who asks and what they may do.
//
// Whoever asks for something is a [Principal]: an account of a person or an
// API token of another system. What a principal may do is decided in one
// place, [Can], from three things only: its role, the call centers that it is
// limited to, and the call centers that the thing belongs to. Nothing else in
// the program compares roles or call centers.
//
// # Tokens
//
// [Tokens] creates, verifies, lists and revokes API tokens. A token's secret
// leaves the program once, when it is created; what is stored is its SHA-256
// hash. A slow password hash would add nothing: the secret is 256 random
// bits, so there is no dictionary to try, and verification happens on every
// request.
package accounts
