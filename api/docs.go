package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle string

// docs is the contract as a page, made once.
type docs struct {
	page []byte
	// policy lets the browser use the page's own style and nothing else.
	policy string
}

// GetDocs serves the contract as a page to read.
func (o operations) GetDocs(context.Context, GetDocsRequestObject) (GetDocsResponseObject, error) {
	return o.docs, nil
}

// VisitGetDocsResponse implements GetDocsResponseObject.
func (d *docs) VisitGetDocsResponse(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", "en")
	h.Set("Content-Security-Policy", d.policy)
	h.Set("Content-Length", strconv.Itoa(len(d.page)))
	_, err := w.Write(d.page)
	return err
}

// newDocs returns the page, made once a process. It panics when that cannot be
// done, which depends on nothing but the embedded files.
var newDocs = sync.OnceValue(func() *docs {
	var page bytes.Buffer
	if err := template.Must(template.New("docs").Parse(docsTemplate)).Execute(&page, pageOf(loadContract().doc)); err != nil {
		panic(fmt.Sprintf("api: docs.html: %v", err))
	}
	sum := sha256.Sum256([]byte(docsStyle))
	return &docs{
		page: page.Bytes(),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	}
})

// The contract as the template takes it.
type (
	docsPage struct {
		Title, Version, Summary string
		Style                   template.CSS
		Description             template.HTML
		Tags                    []docsTag
		Schemas                 []docsSchema
	}
	docsTag struct {
		Name        string
		Description template.HTML
		Operations  []docsOperation
	}
	docsOperation struct {
		ID, Method, Path, Summary string
		Public                    bool
		Description               template.HTML
		Parameters                []docsField
		Bodies                    []docsContent
		Responses                 []docsResponse
	}
	docsResponse struct {
		Status      string
		Description template.HTML
		Contents    []docsContent
	}
	docsContent struct {
		Type, Schema string
		Examples     []string
	}
	docsSchema struct {
		Name, Type  string
		Description template.HTML
		Members     []docsField
	}
	docsField struct {
		Name, In, Type, Schema string
		Required               bool
		Description            template.HTML
	}
)

func pageOf(doc *openapi3.T) docsPage {
	page := docsPage{
		Title: doc.Info.Title, Version: doc.Info.Version, Summary: doc.Info.Summary,
		Style: template.CSS(docsStyle), Description: prose(doc.Info.Description), //nolint:gosec // our own file
	}
	for _, tag := range doc.Tags {
		t := docsTag{Name: tag.Name, Description: prose(tag.Description)}
		for _, path := range doc.Paths.InMatchingOrder() {
			item := doc.Paths.Value(path)
			for method, op := range item.Operations() {
				if slices.Contains(op.Tags, tag.Name) {
					t.Operations = append(t.Operations, operationOf(method, path, item, op))
				}
			}
		}
		for name, item := range doc.Webhooks {
			for method, op := range item.Operations() {
				if slices.Contains(op.Tags, tag.Name) {
					t.Operations = append(t.Operations, operationOf(method, "the webhook's URL: "+name, item, op))
				}
			}
		}
		slices.SortFunc(t.Operations, func(a, b docsOperation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(methodOrder(a.Method), methodOrder(b.Method)))
		})
		page.Tags = append(page.Tags, t)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		schema := doc.Components.Schemas[name].Value
		page.Schemas = append(page.Schemas, docsSchema{
			Name: name, Type: typeOf(schema), Description: prose(schema.Description), Members: membersOf(schema),
		})
	}
	return page
}

func methodOrder(method string) int {
	return slices.Index([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method)
}

func operationOf(method, path string, item *openapi3.PathItem, op *openapi3.Operation) docsOperation {
	o := docsOperation{
		ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: prose(op.Description),
		Public: op.Security != nil && len(*op.Security) == 0,
	}
	for _, ref := range slices.Concat(op.Parameters, item.Parameters) {
		p := ref.Value
		o.Parameters = append(o.Parameters, docsField{
			Name: p.Name, In: p.In, Required: p.Required, Type: typeOf(p.Schema.Value), Description: prose(p.Description),
		})
	}
	if op.RequestBody != nil {
		o.Bodies = contentsOf(op.RequestBody.Value.Content)
	}
	responses := op.Responses.Map()
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		response := responses[status].Value
		description := ""
		if response.Description != nil {
			description = *response.Description
		}
		o.Responses = append(o.Responses, docsResponse{
			Status: status, Description: prose(description), Contents: contentsOf(response.Content),
		})
	}
	return o
}

