package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/callcenter"
	"callbackd/postgres"
	"callbackd/recording"
)

// stage is a person in a session, and a recording to play.
type stage struct {
	t         *testing.T
	db        *postgres.DB
	url       string
	account   accounts.Account
	session   accounts.SessionID
	recording recording.ID
}

func newStage(t *testing.T) *stage {
	t.Helper()
	db, url := open(t)
	s := &stage{t: t, db: db, url: url}
	var err error
	s.account, err = db.Accounts().CreateAccount(t.Context(), accounts.NewAccount{
		Name: "sato", DisplayName: "佐藤", Role: accounts.RoleAgent, CallCenters: []string{"support"},
	}, "$argon2id$", start)
	if err != nil {
		t.Fatal(err)
	}
	s.session = s.login("1")
	call := newCall(1)
	call.Recordings = []string{"/var/spool/asterisk/monitor/1.wav"}
	if err := db.Calls().SaveCalls(t.Context(), []callcenter.Call{call}); err != nil {
		t.Fatal(err)
	}
	list, err := db.Recordings().ListByCall(t.Context(), call.RequestID)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d recordings, %v", len(list), err)
	}
	s.recording = list[0].ID
	return s
}

func (s *stage) login(token string) accounts.SessionID {
	s.t.Helper()
	id, err := s.db.Sessions().CreateSession(s.t.Context(), accounts.Session{
		AccountID: s.account.ID, Data: []byte{1}, CreatedAt: start, LastUsedAt: start, ExpiresAt: start.Add(time.Hour),
	}, sha256.Sum256([]byte(token)), s.account.Generation, start.Add(-time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *stage) grant(secret string, at time.Time) (recording.Grant, error) {
	return s.db.Playback().CreateGrant(s.t.Context(), recording.Grant{
		SessionID: s.session, AccountID: s.account.ID, RecordingID: s.recording, CreatedAt: at, ExpiresAt: at.Add(5 * time.Minute),
	}, sha256.Sum256([]byte(secret)), 3)
}

func (s *stage) find(secret string) (recording.Grant, int, error) {
	return s.db.Playback().GrantByHash(s.t.Context(), sha256.Sum256([]byte(secret)))
}

func TestPlayback_Grants(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	created, err := s.grant("a", start)
	if err != nil {
		t.Fatal(err)
	}
	got, version, err := s.find("a")
	if err != nil || version != s.account.Version {
		t.Fatalf("version %d, %v", version, err)
	}
	if diff := cmp.Diff(created, got); diff != "" || created.ID == 0 || created.AccountVersion != s.account.Version {
		t.Errorf("grant %+v (-want +got):\n%s", created, diff)
	}
	if _, _, err := s.find("b"); !errors.Is(err, recording.ErrPlaybackNotFound) {
		t.Errorf("another secret: %v", err)
	}
	if err := s.db.Playback().RenewGrant(t.Context(), got.ID, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, _, err = s.find("a"); err != nil || !got.ExpiresAt.Equal(start.Add(time.Hour)) {
		t.Errorf("renewed until %v, %v", got.ExpiresAt, err)
	}
	if err := s.db.Playback().RenewGrant(t.Context(), got.ID+1, start); !errors.Is(err, recording.ErrPlaybackNotFound) {
		t.Errorf("renew what does not exist: %v", err)
	}
	// The account is changed: the version shows it.
	_, err = s.db.Accounts().UpdateAccount(t.Context(), s.account.ID, func(a accounts.Account, _ int) (accounts.Account, error) {
		a.Version++
		return a, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, version, err = s.find("a"); err != nil || version == got.AccountVersion {
		t.Errorf("version %d of a grant of %d, %v", version, got.AccountVersion, err)
	}
	// The session ends, and with it the grant.
	if err := s.db.Sessions().DeleteSession(t.Context(), sha256.Sum256([]byte("1"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.find("a"); !errors.Is(err, recording.ErrPlaybackNotFound) {
		t.Errorf("after the session: %v", err)
	}
	if _, err := s.grant("c", start); !errors.Is(err, accounts.ErrUnauthorized) {
		t.Errorf("a grant for a session that has ended: %v", err)
	}
}

// An account has a few grants, also when it asks for many at once; and what
// expired long ago is forgotten.
func TestPlayback_KeepsTheNewestGrants(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if _, err := s.grant("old", start.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.grant("recent", start.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.grant("new", start); err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]error{"old": recording.ErrPlaybackNotFound, "recent": nil, "new": nil} {
		if _, _, err := s.find(secret); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", secret, err, want)
		}
	}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if _, err := s.grant(fmt.Sprint(i), start); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var left int
	if err := connect(t, s.url).QueryRow(t.Context(), `SELECT count(*) FROM playback_grants`).Scan(&left); err != nil || left != 3 {
		t.Errorf("%d grants are left, %v, want 3", left, err)
	}
}

// All processes draw from the same budgets, each alone at a time.
func TestPlayback_BudgetsOfManyProcesses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	other, err := postgres.Open(t.Context(), s.url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	var mu sync.Mutex
	var times []time.Time
	takes := 0
	var group sync.WaitGroup
	for _, db := range []*postgres.DB{s.db, other} {
		for range 4 {
			group.Go(func() {
				for range 10 {
					err := db.Playback().ChangeBudgets(t.Context(), s.account.ID, s.recording, func(b recording.Budgets, now time.Time) recording.Budgets {
						mu.Lock()
						defer mu.Unlock()
						takes++
						times = append(times, now)
						if want := time.Duration(takes - 1); b.Recording.Burst != want || b.Account.Seeks != want || b.Recording.At.IsZero() != (takes == 1) {
							t.Errorf("budgets %+v before change %d", b, takes)
						}
						b.Recording = recording.Budget{Burst: b.Recording.Burst + 1, At: now}
						b.Account = recording.Budget{Seeks: b.Account.Seeks + 1, At: now}
						return b
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	group.Wait()
	for i := 1; i < len(times); i++ {
		if times[i].Before(times[i-1]) {
			t.Fatalf("the clock went back from %v to %v", times[i-1], times[i])
		}
	}
	// Of another recording there is a budget of its own, and the same over all.
	err = s.db.Playback().ChangeBudgets(t.Context(), s.account.ID, s.recording+1, func(b recording.Budgets, _ time.Time) recording.Budgets {
		if b.Recording != (recording.Budget{}) || b.Account.Seeks != 80 {
			t.Errorf("budgets of another recording %+v", b)
		}
		return b
	})
	if err != nil {
		t.Fatal(err)
	}
	// What is full by now is as good as none.
	exec(t, connect(t, s.url), `UPDATE playback_budgets SET at = at - interval '1 hour'`)
	if _, err := s.grant("a", start); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := connect(t, s.url).QueryRow(t.Context(), `SELECT count(*) FROM playback_budgets WHERE at IS NOT NULL`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d budgets are left, %v", left, err)
	}
}

func TestPlayback_Listens(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	store := s.db.Playback()
	part := func(from, to int) recording.Part {
		return recording.Part{From: time.Duration(from) * 100 * time.Millisecond, To: time.Duration(to) * 100 * time.Millisecond}
	}
	listen := recording.Listen{
		Play: 5, RecordingID: s.recording, AccountID: s.account.ID, SessionID: s.session,
		Address: netip.MustParseAddr("2001:db8::1"), BeganAt: start, LastAt: start,
	}
	add := func(l recording.Listen) {
		t.Helper()
		if err := store.AddListen(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	heard := listen
	heard.Heard = []recording.Part{part(0, 50)}
	add(heard) // nothing was sent: nothing to keep
	if list, err := store.Listens(t.Context(), s.recording, recording.ListenFilter{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("%d receipts, %v", len(list), err)
	}
	sent := listen
	sent.Sent = []recording.Part{part(0, 50)}
	add(sent)
	sent.Sent, sent.LastAt, sent.BeganAt = []recording.Part{part(200, 300), part(40, 60)}, start.Add(time.Second), start.Add(time.Second)
	add(sent)
	heard.LastAt, heard.Heard = start.Add(2*time.Second), []recording.Part{part(0, 10), part(5, 20), part(220, 230)}
	add(heard)
	later := listen
	later.Play, later.Address, later.Sent = 9, netip.Addr{}, []recording.Part{part(0, 1)}
	add(later)

	want := listen
	want.Account, want.DisplayName, want.LastAt = "sato", "佐藤", start.Add(2*time.Second)
	want.Sent, want.Heard = []recording.Part{part(0, 60), part(200, 300)}, []recording.Part{part(0, 20), part(220, 230)}
	later.Account, later.DisplayName, later.Heard = "sato", "佐藤", []recording.Part{}
	got, err := store.Listens(t.Context(), s.recording, recording.ListenFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	address := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff([]recording.Listen{later, want}, got, address); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	got, err = store.Listens(t.Context(), s.recording, recording.ListenFilter{Limit: 1, Before: 9})
	if err != nil || len(got) != 1 || got[0].Play != 5 {
		t.Errorf("the page after: %+v, %v", got, err)
	}
	// They outlive the session, and nobody deletes them.
	if err := s.db.Sessions().DeleteSession(t.Context(), sha256.Sum256([]byte("1"))); err != nil {
		t.Fatal(err)
	}
	pool := connect(t, s.url)
	for _, statement := range []string{`DELETE FROM listens`, `TRUNCATE listens`, `DELETE FROM recordings`} {
		if _, err := pool.Exec(context.Background(), statement); err == nil {
			t.Errorf("%s succeeds", statement)
		}
	}
}
