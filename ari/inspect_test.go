package ari_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"callbackd/ari"
)

// What a user may do is learnt without doing anything: the application named
// does not exist.
func TestClient_MayWrite(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{http.StatusForbidden: false, http.StatusNotFound: true, http.StatusInternalServerError: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if want := "/ari/applications/callbackd-asks-whether-it-may/subscription"; r.Method != http.MethodDelete || r.URL.Path != want {
				t.Errorf("%s %s is requested, want DELETE %s", r.Method, r.URL.Path, want)
			}
			w.WriteHeader(status)
		}))
		c := newClient(t, ari.ClientOptions{URL: server.URL + "/ari", Username: "u", Password: "p", Application: "a"})
		got, err := c.MayWrite(t.Context())
		if got != want || (err != nil) != (status == http.StatusInternalServerError) {
			t.Errorf("answer %d: MayWrite = %t, %v; want %t", status, got, err, want)
		}
		server.Close()
	}
}
