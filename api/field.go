package api

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/phonebook"
)

// fault is what a service says is wrong with a field. The contract catches
// most of it before; what is left takes more than a schema to find out.
type fault struct{ field, problem string }

// faultsOf collects the field errors in an error and all that it joins.
func faultsOf(err error) []fault {
	switch e := err.(type) { //nolint:errorlint // walks the tree itself
	case nil:
		return nil
	case *accounts.FieldError:
		return []fault{{e.Field, e.Problem}}
	case *callbacks.FieldError:
		return []fault{{e.Field, e.Problem}}
	case *phonebook.FieldError:
		return []fault{{e.Field, e.Problem}}
	case interface{ Unwrap() []error }:
		var all []fault
		for _, one := range e.Unwrap() {
			all = append(all, faultsOf(one)...)
		}
		return all
	default:
		return faultsOf(errors.Unwrap(err))
	}
}

// withFields turns field errors of the services into the one of this package,
// which names the fields as the contract does.
func withFields(r *http.Request, err error) error {
	faults := faultsOf(err)
	if len(faults) == 0 {
		return err
	}
	lang := languageFrom(r.Context())
	fields := make([]FieldProblem, len(faults))
	for i, f := range faults {
		name, place := placeOf(r, f.field)
		fields[i] = FieldProblem{Field: name, In: place, Detail: f.sentence(lang)}
	}
	return &invalidError{fields: fields}
}

// parameterNames are the parameters whose names say less to a service than
// to a caller of this API.
var parameterNames = map[string]string{
	"text": "q", "remote_number": "number", "from": "registered_from", "to": "registered_to",
}

// placeOf tells where a field of a request was, for want of the service
// knowing it.
func placeOf(r *http.Request, field string) (name, place string) {
	query := r.URL.Query()
	if parameter := parameterNames[field]; parameter != "" && query.Has(parameter) {
		return parameter, openapi3.ParameterInQuery
	}
	switch {
	case query.Has(field):
		return field, openapi3.ParameterInQuery
	case r.Header.Get(field) != "":
		return field, openapi3.ParameterInHeader
	default:
		return "/" + pointerToken(field), inBody
	}
}

// sentences are what is wrong with fields, in Japanese. The services say it
// in English.
var sentences = map[string]string{
	"call_centers":   "設定にないコールセンターが含まれています。",
	"contact_number": "電話番号を数字、*、#、先頭の +、区切り記号で指定してください。",
	"cursor":         "前のページの next_cursor を、同じ並べ順で指定してください。",
	"file":           "1 件以上の登録があり、大きすぎないファイルを指定してください。",
	"name":           "空白や制御文字だけではない名前を指定してください。",
	"display_name":   "空白だけではない名前を指定してください。",
	"new_password":   "推測されにくい、10 文字以上のパスワードを指定してください。",
	"number":         "電話番号または内線番号を指定してください。",
	"password":       "推測されにくい、10 文字以上のパスワードを指定してください。",
	"remote_number":  "電話番号の先頭部分を指定してください。",
}

func (f fault) sentence(lang Language) string {
	if lang == Japanese {
		if sentence, ok := sentences[f.field]; ok {
			return sentence
		}
		return "値が正しくありません。"
	}
	first, size := utf8.DecodeRuneInString(f.problem)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(f.problem[size:], ".") + "."
}
