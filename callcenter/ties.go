package callcenter

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"callbackd/ari"
)

// link takes in Asterisk's word for a channel's linkedid. It only ever
// changes to that of an older call (attended transfer), so that a late event
// with the younger one is told apart.
func (t *Tracker) link(ch *channel, linkedID string, at time.Time) {
	if ch.linkedID != "" && !t.older(linkedID, ch.linkedID) ||
		ch.tied && linkedID != ch.call.linkedID && !t.older(linkedID, ch.call.linkedID) {
		return
	}
	linkedID = strings.Clone(linkedID)
	ch.linkedID = linkedID
	t.move(ch, t.confirmed(linkedID, at), at)
}

// move makes a channel part of another call.
func (t *Tracker) move(ch *channel, to *call, at time.Time) {
	switch from := ch.call; {
	case from == to:
		t.confirm(to, at)
	case from.provisional:
		t.absorb(from, to, at)
	default:
		t.merge(ch, to, at)
	}
	ch.tied = !to.provisional
}

// absorb makes all of a provisional call, which nobody has seen, part of
// another.
func (t *Tracker) absorb(from, to *call, at time.Time) {
	delete(t.calls, from.linkedID)
	for _, l := range from.legs {
		ch := t.channels[l.Channel]
		ch.tied = !to.provisional
		t.join(ch, to, at)
	}
	from.legs, from.live = nil, 0
	for _, s := range from.receipt {
		to.sign(s)
	}
	for _, path := range from.recordings {
		to.record(path)
	}
	if to.labelAt.Before(from.labelAt) {
		to.label, to.labelAt = from.label, from.labelAt
	}
}

// merge moves one channel from a younger call to an older one, as Asterisk
// does when a transfer joins them. The younger call's row stays and points to
// the older, which takes over the evidence: the caller is now where the
// younger call went.
func (t *Tracker) merge(ch *channel, to *call, at time.Time) {
	from, left := ch.call, ch.leg
	stays := *left
	ch.leg = &stays
	if left.EndedAt == nil {
		ended := at
		left.EndedAt, left.moved = &ended, true
		from.live--
	}
	if stays.AnsweredAt == nil && stays.upAt != nil && !stays.Trunk && !stays.local() {
		stays.AnsweredAt = &at // a phone that fetched the call
	}
	from.mergedInto = to.requestID
	t.join(ch, to, at)
	for _, s := range from.receipt {
		if s.MergedFrom == "" {
			s.MergedFrom = from.requestID
		}
		to.sign(s)
	}
	for _, path := range from.recordings {
		to.record(path)
	}
	t.touch(from, at)
	t.settle(from)
}

// older reports whether the call of linkedid a began before that of b.
func (t *Tracker) older(a, b string) bool {
	if older, ok := olderLinkedID(a, b); ok {
		return older
	}
	// A program that originates channels may have chosen their IDs.
	if x, y := t.calls[a], t.calls[b]; x != nil && y != nil && len(x.legs) > 0 && len(y.legs) > 0 && !x.startedAt().Equal(y.startedAt()) {
		return x.startedAt().Before(y.startedAt())
	}
	return a < b
}

// olderLinkedID reports whether a is older than b, and whether they tell.
// Linkedids are unique IDs of channels: [systemname-]epoch.counter, the
// counter counting up while Asterisk runs.
func olderLinkedID(a, b string) (older, ok bool) {
	if a == b {
		return false, true
	}
	aEpoch, aCount, aOK := splitUniqueID(a)
	bEpoch, bCount, bOK := splitUniqueID(b)
	if aEpoch != bEpoch {
		return aEpoch < bEpoch, aOK && bOK
	}
	return aCount < bCount, aOK && bOK
}

func splitUniqueID(id string) (epoch, count int64, ok bool) {
	if i := strings.LastIndexByte(id, '-'); i >= 0 {
		id = id[i+1:]
	}
	e, n, ok := strings.Cut(id, ".")
	if !ok {
		return 0, 0, false
	}
	epoch, err1 := strconv.ParseInt(e, 10, 64)
	count, err2 := strconv.ParseInt(n, 10, 64)
	return epoch, count, err1 == nil && err2 == nil
}

// tie makes peer part of caller's call when Asterisk gave no word of its own.
func (t *Tracker) tie(peer, caller *channel, at time.Time) {
	if peer.linkedID != "" || peer.call == caller.call {
		return
	}
	if !peer.tied || t.older(caller.call.linkedID, peer.call.linkedID) {
		t.move(peer, caller.call, at)
	}
}

// bridged takes in who is together in a bridge. In a basic bridge, the kind
// that Dial, Queue and transfers make, and in a mixing one made by ARI,
// Asterisk gives all channels the oldest linkedid among them. It does so
// without a word: channelvars have the former one until something else
// happens to the channel.
func (t *Tracker) bridged(b *ari.Bridge, at time.Time) {
	t.remember(b)
	for _, id := range b.Channels {
		if ch := t.channels[id]; ch != nil && len(b.Channels) > 1 && ch.leg.inBridge(at) {
			t.touch(ch.call, at)
		}
	}
	if b.Class != "basic" && (b.Class != "stasis" || b.Type != "mixing") {
		return
	}
	var first *channel
	for _, id := range b.Channels {
		if ch := t.channels[id]; ch != nil && (first == nil || t.older(ch.call.linkedID, first.call.linkedID)) {
			first = ch
		}
	}
	for _, id := range b.Channels {
		if ch := t.channels[id]; ch != nil && ch.call != first.call {
			t.move(ch, first.call, at)
		}
	}
}

// remember notes which channels a bridge has.
func (t *Tracker) remember(b *ari.Bridge) {
	if b.ID == "" {
		return
	}
	known, ok := t.bridges[b.ID]
	if !ok {
		if len(b.Channels) == 0 {
			return
		}
		t.bridges[ari.BridgeID(strings.Clone(string(b.ID)))] = cloneIDs(nil, b.Channels)
		return
	}
	t.bridges[b.ID] = cloneIDs(known[:0], b.Channels)
}

func cloneIDs(dst, ids []ari.ChannelID) []ari.ChannelID {
	for _, id := range ids {
		dst = append(dst, ari.ChannelID(strings.Clone(string(id))))
	}
	return dst
}

// Untied returns the channels of which it is not known yet whose call they
// are part of, though they were there before the given time or no event will
// tell. It takes asking: Tie has the answer. With CHANNEL(linkedid) among
// ari.conf's channelvars there are none.
func (t *Tracker) Untied(before time.Time) []ari.ChannelID {
	var ids []ari.ChannelID
	for id, ch := range t.channels {
		if !ch.tied && !ch.gone && (ch.call.byItself || ch.leg.StartedAt.Before(before)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Tie takes in a channel's linkedid, as Asterisk answered when asked for it.
func (t *Tracker) Tie(id ari.ChannelID, linkedID string, at time.Time) {
	cut(&id)
	cut(&linkedID)
	if ch := t.channels[id]; ch != nil && linkedID != "" {
		t.link(ch, linkedID, at)
	}
}
