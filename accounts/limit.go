package accounts

import (
	"crypto/sha256"
	"net/netip"
	"time"
)

// Limit is how often something may be done: Burst times at once, and then once
// every Interval.
type Limit struct {
	Burst    int
	Interval time.Duration
}

// The limits of attempts to log in. A successful one is not counted: a whole
// call center may come to work behind one address. The account's limit leaves
// a guesser some 1,500 attempts a day, from however many addresses; and it
// makes a person whose account is being guessed at wait for a minute, not for
// an administrator.
var (
	accountLimit = Limit{Burst: 10, Interval: time.Minute}
	addressLimit = Limit{Burst: 50, Interval: 6 * time.Second}
)

// LimitKey stands for the account or address whose attempts are counted. It
// is a hash, so that keys have one size, whatever is sent as a name.
type LimitKey [sha256.Size]byte

// accountKey returns the key of an account's name. Names without an account
// have one too: that they were never refused would tell them apart.
func accountKey(name string) LimitKey { return sha256.Sum256([]byte("account:" + name)) }

// addressKey returns the key of an address. With IPv6 it is that of the
// network, since a single machine has as many addresses as it likes.
func addressKey(address netip.Addr) LimitKey {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		const network = 64
		if prefix, err := address.Prefix(network); err == nil {
			address = prefix.Addr()
		}
	}
	return sha256.Sum256([]byte("address:" + address.String()))
}
