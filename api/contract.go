package api

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Contract is openapi.yaml: the description of the API, and its contract.
//
//go:embed openapi.yaml
var Contract []byte

// contract is the parsed description.
type contract struct{ doc *openapi3.T }

// loadContract returns the contract. It is parsed once a process, which takes
// a tenth of a second: nothing in it ever changes. That it is valid, and its
// examples are, a test says: to validate it takes seconds, in which a daemon
// that starts would follow no calls.
var loadContract = sync.OnceValue(func() *contract {
	doc, err := openapi3.NewLoader().LoadFromData(Contract)
	if err != nil {
		panic(fmt.Sprintf("api: openapi.yaml: %v", err))
	}
	return &contract{doc: doc}
})

// operation is one operation of the contract, as validation needs it.
type operation struct {
	route *routers.Route
	// parameters are the path's and the operation's own.
	parameters []*openapi3.Parameter
	// body is nil when the operation takes none.
	body *openapi3.RequestBody
	// maxBody is the largest body in bytes; timeout is 0 for the usual one.
	maxBody int64
	timeout time.Duration
}

// operation returns the operation that a mux pattern stands for.
func (c *contract) operation(pattern string) *operation {
	method, full, _ := strings.Cut(pattern, " ")
	template := strings.TrimPrefix(full, basePath)
	item := c.doc.Paths.Value(template)
	if item == nil || item.GetOperation(method) == nil {
		panic("api: openapi.yaml has no operation " + pattern + ": generate again")
	}
	// Parameters are plain scalars and lists, which the validator of OpenAPI
	// 3.0 checks as well. That of 3.1 would compile each schema for each
	// request: 0.3 ms for six parameters, against some microseconds.
	spec := *c.doc
	spec.OpenAPI = "3.0.3"
	op := &operation{route: &routers.Route{
		Spec: &spec, Path: template, PathItem: item, Method: method, Operation: item.GetOperation(method),
	}}
	for _, list := range []openapi3.Parameters{item.Parameters, op.route.Operation.Parameters} {
		for _, ref := range list {
			op.parameters = append(op.parameters, ref.Value)
		}
	}
	if ref := op.route.Operation.RequestBody; ref != nil {
		op.body = ref.Value
	}
	op.maxBody = maxBody
	if size, ok := op.route.Operation.Extensions["x-max-body-bytes"].(float64); ok {
		op.maxBody = int64(size)
	}
	if seconds, ok := op.route.Operation.Extensions["x-timeout-seconds"].(float64); ok {
		op.timeout = time.Duration(seconds) * time.Second
	}
	return op
}

// input is a request as the validator takes it. query is nil when only the
// path and headers are to be looked at.
func (o *operation) input(r *http.Request, query url.Values) *openapi3filter.RequestValidationInput {
	input := &openapi3filter.RequestValidationInput{
		Request: r, Route: o.route, QueryParams: query, PathParams: make(map[string]string),
		Options: &openapi3filter.Options{SkipSettingDefaults: true},
	}
	for _, parameter := range o.parameters {
		if parameter.In == openapi3.ParameterInPath {
			input.PathParams[parameter.Name] = r.PathValue(parameter.Name)
		}
	}
	return input
}

// public reports whether the operation asks for no token.
func (o *operation) public() bool {
	return o.route.Operation.Security != nil && len(*o.route.Operation.Security) == 0
}

// static reports whether the answer is the same for everybody and at any time.
func (o *operation) static() bool { return o.public() && o.route.Method == http.MethodGet }

// streams returns the type of an answer that takes as long as it takes, or
// "" for an answer that must be there in time.
func (o *operation) streams() string {
	ok := o.route.Operation.Responses.Value("200")
	if ok == nil {
		return ""
	}
	for _, name := range []string{"text/event-stream", "text/csv", soundType} {
		if ok.Value.Content[name] != nil {
			return name
		}
	}
	return ""
}

// GetContract serves openapi.yaml.
func (operations) GetContract(context.Context, GetContractRequestObject) (GetContractResponseObject, error) {
	return contractResponse{}, nil
}

// contractResponse is the embedded file. The generated response would ask
// for a reader of it and write no Content-Length.
type contractResponse struct{}

// VisitGetContractResponse implements GetContractResponseObject.
func (contractResponse) VisitGetContractResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Length", strconv.Itoa(len(Contract)))
	_, err := bytes.NewReader(Contract).WriteTo(w)
	return err
}
