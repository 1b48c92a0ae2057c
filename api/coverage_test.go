package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"callbackd/api"
)

const basePath = "/api/v1"

// coverage holds every answer of the suite against the contract, and knows
// what of the contract was never answered.
type coverage struct {
	doc    *openapi3.T
	mux    *http.ServeMux
	routes map[string]*routers.Route // by the mux's pattern
	// quick is the description as OpenAPI 3.0, whose validator does not compile
	// the schemas for each answer. It takes const for granted.
	quick *openapi3.T

	mu   sync.Mutex
	seen map[string]int // how often, by "GET /calls 400 invalid_request"
}

// thorough is how many answers of a kind are held against the contract as
// OpenAPI 3.1, which takes milliseconds each.
const thorough = 10

func newCoverage() *coverage {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		panic(err)
	}
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("audio/wav", openapi3filter.FileBodyDecoder)
	c := &coverage{doc: doc, mux: http.NewServeMux(), routes: make(map[string]*routers.Route), seen: make(map[string]int)}
	quick := *doc
	quick.OpenAPI = "3.0.3"
	c.quick = &quick
	for template, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			pattern := method + " " + basePath + template
			c.mux.Handle(pattern, http.NotFoundHandler())
			c.routes[pattern] = &routers.Route{Spec: doc, Path: template, PathItem: item, Method: method, Operation: operation}
		}
	}
	return c
}

// documented lists all operations, statuses and codes of the contract.
func (c *coverage) documented() []string {
	var all []string
	for _, route := range c.routes {
		for status, response := range route.Operation.Responses.Map() {
			line := fmt.Sprintf("%s %s %s", route.Method, route.Path, status)
			codes := 0
			if media := response.Value.Content["application/problem+json"]; media != nil {
				for code := range media.Examples {
					all = append(all, line+" "+code)
					codes++
				}
			}
			if codes == 0 {
				all = append(all, line)
			}
		}
	}
	slices.Sort(all)
	return all
}

func (c *coverage) missing() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(c.documented(), func(line string) bool { return c.seen[line] > 0 })
}

// check holds an answer against the contract. Answers to what is none of its
// operations only have to be problem documents.
func (c *coverage) check(request *http.Request, response *http.Response, body []byte) error {
	_, pattern := c.mux.Handler(request)
	route := c.routes[pattern]
	if request.URL.Path != path.Clean(request.URL.Path) {
		route = nil // the mux would redirect
	}
	isProblem := response.Header.Get("Content-Type") == "application/problem+json"
	if response.StatusCode >= 400 && !isProblem {
		return fmt.Errorf("status %d is no problem document: %q", response.StatusCode, body)
	}
	if route == nil {
		return c.checkSchema("Problem", body)
	}
	line := fmt.Sprintf("%s %s %d", route.Method, route.Path, response.StatusCode)
	if isProblem && request.Method == http.MethodHead {
		return nil // its code is in the body that HEAD leaves out
	}
	if isProblem {
		var problem api.Problem
		if err := json.Unmarshal(body, &problem); err != nil {
			return err
		}
		line += " " + problem.Code
	}
	c.mu.Lock()
	before := c.seen[line]
	c.mu.Unlock()
	if before >= thorough {
		quick := *route
		quick.Spec = c.quick
		route = &quick
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: route},
		Status:                 response.StatusCode,
		Header:                 response.Header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if body == nil { // of a stream, which is checked event by event
		input.Options.ExcludeResponseBody = true
	} else {
		input.SetBodyBytes(body)
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		return fmt.Errorf("answer is not what the contract says: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[line]++
	return nil
}

// Every body of the contract has an example, which is what its schema says.
func TestContract_HasTrueExamples(t *testing.T) {
	t.Parallel()
	check := func(where string, content openapi3.Content) {
		for name, media := range content {
			examples := []any{media.Example}
			for _, example := range media.Examples {
				examples = append(examples, example.Value.Value)
			}
			examples = slices.DeleteFunc(examples, func(e any) bool { return e == nil })
			if len(examples) == 0 && (strings.HasSuffix(name, "json") || name == "text/csv") {
				t.Errorf("%s has no example of %s", where, name)
			}
			for _, example := range examples {
				if err := media.Schema.Value.VisitJSON(example, openapi3.EnableJSONSchema2020()); err != nil {
					t.Errorf("an example of %s: %v", where, err)
				}
			}
		}
	}
	for pattern, route := range covered.routes {
		if body := route.Operation.RequestBody; body != nil {
			check(pattern, body.Value.Content)
		}
		for status, response := range route.Operation.Responses.Map() {
			check(pattern+" "+status, response.Value.Content)
		}
	}
}

// checkSchema holds JSON against a schema of the contract.
func (c *coverage) checkSchema(name string, text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return fmt.Errorf("%s: %w: %q", name, err, text)
	}
	if err := c.doc.Components.Schemas[name].Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkedTransport checks every answer that passes through it. Bodies of
// streams are left to who reads them.
type checkedTransport struct {
	t    testing.TB
	next http.RoundTripper
}

func (c checkedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	var body []byte
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if kind != "text/event-stream" && kind != "audio/wav" && request.Method != http.MethodHead {
		body, err = io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		if err := response.Body.Close(); err != nil {
			return nil, err
		}
		if body == nil {
			body = []byte{}
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := errors.Join(covered.check(request, response, body), checkNoDownload(request, response, body)); err != nil {
		c.t.Errorf("%s %s: %v", request.Method, request.URL, err)
	}
	return response, nil
}
