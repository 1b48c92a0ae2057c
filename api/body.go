package api

import (
	"bytes"
	encoding "encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// inBody is where a FieldProblem is that is neither of a parameter.
const inBody = "body"

const jsonType = "application/json"

// errMediaType refuses a body of a type that the operation does not take.
var errMediaType = errors.New("unsupported media type")

// checkBody checks the request's body against the contract, and puts it back
// for the operation to read. Bodies other than JSON are left to the operation,
// which reads them as they come.
func checkBody(op *operation, r *http.Request, lang Language) ([]FieldProblem, error) {
	if op.body == nil {
		return nil, nil
	}
	if len(r.Header.Values("Content-Encoding")) > 0 {
		// How much a compressed body becomes is seen too late, and nobody
		// has a reason to send one.
		return nil, errMediaType
	}
	media := op.body.Content[jsonType]
	if media == nil {
		return nil, checkMediaType(op, r)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	if len(bytes.TrimSpace(text)) == 0 {
		if op.body.Required {
			return []FieldProblem{{In: inBody, Detail: lang.pick("JSON のオブジェクトを指定してください。", "Must be a JSON object.")}}, nil
		}
		// The decoder takes a body without any byte for none.
		r.Body = http.NoBody
		return nil, nil
	}
	if err := checkMediaType(op, r); err != nil {
		return nil, err
	}
	var value any
	// This decoder refuses what others read in different ways: members twice,
	// text that is not UTF-8, and anything behind the value.
	if err := json.Unmarshal(text, &value); err != nil {
		return []FieldProblem{syntaxProblem(err, lang)}, nil
	}
	if pointer, found := findNUL(value, ""); found {
		return []FieldProblem{{Field: pointer, In: inBody, Detail: lang.pick(
			"NUL を含まない文字列を指定してください。", "Must be text without NUL.")}}, nil
	}
	err = media.Schema.Value.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.MultiErrors(),
		openapi3.WithStringFormatValidator("date-time", dateTime))
	return schemaProblems(err, lang), nil
}

// dateTime refuses times that look right and do not exist.
var dateTime = openapi3.NewCallbackValidator(checkTime)

// errYear refuses a time that could be read and not be written again.
var errYear = errors.New("the year in UTC is none of 0000 to 9999")

// checkTime checks a text of the format date-time.
func checkTime(text string) error {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return err
	}
	if year := t.UTC().Year(); year < 0 || year > 9999 {
		return errYear
	}
	return nil
}

func checkMediaType(op *operation, r *http.Request) error {
	// A second header would leave open which of them counts.
	values := r.Header.Values("Content-Type")
	if len(values) != 1 {
		return errMediaType
	}
	name, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || op.body.Content[name] == nil {
		return errMediaType
	}
	if strings.HasPrefix(name, "multipart/") && parameters["boundary"] == "" {
		return errMediaType
	}
	if charset := parameters["charset"]; name == jsonType && charset != "" && !strings.EqualFold(charset, "utf-8") {
		return errMediaType
	}
	return nil
}

// invalidBody turns an error of the generated decoder into one that names the
// member. There is such an error only where the contract is laxer than its Go
// type: 1.0 is a whole number to a schema, and none to the decoder.
func invalidBody(r *http.Request, err error) error {
	if isTooLarge(err) {
		return err
	}
	lang := languageFrom(r.Context())
	problem := FieldProblem{In: inBody, Detail: lang.pick("値が正しくありません。", "The value is not valid.")}
	if wrong, ok := errors.AsType[*encoding.UnmarshalTypeError](err); ok {
		problem.Field = "/" + strings.ReplaceAll(pointerToken(wrong.Field), ".", "/")
	}
	return &invalidError{fields: []FieldProblem{problem}}
}

// syntaxProblem says where a body is no JSON.
func syntaxProblem(err error, lang Language) FieldProblem {
	p := FieldProblem{In: inBody, Detail: lang.pick("JSON の形式が正しくありません。", "The JSON is malformed.")}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		p.Field = shown(string(syntax.JSONPointer))
		if errors.Is(err, jsontext.ErrDuplicateName) {
			p.Detail = lang.pick("1 回だけ指定してください。", "Give it only once.")
		}
		return p
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		// The value is JSON but more than a number can be.
		p.Field = shown(string(semantic.JSONPointer))
		p.Detail = lang.pick("値が正しくありません。", "The value is not valid.")
	}
	return p
}

// findNUL finds a text with a NUL, which the database cannot hold.
func findNUL(value any, pointer string) (string, bool) {
	switch v := value.(type) {
	case string:
		return pointer, strings.ContainsRune(v, 0)
	case []any:
		for i, item := range v {
			if found, ok := findNUL(item, pointer+"/"+strconv.Itoa(i)); ok {
				return found, true
			}
		}
	case map[string]any:
		for name, item := range v {
			if found, ok := findNUL(item, pointer+"/"+shown(pointerToken(name))); ok {
				return found, true
			}
		}
	}
	return "", false
}

// pointerToken escapes a name for a JSON pointer (RFC 6901).
func pointerToken(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// schemaProblems names every member of a body that does not fit its schema.
// As with parameters, what is wrong is told from what the contract expects.
func schemaProblems(err error, lang Language) []FieldProblem {
	fields := collectProblems(err, lang)
	slices.SortFunc(fields, func(a, b FieldProblem) int { return strings.Compare(a.Field, b.Field) })
	fields = slices.Compact(fields)
	if len(fields) > 1 {
		// What is wrong with the object as a whole follows from its members.
		fields = slices.DeleteFunc(fields, func(p FieldProblem) bool { return p.Field == "" })
	}
	return fields
}

func collectProblems(err error, lang Language) []FieldProblem {
	if err == nil {
		return nil
	}
	var fields []FieldProblem
	if several, ok := errors.AsType[openapi3.MultiError](err); ok {
		for _, one := range several {
			fields = append(fields, collectProblems(one, lang)...)
		}
		return fields
	}
	problem := FieldProblem{In: inBody, Detail: lang.pick("値が正しくありません。", "The value is not valid.")}
	schema, ok := errors.AsType[*openapi3.SchemaError](err)
	if !ok {
		return []FieldProblem{problem}
	}
	for _, token := range schema.JSONPointer() {
		problem.Field += "/" + shown(pointerToken(token))
	}
	switch schema.SchemaField {
	case "required":
		problem.Detail = lang.pick("必ず指定してください。", "Is required.")
	case "properties":
		problem.Detail = lang.pick("この項目はありません。", "There is no such member.")
		object, _ := schema.Value.(map[string]any)
		for name := range object {
			if schema.Schema.Properties[name] == nil {
				unknown := problem
				unknown.Field += "/" + shown(pointerToken(name))
				fields = append(fields, unknown)
			}
		}
		return fields
	case "minProperties":
		problem.Detail = lang.pick("変更する項目を指定してください。", "Say what to change.")
	default:
		problem.Detail = expectationInBody(schema.Schema, lang)
	}
	return []FieldProblem{problem}
}
