package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The lengths of a password. The largest is far beyond what anybody types; it
// keeps long input from costing time.
const (
	MinPasswordLength = 10  // characters
	MaxPasswordLength = 128 // characters
)

// Cost is what verifying a password takes, from whoever tries one. The zero
// value stands for DefaultCost.
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// DefaultCost is RFC 9106's second recommended option for argon2id.
var DefaultCost = Cost{Memory: 64 << 10, Passes: 3, Threads: 4}

// The bounds of a cost in a stored hash. A hash beyond them was not written by
// this program, and verifying it could take all memory.
const (
	maxMemory = 1 << 20 // KiB
	maxPasses = 64
)

const (
	saltLength    = 16
	minSaltLength = 8 // as RFC 9106 demands
	keyLength     = 32
)

// errMalformedHash says that a stored hash is not one of this package.
var errMalformedHash = errors.New("stored password hash is malformed")

// passwords hashes and verifies passwords, a few at a time: each takes
// DefaultCost.Memory, so attempts to log in could otherwise take all memory.
type passwords struct {
	cost  Cost
	slots chan struct{}
	// unknown is the hash of a random password. It is verified against when
	// there is no account, which then takes as long as when there is one.
	unknown string
}

func newPasswords(cost Cost) *passwords {
	if cost == (Cost{}) {
		cost = DefaultCost
	}
	p := &passwords{cost: cost, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	p.unknown = p.encode(randomBytes(saltLength), randomBytes(keyLength))
	return p
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	// Read never fails: it ends the program when the system has no entropy.
	_, _ = rand.Read(b)
	return b
}

// hash returns what is stored of a password: the hash in the form of the
// password hashing competition, which names its own cost and salt.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	salt := randomBytes(saltLength)
	key, err := p.derive(ctx, password, salt, p.cost, keyLength)
	if err != nil {
		return "", err
	}
	return p.encode(salt, key), nil
}

func (p *passwords) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.cost.Memory, p.cost.Passes, p.cost.Threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// verify reports whether a password belongs to a stored hash, and whether the
// hash is to be replaced because its cost is not today's.
func (p *passwords) verify(ctx context.Context, password, stored string) (ok, outdated bool, err error) {
	cost, salt, want, err := parseHash(stored)
	if err != nil {
		return false, false, err
	}
	got, err := p.derive(ctx, password, salt, cost, len(want))
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, cost != p.cost || len(want) != keyLength, nil
}

// verifyUnknown takes the time of verify and is never right.
func (p *passwords) verifyUnknown(ctx context.Context, password string) error {
	_, _, err := p.verify(ctx, password, p.unknown)
	return err
}

// derive waits for a slot. A computation that runs cannot be interrupted, but
// it takes a fraction of a second.
func (p *passwords) derive(ctx context.Context, password string, salt []byte, cost Cost, length int) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to verify a password: %w", context.Cause(ctx))
	}
	defer func() { <-p.slots }()
	// One text can be typed as different code points: full-width letters of a
	// Japanese keyboard, an accent as a character of its own.
	text := []byte(norm.NFKC.String(password))
	return argon2.IDKey(text, salt, cost.Passes, cost.Memory, cost.Threads, uint32(length)), nil
}

func parseHash(stored string) (cost Cost, salt, key []byte, err error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Cost{}, nil, nil, errMalformedHash
	}
	_, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.Memory, &cost.Passes, &cost.Threads)
	if err != nil || cost.Memory == 0 || cost.Memory > maxMemory || cost.Passes == 0 || cost.Passes > maxPasses || cost.Threads == 0 {
		return Cost{}, nil, nil, errMalformedHash
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(salt) < minSaltLength {
		return Cost{}, nil, nil, errMalformedHash
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) < 16 || len(key) > 64 {
		return Cost{}, nil, nil, errMalformedHash
	}
	return cost, salt, key, nil
}

// checkPassword says what is wrong with a password that somebody chooses.
func checkPassword(field, password, name string) error {
	length := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return &FieldError{Field: field, Problem: "must be UTF-8 text without NUL"}
	case length < MinPasswordLength || length > MaxPasswordLength:
		return &FieldError{Field: field, Problem: fmt.Sprintf("must be %d to %d characters", MinPasswordLength, MaxPasswordLength)}
	case name != "" && strings.EqualFold(foldName(password), name):
		return &FieldError{Field: field, Problem: "must not be the account's name"}
	case strings.Count(password, string([]rune(password)[:1])) == length:
		return &FieldError{Field: field, Problem: "must not be one character repeated"}
	default:
		return nil
	}
}
