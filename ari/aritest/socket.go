package aritest

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"callbackd/ari"
)

// application is a Stasis application.
type application struct {
	name    string
	socket  *socket
	sources map[string]bool // channel:, bridge:, endpoint:, deviceState:
	// kept applications outlive their socket.
	kept                bool
	allowed, disallowed map[ari.EventType]bool
}

var allSources = []string{"channel:", "bridge:", "endpoint:", "deviceState:"}

// sourceOf returns the subscription that an event of the type comes by; ""
// for events to the application itself.
func sourceOf(t ari.EventType) string {
	switch name := string(t); {
	case t == ari.ChannelUserevent, strings.HasPrefix(name, "Application"):
		return ""
	case strings.HasPrefix(name, "Bridge"):
		return "bridge:"
	case strings.HasPrefix(name, "DeviceState"):
		return "deviceState:"
	case strings.HasPrefix(name, "Endpoint"), strings.HasPrefix(name, "Contact"), strings.HasPrefix(name, "Peer"):
		return "endpoint:"
	}
	return "channel:"
}

// wants reports whether Asterisk would send events of the type.
func (a *application) wants(t ari.EventType) bool {
	if s := sourceOf(t); a.socket == nil || s != "" && !a.sources[s] {
		return false
	}
	return !a.disallowed[t] && (len(a.allowed) == 0 || a.allowed[t])
}

// socket is one websocket. As in Asterisk, it has its applications before the
// client is told that it is open; events wait until it is.
type socket struct {
	s *Server
	// open is closed when conn and w are there; they stay nil if the
	// handshake failed.
	open chan struct{}
	conn net.Conn

	mu sync.Mutex // for writing
	w  *bufio.Writer
	// lost: an event could not be sent into a black hole.
	lost bool
}

// write writes a frame; flush sends what was written. Errors end the socket.
func (k *socket) write(op ws.OpCode, payload string, flush bool) {
	if k.s.wire.silent() != nil {
		// Before waiting: a handshake in a black hole takes as long as it.
		k.mu.Lock()
		defer k.mu.Unlock()
		k.lost = true
		return
	}
	<-k.open
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == nil {
		return
	}
	if k.s.writeTimeout > 0 {
		k.conn.SetWriteDeadline(time.Now().Add(k.s.writeTimeout)) //nolint:errcheck // write tells
	}
	err := ws.WriteHeader(k.w, ws.Header{Fin: true, OpCode: op, Length: int64(len(payload))})
	if err == nil {
		_, err = k.w.WriteString(payload)
	}
	if err == nil && flush {
		err = k.w.Flush()
	}
	if err != nil {
		k.conn.Close() //nolint:errcheck // of no more use
	}
}

func (k *socket) flush() {
	<-k.open
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != nil && k.s.wire.silent() == nil && k.w.Flush() != nil {
		k.conn.Close() //nolint:errcheck // of no more use
	}
}

// end ends the connection, if it is open yet, in the way of how.
func (k *socket) end(how func(net.Conn)) {
	select {
	case <-k.open:
		if k.conn != nil {
			how(k.conn)
		}
	default:
	}
}

func hangUp(conn net.Conn) { conn.Close() } //nolint:errcheck // that is the fault

// events serves GET /events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("app")
	if name == "" {
		refuse(w, http.StatusBadRequest, "HTTP request is missing param: [app]")
		return
	}
	k := &socket{s: s, open: make(chan struct{})}
	s.attach(name, k, r.URL.Query().Get("subscribeAll") == "true")
	defer s.detach(k)
	conn, rw, _, err := ws.UpgradeHTTP(r, w)
	if conn != nil {
		defer hangUp(conn)
	}
	if err != nil {
		close(k.open)
		return
	}
	k.conn, k.w = conn, bufio.NewWriterSize(conn, 64<<10)
	close(k.open)
	k.read(rw.Reader)
}

// attach gives the application to the socket. As in Asterisk, subscribeAll
// counts only when the application is new, and a socket that had it is told
// and then hears nothing more.
func (s *Server) attach(name string, k *socket, subscribeAll bool) {
	s.mu.Lock()
	app := s.apps[name]
	if app == nil {
		app = &application{name: name, sources: map[string]bool{}}
		for _, source := range allSources {
			app.sources[source] = subscribeAll
		}
		s.apps[name] = app
	}
	old, told := app.socket, app.wants(ari.ApplicationReplaced)
	app.socket = k
	s.sockets[k] = struct{}{}
	s.accepted++
	s.mu.Unlock()
	if old != nil && told {
		old.write(ws.OpText, NewEvent(ari.ApplicationReplaced, Fields{"application": name}).Raw, true)
	}
}

func (s *Server) detach(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k)
	for name, app := range s.apps {
		if app.socket != k {
			continue
		}
		app.socket, app.allowed, app.disallowed = nil, nil, nil
		if !app.kept {
			delete(s.apps, name)
		}
	}
}

// read answers PING and close, and counts PONGs: nobody asked for one, and
// some Asterisk versions crash on it.
func (k *socket) read(r *bufio.Reader) {
	for {
		f, err := ws.ReadFrame(r)
		if err != nil {
			return
		}
		if f.Header.Masked {
			ws.Cipher(f.Payload, f.Header.Mask, 0)
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			k.s.count(&k.s.pings)
			k.write(ws.OpPong, string(f.Payload), true)
		case ws.OpPong:
			k.s.count(&k.s.pongs)
		case ws.OpClose:
			k.write(ws.OpClose, string(f.Payload), true)
			return
		}
	}
}

// deliver sends the event to every application that would receive it.
func (s *Server) deliver(e *Event, flush bool) {
	s.mu.Lock()
	s.state.apply(e)
	var sockets []*socket
	if !s.muted {
		for _, app := range s.apps {
			if app.wants(e.typ) {
				sockets = append(sockets, app.socket)
			}
		}
	}
	latency := s.latency
	s.mu.Unlock()
	if latency > 0 {
		time.Sleep(latency)
	}
	for _, k := range sockets {
		k.write(ws.OpText, e.Raw, flush)
	}
}

// all returns the sockets that are open.
func (s *Server) all() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	sockets := make([]*socket, 0, len(s.sockets))
	for k := range s.sockets {
		sockets = append(sockets, k)
	}
	return sockets
}

// describe returns the application as REST shows it.
func (a *application) describe() map[string]any {
	ids := func(source, all string) []string {
		if a.sources[source] {
			return []string{all}
		}
		return []string{}
	}
	types := func(set map[ari.EventType]bool) []json.RawMessage {
		list := []json.RawMessage{}
		for t := range set {
			b, _ := json.Marshal(map[string]ari.EventType{"type": t})
			list = append(list, b)
		}
		return list
	}
	return map[string]any{
		"name":              a.name,
		"channel_ids":       ids("channel:", "__AST_CHANNEL_ALL_TOPIC"),
		"bridge_ids":        ids("bridge:", "__AST_BRIDGE_ALL_TOPIC"),
		"endpoint_ids":      ids("endpoint:", "__AST_ENDPOINT_ALL_TOPIC"),
		"device_names":      ids("deviceState:", "__AST_DEVICE_STATE_ALL_TOPIC"),
		"events_allowed":    types(a.allowed),
		"events_disallowed": types(a.disallowed),
	}
}
