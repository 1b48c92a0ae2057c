package recording

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"callbackd/accounts"
)

// Part is a stretch of a sound, from From up to but not including To.
type Part struct{ From, To time.Duration }

// partStep is how exact receipts are. It bounds how many parts a sound can be
// heard in, and with them the size of a receipt.
const partStep = 100 * time.Millisecond

// widened is the part in whole steps, at least one: what was sent is never told
// to be less.
func (p Part) widened() Part {
	from, to := p.From.Truncate(partStep), (p.To + partStep - 1).Truncate(partStep)
	return Part{From: from, To: max(to, from+partStep)}
}

// within is the part as far as it lies in a sound of that duration.
func (p Part) within(duration time.Duration) Part {
	return Part{From: min(max(p.From, 0), duration), To: min(max(p.To, 0), duration)}
}

// MergeParts returns the parts in order, those that meet as one. Empty ones are
// left out.
func MergeParts(parts []Part) []Part {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return p.To <= p.From })
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	merged := parts[:0]
	for _, p := range parts {
		if last := len(merged) - 1; last >= 0 && p.From <= merged[last].To {
			merged[last].To = max(merged[last].To, p.To)
			continue
		}
		merged = append(merged, p)
	}
	return merged
}

// Listen is a receipt: what one account heard of a recording by one grant.
type Listen struct {
	// Play is the grant by which it was played.
	Play        PlayID
	RecordingID ID
	AccountID   accounts.AccountID
	SessionID   accounts.SessionID
	// Account and DisplayName are those of the account; the store fills them.
	Account, DisplayName string
	// Address is from where it was asked for last; invalid when not known.
	Address netip.Addr
	// BeganAt is when the first sound was sent, LastAt when something was
	// sent or heard last.
	BeganAt, LastAt time.Time
	// Sent are the parts that the server sent, to a tenth of a second. It may
	// lack what was sent in the last seconds before a crash.
	Sent []Part
	// Heard are the parts that the page says were played. It is what the page
	// says and proves nothing.
	Heard []Part
}

// ListenFilter says which receipts are wanted, newest first.
type ListenFilter struct {
	// Before is the Play of the last one of the page before; 0 for the first
	// page.
	Before PlayID
	// Limit is how many there are on a page.
	Limit int
}

// ListenPage is a page of receipts.
type ListenPage struct {
	Listens []Listen
	// Next is the Before of the next page; 0 after the last.
	Next PlayID
}
