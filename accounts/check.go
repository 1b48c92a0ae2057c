package accounts

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The shapes of names. An account's name has no colon and no space, which
// keeps signatures apart; see Principal.Signature.
var (
	accountName     = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]*$`)
	accountEndpoint = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*/[^\s/,&;@]+$`)
)

// The largest lengths, in characters.
const (
	MaxNameLength        = 64
	MaxDisplayNameLength = 100
	maxEndpointLength    = 100
	maxFilterLength      = 100
	maxCallCenters       = 1000

	// maxPasswordBytes bounds what is hashed when somebody logs in.
	maxPasswordBytes = 4 * MaxPasswordLength
)

// checkNew reports everything that is wrong with an account to be created.
func (s *Service) checkNew(wish *NewAccount) error {
	var errs []error
	if !isName(wish.Name) {
		errs = append(errs, &FieldError{Field: "name", Problem: fmt.Sprintf(
			"must be 1 to %d small letters, digits and the signs . _ - @, beginning with a letter or digit", MaxNameLength)})
	}
	errs = append(errs, checkPassword("password", wish.Password, wish.Name),
		s.checkRecord(wish.DisplayName, wish.Role, wish.Endpoint), s.checkCallCenters(wish.CallCenters, nil))
	return errors.Join(errs...)
}

// checkRecord reports everything that is wrong with what can be changed.
func (s *Service) checkRecord(displayName string, role Role, endpoint string) error {
	var errs []error
	if length := utf8.RuneCountInString(displayName); length < 1 || length > MaxDisplayNameLength || !isText(displayName) ||
		strings.TrimSpace(displayName) == "" {
		errs = append(errs, &FieldError{Field: "display_name", Problem: fmt.Sprintf("must be 1 to %d characters", MaxDisplayNameLength)})
	}
	if !role.Valid() {
		errs = append(errs, &FieldError{Field: "role", Problem: fmt.Sprintf("must be one of %q", Roles)})
	}
	if endpoint != "" && (len(endpoint) > maxEndpointLength || !isText(endpoint) || !accountEndpoint.MatchString(endpoint)) {
		errs = append(errs, &FieldError{Field: "endpoint", Problem: "must be TECHNOLOGY/name as Asterisk names the phone, such as PJSIP/2001"})
	}
	return errors.Join(errs...)
}

// checkCallCenters reports call centers that do not exist. Those that the
// account has already may be gone from the configuration.
func (s *Service) checkCallCenters(ids, known []string) error {
	if len(ids) > maxCallCenters {
		return &FieldError{Field: "call_centers", Problem: fmt.Sprintf("must be at most %d", maxCallCenters)}
	}
	for _, id := range ids {
		if id == "" || !isText(id) || !slices.Contains(known, id) && !s.hasCallCenter(id) {
			return &FieldError{Field: "call_centers", Problem: fmt.Sprintf("there is no call center %q", id)}
		}
	}
	return nil
}

// checkFilter reports everything that is wrong with a filter.
func checkFilter(filter *AccountFilter) error {
	var errs []error
	for _, text := range []struct{ field, value string }{
		{"q", filter.Text}, {"call_center", filter.CallCenter}, {"cursor", filter.After},
	} {
		if !isText(text.value) || utf8.RuneCountInString(text.value) > maxFilterLength {
			errs = append(errs, &FieldError{Field: text.field, Problem: fmt.Sprintf("must be at most %d characters", maxFilterLength)})
		}
	}
	for _, role := range filter.Roles {
		if !role.Valid() {
			errs = append(errs, &FieldError{Field: "role", Problem: fmt.Sprintf("must be one of %q", Roles)})
		}
	}
	if filter.Limit < 1 || filter.Limit > MaxPageSize {
		errs = append(errs, &FieldError{Field: "page_size", Problem: fmt.Sprintf("must be 1 to %d", MaxPageSize)})
	}
	return errors.Join(errs...)
}

// isName reports whether an account could have a name.
func isName(name string) bool { return len(name) <= MaxNameLength && accountName.MatchString(name) }

// isText reports whether PostgreSQL can store a text.
func isText(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
