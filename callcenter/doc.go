// Package callcenter turns what Asterisk says about channels into calls.
package callcenter
