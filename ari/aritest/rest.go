package aritest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"callbackd/ari"
)

func (s *Server) resources() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ari/asterisk/info", s.info)
	mux.HandleFunc("GET /ari/applications/{app}", s.application)
	mux.HandleFunc("POST /ari/applications/{app}/subscription", s.subscribe)
	mux.HandleFunc("PUT /ari/applications/{app}/eventFilter", s.eventFilter)
	mux.HandleFunc("GET /ari/channels", s.listOf(func(st *state) map[string]shown { return st.channels }))
	mux.HandleFunc("GET /ari/channels/{id}", s.oneOf("Channel not found", func(st *state) map[string]shown { return st.channels }))
	mux.HandleFunc("GET /ari/channels/{id}/variable", s.channelVariable)
	mux.HandleFunc("GET /ari/bridges", s.listOf(func(st *state) map[string]shown { return st.bridges }))
	mux.HandleFunc("GET /ari/bridges/{id}", s.oneOf("Bridge not found", func(st *state) map[string]shown { return st.bridges }))
	mux.HandleFunc("POST /ari/events/user/{name}", s.userEvent)
	mux.HandleFunc("GET /ari/events", s.events)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "Resource not found") })
	return mux
}

func answer(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "Allocation failed")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(b) //nolint:errcheck // the client's loss
}

func (s *Server) info(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	started := s.startedAt.UTC().Format(timeFormat)
	s.mu.Unlock()
	answer(w, map[string]any{
		"system": map[string]any{"version": s.version, "entity_id": entityID},
		"config": map[string]any{"name": s.systemName, "default_language": "en"},
		"status": map[string]any{"startup_time": started, "last_reload_time": started},
	})
}

// withApplication calls f under the lock with the application that the path
// names, and answers with what it returns.
func (s *Server) withApplication(w http.ResponseWriter, r *http.Request, f func(*application)) {
	s.mu.Lock()
	app := s.apps[r.PathValue("app")]
	var described map[string]any
	if app != nil {
		f(app)
		described = app.describe()
	}
	s.mu.Unlock()
	if app == nil {
		refuse(w, http.StatusNotFound, "Application not found")
		return
	}
	answer(w, described)
}

func (s *Server) application(w http.ResponseWriter, r *http.Request) {
	s.withApplication(w, r, func(*application) {})
}

func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	sources := strings.Split(r.URL.Query().Get("eventSource"), ",")
	s.withApplication(w, r, func(a *application) {
		for _, source := range sources {
			a.sources[source] = true
		}
	})
}

func (s *Server) eventFilter(w http.ResponseWriter, r *http.Request) {
	var filter struct {
		Allowed, Disallowed []struct {
			Type ari.EventType `json:"type"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&filter); err != nil {
		refuse(w, http.StatusBadRequest, "Unable to parse request body")
		return
	}
	s.withApplication(w, r, func(a *application) {
		a.allowed, a.disallowed = map[ari.EventType]bool{}, map[ari.EventType]bool{}
		for _, t := range filter.Allowed {
			a.allowed[t.Type] = true
		}
		for _, t := range filter.Disallowed {
			a.disallowed[t.Type] = true
		}
	})
}

func (s *Server) listOf(objects func(*state) map[string]shown) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		copied := maps.Clone(objects(&s.state))
		s.mu.Unlock()
		answer(w, list(copied))
	}
}

func (s *Server) oneOf(missing string, objects func(*state) map[string]shown) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		object, ok := objects(&s.state)[r.PathValue("id")]
		s.mu.Unlock()
		if !ok {
			refuse(w, http.StatusNotFound, missing)
			return
		}
		answer(w, object.cut())
	}
}

func (s *Server) channelVariable(w http.ResponseWriter, r *http.Request) {
	id, name := r.PathValue("id"), r.URL.Query().Get("variable")
	s.mu.Lock()
	_, there := s.state.channels[id]
	value, set := s.state.variable(id, name)
	s.mu.Unlock()
	switch {
	case !there:
		refuse(w, http.StatusNotFound, "Provided channel was not found")
	case !set:
		refuse(w, http.StatusNotFound, "Provided variable was not found")
	default:
		answer(w, map[string]string{"value": value})
	}
}

func (s *Server) userEvent(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Variables map[string]string `json:"variables"`
	}
	if r.ContentLength != 0 {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			refuse(w, http.StatusBadRequest, "Unable to parse request body")
			return
		}
	}
	name, app := r.PathValue("name"), r.URL.Query().Get("application")
	user := map[string]string{"eventname": name}
	maps.Copy(user, body.Variables)
	s.mu.Lock()
	a := s.apps[app]
	var k *socket
	if a != nil && a.wants(ari.ChannelUserevent) && !s.muted {
		k = a.socket
	}
	s.mu.Unlock()
	if a == nil {
		refuse(w, http.StatusNotFound, "Application not found")
		return
	}
	if k != nil {
		e := NewEvent(ari.ChannelUserevent, Fields{
			"application": app, "eventname": name, "userevent": user, "timestamp": s.now().UTC().Format(timeFormat),
		})
		k.write(opText, e.Raw, true)
	}
	w.WriteHeader(http.StatusNoContent)
}
