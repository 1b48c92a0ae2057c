package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// validate lets a request through that fits the contract. Everything that is
// wrong with it is said at once.
func (s *Server) validate(op *operation, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		lang := languageFrom(r.Context())
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return &invalidError{fields: []FieldProblem{{Field: "query", In: "query", Detail: lang.pick(
				"クエリ文字列の形式が正しくありません。", "The query string is malformed.")}}}
		}
		fields := unknownParameters(op, query, lang)
		input := op.input(r, query)
		for _, parameter := range op.parameters {
			if problem, ok := checkParameter(input, parameter, lang); !ok {
				fields = append(fields, problem)
			}
		}
		inBody, bodyErr := checkBody(op, r, lang)
		if fields = append(fields, inBody...); len(fields) > 0 {
			return &invalidError{fields: fields}
		}
		if bodyErr != nil {
			return bodyErr
		}
		return next(w, r)
	}
}

// unknownParameters names the query parameters that the operation does not
// have. Ignoring them would make a misspelt filter look like one that
// matched everything.
func unknownParameters(op *operation, query url.Values, lang Language) []FieldProblem {
	var fields []FieldProblem
	for name := range query {
		known := slices.ContainsFunc(op.parameters, func(p *openapi3.Parameter) bool {
			return p.In == openapi3.ParameterInQuery && p.Name == name
		})
		if !known {
			fields = append(fields, FieldProblem{
				Field: shown(name), In: "query",
				Detail: lang.pick("このパラメータはありません。", "There is no such parameter."),
			})
		}
	}
	slices.SortFunc(fields, func(a, b FieldProblem) int { return strings.Compare(a.Field, b.Field) })
	return fields
}

// checkParameter checks one parameter. What is wrong is told from what the
// contract expects, not from the validator's words: those are English and
// may repeat what was sent.
func checkParameter(input *openapi3filter.RequestValidationInput, parameter *openapi3.Parameter, lang Language) (FieldProblem, bool) {
	problem := FieldProblem{Field: parameter.Name, In: parameter.In}
	values := rawValues(input, parameter)
	if len(values) > 1 {
		problem.Detail = lang.pick("1 回だけ指定してください。", "Give it only once.")
		return problem, false
	}
	for _, value := range values {
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			problem.Detail = lang.pick("NUL を含まない UTF-8 の文字列を指定してください。", "Must be UTF-8 text without NUL.")
			return problem, false
		}
	}
	schema := parameter.Schema.Value
	err := openapi3filter.ValidateParameter(input.Request.Context(), input, parameter)
	if err == nil && schema.Format == "date-time" && len(values) == 1 {
		err = checkTime(values[0])
	}
	if err != nil {
		problem.Detail = expectation(schema, lang)
		if schema.Format == "date-time" && len(values) == 1 && strings.Contains(values[0], " ") {
			problem.Detail += lang.pick("URL では + を %2B と書いてください。", " In a URL, + is written %2B.")
		}
		return problem, false
	}
	return problem, true
}

func rawValues(input *openapi3filter.RequestValidationInput, parameter *openapi3.Parameter) []string {
	switch parameter.In {
	case openapi3.ParameterInQuery:
		return input.QueryParams[parameter.Name]
	case openapi3.ParameterInHeader:
		return input.Request.Header.Values(parameter.Name)
	case openapi3.ParameterInPath:
		return []string{input.PathParams[parameter.Name]}
	default:
		return nil
	}
}

// expectationInBody is expectation for a member of a JSON document.
func expectationInBody(schema *openapi3.Schema, lang Language) string {
	switch {
	case schema.Type.Is(openapi3.TypeArray) && len(schema.Items.Value.Enum) == 0 && schema.MaxItems != nil:
		return fmt.Sprintf(lang.pick("%d 個以上 %d 個以下の値の配列を、重複なく指定してください。",
			"Must be an array of %d to %d values, each once."), schema.MinItems, *schema.MaxItems)
	case schema.Type.Is(openapi3.TypeArray):
		return lang.pick("次の値の配列を、重複なく指定してください: ", "Must be an array of some of these values, each once: ") +
			enumWords(schema.Items.Value) + lang.pick("。", ".")
	default:
		return expectation(schema, lang)
	}
}

