package ari

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// Error is Asterisk's refusal of a request: an answer with another status
// than 2xx. What it means is asked with IsGone, IsBooting and their like, so
// that nobody reads texts.
type Error struct {
	// Method and Path are the request's. Path begins behind the base URL and
	// has no query.
	Method, Path string
	// Status is the HTTP status.
	Status int
	// Message is Asterisk's own sentence, or the status text if it gave none.
	Message string
}

// Error returns method, path, status and message.
func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Message)
}

// always are the paths that answer for as long as ARI is loaded. A 404 there
// is not about an object: the PBX has not got so far yet.
var always = []string{"/asterisk/info", "/applications", "/bridges", "/channels", "/events"}

func (e *Error) booting() bool {
	if e.Status == http.StatusServiceUnavailable {
		return true
	}
	if e.Status != http.StatusNotFound {
		return false
	}
	return slices.Contains(always, e.Path)
}

// IsGone reports whether the object asked for does not exist (404). For a
// channel or a bridge that is the normal course of things: it has ended.
func IsGone(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusNotFound && !e.booting()
}

// IsBooting reports whether Asterisk answers but is not ready: 503 until it
// has booted, or 404 for what is there whenever ARI is loaded. Trying again
// soon is right.
func IsBooting(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.booting()
}

// IsUnauthorized reports whether user name or password are wrong (401).
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsForbidden reports whether the user may not do that (403): it is read-only
// and the request was not, or it comes from an address that an access rule
// shuts out.
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

// IsNotInStasis reports whether a channel was asked to do what only one in a
// Stasis application does (409).
func IsNotInStasis(err error) bool { return hasStatus(err, http.StatusConflict) }

func hasStatus(err error, status int) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == status
}

// Timeout reports whether err is a limit of time that ran out, the caller's
// or the client's. Whether Asterisk carried the request out is unknown then.
func Timeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// maxMessage bounds what of a refusal's text gets into logs.
const maxMessage = 200

func refusal(method, path string, status int, body []byte) *Error {
	e := &Error{Method: method, Path: path, Status: status, Message: message(body)}
	if e.Message == "" {
		e.Message = http.StatusText(status)
	}
	if len(e.Message) > maxMessage {
		e.Message = strings.ToValidUTF8(e.Message[:maxMessage], "") + "…"
	}
	return e
}
