package phonebook

import "sync"

// memory remembers what numbers are normalised to. To normalise takes 20 µs,
// so that without it a page of 200 names would cost more than its query; and
// the numbers of pages are mostly those of the page before.
type memory struct {
	region string

	mu    sync.Mutex
	known map[string]string // guarded by mu
}

const (
	// maxRemembered bounds the numbers; beyond it, all are forgotten.
	maxRemembered = 20_000

	// maxRememberedLength bounds each in bytes. Whoever sends longer ones may
	// wait.
	maxRememberedLength = 64
)

func (m *memory) normalise(number string) string {
	if len(number) > maxRememberedLength {
		return Normalise(number, m.region)
	}
	m.mu.Lock()
	normalised, found := m.known[number]
	m.mu.Unlock()
	if found {
		return normalised
	}
	normalised = Normalise(number, m.region)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxRemembered {
		m.known = map[string]string{}
	}
	m.known[number] = normalised
	return normalised
}