// expectation says what a schema asks for in a URL or a header.
func expectation(schema *openapi3.Schema, lang Language) string {
	switch {
	case schema.Type.Is(openapi3.TypeArray) && len(schema.Items.Value.Enum) == 0 && schema.MaxItems != nil:
		return fmt.Sprintf(lang.pick("%d 個以上 %d 個以下の値をコンマで区切り、重複なく指定してください。",
			"Must be %d to %d values, separated by commas, each once."), schema.MinItems, *schema.MaxItems)
	case schema.Type.Is(openapi3.TypeArray):
		return lang.pick("次の値をコンマで区切り、重複なく指定してください: ", "Must be some of these values, separated by commas, each once: ") +
			enumWords(schema.Items.Value) + lang.pick("。", ".")
	case len(schema.Enum) > 0:
		return lang.pick("次のいずれかを指定してください: ", "Must be one of: ") + enumWords(schema) + lang.pick("。", ".")
	case schema.Type.Is(openapi3.TypeBoolean):
		return lang.pick("true または false を指定してください。", "Must be true or false.")
	case schema.Type.Is(openapi3.TypeInteger):
		return integerExpectation(schema, lang)
	case schema.Format == "date-time":
		return lang.pick("RFC 3339 の日時を指定してください (例: 2026-11-20T00:00:00Z)。", "Must be an RFC 3339 time, such as 2026-11-20T00:00:00Z.")
	case schema.MaxLength != nil:
		return textExpectation(schema, lang)
	default:
		return lang.pick("値が正しくありません。", "The value is not valid.")
	}
}

func textExpectation(schema *openapi3.Schema, lang Language) string {
	ja, en := fmt.Sprintf("%d 文字以上 %d 文字以下", schema.MinLength, *schema.MaxLength), fmt.Sprintf("Must be text of %d to %d characters", schema.MinLength, *schema.MaxLength)
	if schema.MinLength == *schema.MaxLength {
		ja, en = fmt.Sprintf("%d 文字", schema.MinLength), fmt.Sprintf("Must be text of %d characters", schema.MinLength)
	}
	if schema.Pattern == "" {
		return lang.pick(ja+"の文字列を指定してください。", en+".")
	}
	return lang.pick(ja+"で、正規表現 "+schema.Pattern+" に合う文字列を指定してください。", en+" that matches "+schema.Pattern+".")
}

func integerExpectation(schema *openapi3.Schema, lang Language) string {
	switch {
	case schema.Min != nil && schema.Max != nil:
		return fmt.Sprintf(lang.pick("%.0f 以上 %.0f 以下の整数を指定してください。", "Must be a whole number from %.0f to %.0f."), *schema.Min, *schema.Max)
	case schema.Min != nil:
		return fmt.Sprintf(lang.pick("%.0f 以上の整数を指定してください。", "Must be a whole number of at least %.0f."), *schema.Min)
	default:
		return lang.pick("整数を指定してください。", "Must be a whole number.")
	}
}

func enumWords(schema *openapi3.Schema) string {
	words := make([]string, len(schema.Enum))
	for i, value := range schema.Enum {
		words[i] = fmt.Sprint(value)
	}
	return strings.Join(words, ", ")
}

// maxShown bounds what of the caller's own words is sent back.
const maxShown = 64

// shown makes a name from a request fit for a problem document.
func shown(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if runes := []rune(name); len(runes) > maxShown {
		name = string(runes[:maxShown]) + "…"
	}
	return name
}

// invalidFromDecoder turns an error of the generated decoder into one that
// names the parameter.
func invalidFromDecoder(r *http.Request, err error) error {
	var format *InvalidParamFormatError
	var required *RequiredParamError
	var header *RequiredHeaderError
	var many *TooManyValuesForParamError
	var name string
	switch {
	case errors.As(err, &format):
		name = format.ParamName
	case errors.As(err, &required):
		name = required.ParamName
	case errors.As(err, &header):
		name = header.ParamName
	case errors.As(err, &many):
		name = many.ParamName
	default:
		return err
	}
	return invalidField(languageFrom(r.Context()), name, parameterPlace(r, name),
		"値が正しくありません。", "The value is not valid.")
}

// parameterPlace tells where a parameter was, for want of the decoder saying
// it.
func parameterPlace(r *http.Request, name string) string {
	switch {
	case r.PathValue(name) != "":
		return openapi3.ParameterInPath
	case r.URL.Query().Has(name):
		return openapi3.ParameterInQuery
	default:
		return openapi3.ParameterInHeader
	}
}

// invalidField refuses one field.
func invalidField(lang Language, field, in, ja, en string) error {
	return &invalidError{fields: []FieldProblem{{Field: field, In: in, Detail: lang.pick(ja, en)}}}
}
