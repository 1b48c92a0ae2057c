package aritest

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"callbackd/ari"
)

// User is an account of ari.conf.
type User struct {
	Name, Password string
	ReadOnly       bool
}

// Defaults of Options.
const (
	DefaultUsername    = "callbackd"
	DefaultPassword    = "secret"
	DefaultApplication = "callbackd"
	DefaultSystemName  = "pbx1"
	DefaultVersion     = "22.10.1"
)

// entityID is the fake's asterisk_id.
const entityID = "02:00:00:00:00:01"

// Options of a Server; the zero value is a PBX that works.
type Options struct {
	// Listener is where it listens; a free port of 127.0.0.1 if nil. The
	// server closes it.
	Listener net.Listener
	// Users are its accounts; DefaultUsername with DefaultPassword if none.
	Users []User
	// SystemName and Version are what it says of itself.
	SystemName, Version string
	// WriteTimeout is how long a client may leave its events unread before it
	// is cut (Asterisk: 100 ms); 0: for ever, which a load test wants.
	WriteTimeout time.Duration
}

// Server is a fake Asterisk. All methods may be called at any time by any
// goroutine.
type Server struct {
	users        []User
	systemName   string
	version      string
	writeTimeout time.Duration
	wire         *wire
	http         http.Server
	done         chan struct{} // closed by Close
	served       chan error

	mu        sync.Mutex
	state     state
	apps      map[string]*application
	sockets   map[*socket]struct{}
	startedAt time.Time
	serial    int
	requests  []Request
	accepted  int
	pings     int
	pongs     int
	faults
}

// Request is a REST request that was received.
type Request struct{ Method, Path string }

// New starts a server.
func New(o Options) (*Server, error) {
	if o.Listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
		if err != nil {
			return nil, fmt.Errorf("start fake asterisk: %w", err)
		}
		o.Listener = l
	}
	if len(o.Users) == 0 {
		o.Users = []User{{Name: DefaultUsername, Password: DefaultPassword}}
	}
	s := &Server{
		users: o.Users, systemName: cmp.Or(o.SystemName, DefaultSystemName), version: cmp.Or(o.Version, DefaultVersion),
		writeTimeout: o.WriteTimeout,
		wire:         &wire{Listener: o.Listener, conns: map[*wireConn]struct{}{}},
		done:         make(chan struct{}), served: make(chan error, 1),
		state: newState(), apps: map[string]*application{}, sockets: map[*socket]struct{}{},
		startedAt: time.Now(),
	}
	s.http.Handler = s.handler()
	s.http.ReadHeaderTimeout = time.Minute
	go func() { s.served <- s.http.Serve(s.wire) }()
	return s, nil
}

// Close ends it with all its connections.
func (s *Server) Close() error {
	select {
	case <-s.done:
		return nil
	default:
		close(s.done)
	}
	err := s.http.Close()
	s.wire.closeAll(func(c net.Conn) { c.Close() }) //nolint:errcheck // ended
	if serveErr := <-s.served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// URL is the base URL for ari.ClientOptions.
func (s *Server) URL() string { return "http://" + s.wire.Addr().String() + "/ari" }

// ClientOptions are those of the first user.
func (s *Server) ClientOptions() ari.ClientOptions {
	return ari.ClientOptions{
		URL: s.URL(), Username: s.users[0].Name, Password: s.users[0].Password, Application: DefaultApplication,
	}
}

// Send sends events, one after the other, and lets them change what REST
// answers.
func (s *Server) Send(events ...Event) {
	for i := range events {
		s.deliver(&events[i], true)
	}
}

// NewChannelID returns an ID as the PBX would give to a new channel; they
// change with Restart.
func (s *Server) NewChannelID() ari.ChannelID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return ari.ChannelID(fmt.Sprintf("%s-%d.%d", s.systemName, s.startedAt.Unix(), s.serial-1))
}

// CreateApplication makes an application that is subscribed to the sources
// only ("channel:", …) and stays without a websocket: what a client meets
// that was not the first to use the name.
func (s *Server) CreateApplication(name string, sources ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := &application{name: name, kept: true, sources: map[string]bool{}}
	for _, source := range sources {
		app.sources[source] = true
	}
	s.apps[name] = app
}

// Connections returns how many websockets are open, and how many were ever
// accepted.
func (s *Server) Connections() (open, accepted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets), s.accepted
}

// Pings returns how many PINGs and how many PONGs clients have sent. The
// server sends no PING, so that any PONG was unsolicited.
func (s *Server) Pings() (pings, pongs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pings, s.pongs
}

// Requests returns the requests received so far, GET /events included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// now is what the PBX's clock shows.
func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

func (s *Server) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

// handler is everything between the connection and a resource, in Asterisk's
// order: authentication, booting, read-only users.
func (s *Server) handler() http.Handler {
	resources := s.resources()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/ari")
		s.mu.Lock()
		s.requests = append(s.requests, Request{r.Method, path})
		s.mu.Unlock()
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		if s.interfere(w, r, path) {
			return
		}
		user, ok := s.authenticate(r)
		switch {
		case !ok:
			w.Header().Set("WWW-Authenticate", `Basic realm="Asterisk REST Interface"`)
			refuse(w, http.StatusUnauthorized, "Authentication required")
		case s.isBooting():
			refuse(w, http.StatusServiceUnavailable, "Asterisk not booted")
		case user.ReadOnly && r.Method != http.MethodGet:
			refuse(w, http.StatusForbidden, "Write access denied")
		default:
			resources.ServeHTTP(w, r)
		}
	})
}

func (s *Server) authenticate(r *http.Request) (User, bool) {
	name, password, _ := r.BasicAuth()
	for _, u := range s.users {
		if u.Name == name && subtle.ConstantTimeCompare([]byte(u.Password), []byte(password)) == 1 {
			return u, true
		}
	}
	return User{}, false
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"message":%q}`, message) //nolint:errcheck // the client's loss
}
