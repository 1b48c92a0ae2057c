package api

import (
	"context"
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// Language is one that sentences for people are written in.
type Language string

// The languages.
const (
	Japanese Language = "ja" // the default
	English  Language = "en"
)

// languages are in the order of the matcher's tags: the first is the default.
var (
	languages       = []Language{Japanese, English}
	languageMatcher = language.NewMatcher([]language.Tag{language.Japanese, language.English})
)

// pick returns the sentence in this language.
func (l Language) pick(ja, en string) string {
	if l == English {
		return en
	}
	return ja
}

// requestLanguage returns the language that the caller understands best. A
// header that is absent, malformed or asks for other languages only gives
// the default: an unusual language is no reason to refuse a request.
func requestLanguage(r *http.Request) Language {
	tags, _, err := language.ParseAcceptLanguage(strings.Join(r.Header.Values("Accept-Language"), ","))
	if err != nil || len(tags) == 0 {
		return Japanese
	}
	_, index, confidence := languageMatcher.Match(tags...)
	if confidence == language.No {
		return Japanese
	}
	return languages[index]
}

type languageKey struct{}

func withLanguage(ctx context.Context, l Language) context.Context {
	return context.WithValue(ctx, languageKey{}, l)
}

func languageFrom(ctx context.Context) Language {
	l, _ := ctx.Value(languageKey{}).(Language)
	if l == "" {
		return Japanese
	}
	return l
}