func contentsOf(content openapi3.Content) []docsContent {
	var contents []docsContent
	for _, name := range slices.Sorted(maps.Keys(content)) {
		media := content[name]
		c := docsContent{Type: name, Schema: schemaName(media.Schema)}
		if media.Example != nil {
			c.Examples = append(c.Examples, exampleText(media.Example))
		}
		for _, key := range slices.Sorted(maps.Keys(media.Examples)) {
			c.Examples = append(c.Examples, exampleText(media.Examples[key].Value.Value))
		}
		contents = append(contents, c)
	}
	return contents
}

// membersOf lists the members of an object, those of all its parts.
func membersOf(schema *openapi3.Schema) []docsField {
	var members []docsField
	for _, part := range schema.AllOf {
		members = append(members, membersOf(part.Value)...)
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		ref := schema.Properties[name]
		field := docsField{
			Name: name, Type: typeOf(ref.Value), Schema: schemaName(ref), Required: slices.Contains(schema.Required, name),
			Description: prose(ref.Value.Description),
		}
		if ref.Value.Items != nil {
			field.Schema = schemaName(ref.Value.Items)
		}
		members = append(members, field)
	}
	return members
}

func schemaName(ref *openapi3.SchemaRef) string {
	if ref == nil {
		return ""
	}
	name, found := strings.CutPrefix(ref.Ref, "#/components/schemas/")
	if !found && len(ref.Value.AllOf) == 1 {
		return schemaName(ref.Value.AllOf[0])
	}
	return name
}

// typeOf says in short what a value may be.
func typeOf(schema *openapi3.Schema) string {
	if schema.Type == nil {
		return ""
	}
	words := []string{strings.Join(*schema.Type, " or ")}
	if schema.Format != "" {
		words = append(words, schema.Format)
	}
	if len(schema.Enum) > 0 {
		words = append(words, enumWords(schema))
	}
	if schema.Min != nil {
		words = append(words, fmt.Sprintf("≥ %.0f", *schema.Min))
	}
	if schema.Max != nil {
		words = append(words, fmt.Sprintf("≤ %.0f", *schema.Max))
	}
	if schema.MaxLength != nil {
		words = append(words, fmt.Sprintf("at most %d characters", *schema.MaxLength))
	}
	if schema.Default != nil {
		words = append(words, fmt.Sprintf("default %v", schema.Default))
	}
	return strings.Join(words, ", ")
}

func exampleText(example any) string {
	if text, ok := example.(string); ok {
		return text
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(example); err != nil {
		return fmt.Sprint(example)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// prose renders the little of Markdown that openapi.yaml has: paragraphs,
// lists, indented code and code spans.
func prose(text string) template.HTML {
	var out strings.Builder
	for block := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		switch {
		case block == "":
		case strings.HasPrefix(block, "    "):
			out.WriteString("<pre>" + html.EscapeString(strings.ReplaceAll(block[4:], "\n    ", "\n")) + "</pre>")
		case strings.HasPrefix(block, "* "):
			out.WriteString("<ul>")
			for item := range strings.SplitSeq("\n"+block, "\n* ") {
				if item != "" {
					out.WriteString("<li>" + spans(item) + "</li>")
				}
			}
			out.WriteString("</ul>")
		default:
			out.WriteString("<p>" + spans(block) + "</p>")
		}
	}
	return template.HTML(out.String()) //nolint:gosec // escaped above
}

func spans(text string) string {
	return codeSpan.ReplaceAllString(html.EscapeString(text), "<code>$1</code>")
}
