package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callcenter"
	"callbackd/postgres"
)

// fakeLease is a lease that nobody else wants, unless lost.
type fakeLease struct{ lost bool }

func (*fakeLease) Take(context.Context) (handed bool, err error) { return false, nil }
func (*fakeLease) Release(context.Context) error                 { return nil }
func (*fakeLease) Calls() *postgres.Calls                        { return nil }

func (l *fakeLease) Renew(context.Context) error {
	if l.lost {
		return callcenter.ErrSuperseded
	}
	return nil
}

// A node that could not be ended is tried again after a minute, and not when
// somebody has followed it since.
func TestLeftNodes_TriedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		failures int
		lost     bool
		want     []time.Duration
	}{
		"ended at once":     {failures: 0, want: []time.Duration{0, leaveAfter}},
		"ended at the last": {failures: 2, want: []time.Duration{0, time.Minute, 2 * time.Minute, leaveAfter}},
		"followed again":    {failures: 9, lost: true, want: []time.Duration{0, leaveAfter}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun, found := time.Now(), time.Time{}
				var tried []time.Duration
				l := &leftNodes{
					log: testLog(t), taken: map[string]leftLease{},
					// As the database does: a node that was taken is none for a while.
					find: func(context.Context) ([]string, error) {
						if time.Since(found) < leaveAfter {
							return nil, nil
						}
						found = time.Now()
						return []string{"pbx1"}, nil
					},
					lease: func(string) leftLease { return &fakeLease{lost: test.lost} },
					end: func(context.Context, string, leftLease) (int, error) {
						if tried = append(tried, time.Since(begun)); len(tried) <= test.failures {
							return 0, errors.New("no")
						}
						return 1, nil
					},
				}
				ctx, cancel := context.WithTimeout(t.Context(), leaveAfter+leaveEvery/2)
				defer cancel()
				if err := l.run(ctx); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(test.want, tried); diff != "" {
					t.Errorf("tried (-want +got):\n%s", diff)
				}
			})
		})
	}
}
