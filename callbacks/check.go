package callbacks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"callbackd/accounts"
)

// checkText returns a *FieldError for a text that cannot be stored.
func checkText(field, text string, longest int) error {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return &FieldError{Field: field, Problem: "must be UTF-8 text without NUL"}
	case utf8.RuneCountInString(text) > longest:
		return &FieldError{Field: field, Problem: "must be at most " + strconv.Itoa(longest) + " characters"}
	default:
		return nil
	}
}

// checkKey returns a *FieldError for a malformed idempotency key.
func checkKey(key string) error {
	odd := func(c rune) bool { return c < 0x20 || c > 0x7e }
	if len(key) > MaxKeyLength || strings.ContainsFunc(key, odd) {
		return &FieldError{
			Field:   "Idempotency-Key",
			Problem: "must be at most " + strconv.Itoa(MaxKeyLength) + " printable ASCII characters",
		}
	}
	return nil
}

// keyScope keeps the idempotency keys of different principals apart: a key is
// the client's own choice, and another client may choose the same.
func keyScope(by accounts.Principal) string {
	scope := string(by.Kind) + ":" + by.Name
	if by.TokenID != 0 {
		// What a token asks for somebody is the token's request all the same.
		scope = "token:" + strconv.FormatInt(int64(by.TokenID), 10)
		if by.Kind == accounts.KindAccount {
			scope += " for " + by.Name
		}
	}
	return scope
}

// validate reports everything that is wrong with the change at once.
func (p *Patch) validate() error {
	var errs []error
	if p.Version < 1 {
		errs = append(errs, &FieldError{Field: "version", Problem: "must be the version that the change is made from, at least 1"})
	}
	if p.Assignee != nil {
		errs = append(errs, checkText("assignee", *p.Assignee, 255))
	}
	if p.Status != nil && !p.Status.Valid() {
		errs = append(errs, &FieldError{Field: "status", Problem: fmt.Sprintf("must be one of %q", Statuses)})
	}
	if p.Memo != nil {
		errs = append(errs, checkText("memo", *p.Memo, MaxMemoLength))
	}
	if p.ContactNumber != nil {
		err := checkText("contact_number", *p.ContactNumber, MaxContactNumberLength)
		if err == nil && *p.ContactNumber != "" && Digits(*p.ContactNumber) == "" {
			err = &FieldError{Field: "contact_number", Problem: "must be a telephone number: digits, * and #, + at the beginning, separators"}
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, checkKey(p.IdempotencyKey))...)
}
