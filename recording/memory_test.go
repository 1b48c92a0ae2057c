package recording_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
	"callbackd/recording"
)

// memory is a store of playback and recordings in memory, by the clock of a
// bubble. What package postgres stores is tested there.
type memory struct {
	mu      sync.Mutex
	grants  map[recording.GrantHash]recording.Grant
	version int
	budgets map[recording.ID]recording.Budgets // the account's is that of 0
	listens map[recording.PlayID]recording.Listen
	away    error
	changes int // of budgets

	recordings map[recording.ID]recording.Recording
	sounds     map[recording.ID][]byte
	closed     int // sounds
}

func newMemory() *memory {
	return &memory{
		grants: map[recording.GrantHash]recording.Grant{}, budgets: map[recording.ID]recording.Budgets{},
		listens: map[recording.PlayID]recording.Listen{}, version: 1,
		recordings: map[recording.ID]recording.Recording{}, sounds: map[recording.ID][]byte{},
	}
}

// add adds a recording that is ready, with so many bytes a second.
func (m *memory) add(id recording.ID, duration time.Duration, rate int) {
	size := int(duration.Seconds() * float64(rate))
	m.recordings[id] = recording.Recording{
		ID: id, State: recording.StateReady, Duration: duration, Size: int64(size), CallCenters: []string{"support"},
	}
	m.sounds[id] = bytes.Repeat([]byte{byte(id)}, size)
}

func (m *memory) setAway(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = err
}

func (m *memory) CreateGrant(_ context.Context, grant recording.Grant, hash recording.GrantHash, _ int) (recording.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	grant.ID, grant.AccountVersion = recording.PlayID(len(m.grants)+1), m.version
	m.grants[hash] = grant
	return grant, m.away
}

func (m *memory) GrantByHash(_ context.Context, hash recording.GrantHash) (recording.Grant, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	grant, ok := m.grants[hash]
	if !ok {
		return grant, 0, recording.ErrPlaybackNotFound
	}
	return grant, m.version, m.away
}

func (m *memory) RenewGrant(_ context.Context, id recording.PlayID, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for hash, grant := range m.grants {
		if grant.ID == id {
			grant.ExpiresAt = until
			m.grants[hash] = grant
		}
	}
	return m.away
}

func (m *memory) ChangeBudgets(_ context.Context, _ accounts.AccountID, id recording.ID, decide func(recording.Budgets, time.Time) recording.Budgets) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	if m.away != nil {
		return m.away
	}
	after := decide(recording.Budgets{Recording: m.budgets[id].Recording, Account: m.budgets[0].Account}, time.Now())
	m.budgets[id], m.budgets[0] = recording.Budgets{Recording: after.Recording}, recording.Budgets{Account: after.Account}
	return nil
}

func (m *memory) AddListen(_ context.Context, l recording.Listen) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away != nil {
		return m.away
	}
	stored, ok := m.listens[l.Play]
	if !ok {
		if len(l.Sent) == 0 {
			return nil
		}
		stored = l
	}
	stored.LastAt = l.LastAt
	stored.Sent = recording.MergeParts(append(stored.Sent, l.Sent...))
	stored.Heard = recording.MergeParts(append(stored.Heard, l.Heard...))
	m.listens[l.Play] = stored
	return nil
}

func (m *memory) Listens(_ context.Context, id recording.ID, filter recording.ListenFilter) ([]recording.Listen, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []recording.Listen
	for play := recording.PlayID(len(m.grants)); play > 0 && len(list) < filter.Limit; play-- {
		if l, ok := m.listens[play]; ok && l.RecordingID == id && (filter.Before == 0 || play < filter.Before) {
			list = append(list, l)
		}
	}
	return list, m.away
}

func (m *memory) ListByCall(context.Context, callcenter.RequestID) ([]recording.Recording, error) {
	return nil, errors.ErrUnsupported
}

func (m *memory) Waveform(context.Context, recording.ID) (recording.Waveform, error) {
	return recording.Waveform{}, errors.ErrUnsupported
}

func (m *memory) Get(_ context.Context, id recording.ID) (recording.Recording, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.recordings[id]
	if !ok {
		return r, recording.ErrNotFound
	}
	return r, m.away
}

func (m *memory) Open(_ context.Context, r recording.Recording) (recording.Sound, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.sounds[r.ID]
	if !ok {
		return nil, recording.ErrNotFound
	}
	return &memorySound{Reader: bytes.NewReader(b), memory: m}, nil
}

type memorySound struct {
	*bytes.Reader
	memory *memory
}

func (s *memorySound) ModTime() time.Time { return time.Unix(1700000000, 0) }

func (s *memorySound) Close() error {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	s.memory.closed++
	return nil
}
