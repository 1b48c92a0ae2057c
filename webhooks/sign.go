package webhooks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Secret is what deliveries are signed with: Standard Webhooks asks for 24 to
// 64 random bytes.
type Secret []byte

const (
	secretBytes = 32
	// secretPrefix is by which people and programs know a secret of a webhook.
	secretPrefix = "whsec_"
)

func newSecret() Secret {
	secret := make(Secret, secretBytes)
	// Read never fails: it ends the program when the system has no entropy.
	_, _ = rand.Read(secret)
	return secret
}

// Reveal returns the secret as it is given to the receiver.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s) }

// String hides the secret wherever a value is printed.
func (Secret) String() string { return "[redacted]" }

// GoString is String for %#v.
func (Secret) GoString() string { return "[redacted]" }

// signature is the value of the header webhook-signature: one signature for
// each secret, so that a receiver may have either while they change.
func signature(secrets []Secret, message string, at time.Time, body []byte) string {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		// A hash never fails to be written to.
		mac.Write([]byte(message + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}
