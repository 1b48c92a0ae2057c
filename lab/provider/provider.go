package provider

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The client that the provider knows.
const (
	ClientID     = "callbackd"
	ClientSecret = "the secret of callbackd"
)

// Person is somebody whom the provider knows.
type Person struct {
	// Subject tells people apart for ever.
	Subject string
	// Name and Password are what the person logs in with, and Name is also
	// the claim preferred_username of the user info.
	Name, Password string
	// First and Last are the parts of the claim name.
	First, Last string
	// Claims are those of the ID token beside.
	Claims map[string]any
}

// Provider is a provider that runs.
type Provider struct {
	*storage.Storage
	// URL is the issuer.
	URL    string
	server *httptest.Server
	handle http.Handler

	mu     sync.Mutex
	people map[string]Person
	back   []string // where browsers may be sent back to
	key    *signingKey
	keys   int
	away   bool
}

// Start starts a provider, which ends with the test.
func Start(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{people: map[string]Person{}}
	p.Storage = storage.NewStorageWithClients(directory{p}, map[string]*storage.Client{
		ClientID: storage.WebClient(ClientID, ClientSecret),
	})
	p.RotateKey(t)
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.server.Close)
	p.URL = p.server.URL
	provider, err := op.NewProvider(&op.Config{
		CryptoKey: sha256.Sum256([]byte("of a test")), CryptoKeyId: "1", CodeMethodS256: true, AuthMethodPost: true,
	}, p, op.StaticIssuer(p.URL), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(p.logIn(op.AuthCallbackURL(provider))))
	mux.HandleFunc("POST /oauth/token", authenticated(provider))
	mux.Handle("/", provider)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle = mux
	return p
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	handle, away := p.handle, p.away
	p.mu.Unlock()
	if away {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	handle.ServeHTTP(w, r)
}

// authenticated lets callbackd alone redeem codes. The library looks at the code
// first, and so says nothing of who redeems none; Keycloak and Entra ID do it in
// the order of RFC 6749, section 4.1.3.
func authenticated(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, secret, basic := r.BasicAuth()
		if basic {
			id, _ = url.QueryUnescape(id) // what cannot be is wrong
			secret, _ = url.QueryUnescape(secret)
		} else {
			id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
		}
		if id != ClientID || secret != ClientSecret {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`) // who asked may be gone
			return
		}
		next.ServeHTTP(w, r)
	}
}

// Away makes the provider answer nothing but that something in front of it
// cannot reach it, until it is called with false.
func (p *Provider) Away(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// Put adds a person, or replaces the one of that subject.
func (p *Provider) Put(person Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people[person.Subject] = person
}

// Register lets callbackd at a URL use the provider.
func (p *Provider) Register(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.back = append(p.back, url+"/sso/callback", url+"/")
}

// RotateKey signs by another key from now on; the one before is gone.
func (p *Provider) RotateKey(t testing.TB) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys++
	p.key = &signingKey{id: "key" + strconv.Itoa(p.keys), key: key}
}

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Office account</title>
<h1>Office account</h1><form method="post" action="/login/username"><input type="hidden" name="id" value="{{.ID}}">
<label>Name <input name="username"></label> <label>Password <input type="password" name="password"></label>
<button>Log in</button>{{with .Problem}}<p role="alert">{{.}}</p>{{end}}</form></html>`))

// logIn asks for name and password.
func (p *Provider) logIn(goOn func(context.Context, string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown := struct{ ID, Problem string }{ID: r.FormValue("authRequestID")}
		if r.Method == http.MethodPost {
			shown.ID = r.FormValue("id")
			err := p.CheckUsernamePassword(r.FormValue("username"), r.FormValue("password"), shown.ID)
			if err == nil {
				http.Redirect(w, r, goOn(r.Context(), shown.ID), http.StatusFound)
				return
			}
			shown.Problem = err.Error()
		}
		_ = page.Execute(w, shown) // who asked may be gone
	}
}

// client is callbackd as the provider knows it.
type client struct {
	op.Client
	back []string
}

func (c client) RedirectURIs() []string           { return c.back }
func (c client) PostLogoutRedirectURIs() []string { return c.back }

// GetClientByClientID implements op.Storage.
func (p *Provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	known, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return client{Client: known, back: p.back}, nil
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest: the claims of
// the ID token.
func (p *Provider) SetUserinfoFromRequest(_ context.Context, info *protocol.UserInfo, request op.IDTokenRequest, _ []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	info.Subject = request.GetSubject()
	for name, value := range maps.All(p.people[request.GetSubject()].Claims) {
		info.AppendClaims(name, value)
	}
	return nil
}

// SigningKey implements op.Storage.
func (p *Provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key, nil
}

// KeySet implements op.Storage.
func (p *Provider) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []op.Key{publicKey{p.key}}, nil
}

// signingKey is an op.SigningKey, and publicKey its public part.
type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func (k *signingKey) ID() string                                  { return k.id }
func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *signingKey) Key() any                                    { return k.key }

type publicKey struct{ *signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.key.PublicKey }

// directory is a storage.UserStore of the provider's people.
type directory struct{ p *Provider }

func (d directory) GetUserByID(id string) *storage.User {
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	return user(d.p.people[id])
}

func (d directory) GetUserByUsername(name string) *storage.User {
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	for _, person := range d.p.people {
		if person.Name == name {
			return user(person)
		}
	}
	return nil
}

func (d directory) ExampleClientID() string { return "nobody" }

func user(person Person) *storage.User {
	if person.Subject == "" {
		return nil
	}
	return &storage.User{
		ID: person.Subject, Username: person.Name, Password: person.Password, FirstName: person.First, LastName: person.Last,
	}
}
