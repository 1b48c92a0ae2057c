package configs

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decoder fills a struct from a syntax tree. The library's own decoder stops at
// the first fault; this one goes on, and remembers where each value stood so
// that later checks can point at it.
type decoder struct {
	*faults
	data []byte
}

// lineEnds makes one of the three ways in which YAML lets a line end. The
// library counts the lines of a comment that ends in CR LF twice.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// byteOrderMark is what some editors write before a text, unseen.
const byteOrderMark = "\ufeff"

func newDecoder(data []byte) *decoder {
	// Editors on Windows begin a file with a mark that says it is UTF-8.
	text := lineEnds.Replace(strings.TrimPrefix(string(data), byteOrderMark))
	return &decoder{
		data: []byte(text),
		faults: &faults{
			lines:  strings.Split(text, "\n"),
			places: make(map[string]place),
			bad:    make(map[string]bool),
			hidden: make(map[int][]hidden),
		},
	}
}

// parse returns the root of the document, or nil after reporting why there is
// none.
func (d *decoder) parse() ast.Node {
	for i, line := range d.lines {
		if !utf8.ValidString(line) {
			d.add(place{i + 1, 1}, "", "is not UTF-8: save the file in that encoding")
			return nil
		}
	}
	// Duplicate keys are looked for here, since the parser would stop at one.
	file, err := parser.ParseBytes(d.data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.reportSyntax(err)
		return nil
	}
	d.parsed = true
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType {
			continue
		}
		if root != nil {
			d.add(start(doc.Body), "", `a second YAML document begins: write one document, without "---" between`)
			return nil
		}
		root = doc.Body
	}
	if root == nil {
		d.add(place{1, 1}, "", "the file is empty: see the annotated example callbackd.yaml")
	}
	return root
}

func (d *decoder) reportSyntax(err error) {
	at, problem := place{1, 1}, err.Error()
	if syntax, ok := errors.AsType[yaml.Error](err); ok {
		problem = syntax.GetMessage()
		if tk := syntax.GetToken(); tk != nil {
			at = position(tk)
		}
	}
	d.add(at, "", "not YAML: %s", problem)
}

// decode fills cfg from root, which must be a mapping.
func (d *decoder) decode(root ast.Node, cfg *Config) {
	d.value("", root, reflect.ValueOf(cfg).Elem())
}

// value decodes one node into v, whose type says what is allowed there.
func (d *decoder) value(path string, n ast.Node, v reflect.Value) {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.hide(n)
		d.spoiled(path, n, "YAML anchors, aliases and tags are not supported: write the value itself")
		return
	case *ast.NullNode:
		return // a key with nothing behind it is like no key
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(path, n, u)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(path, n, v)
	case reflect.Slice:
		d.list(path, n, v)
	case reflect.String:
		if text, ok := d.scalar(path, n); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.wrongType(path, n, "true or false")
			return
		}
		v.SetBool(b.Value)
	default:
		panic(fmt.Sprintf("configs: field %s has a type that the decoder does not know: %s", path, v.Type()))
	}
}

// mapping decodes the keys of n into the fields of v that are named so.
func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.hide(n)
		d.wrongType(path, n, "keys with values ("+strings.Join(slices.Sorted(maps.Keys(fields(v))), ", ")+")")
		return
	}
	known := fields(v)
	seen := make(map[string]place)
	for it := m.MapRange(); it.Next(); {
		key, at := it.Key().GetToken().Value, position(it.Key().GetToken())
		keyPath := join(path, key)
		if it.Key().IsMergeKey() {
			d.hide(it.Value())
			d.add(at, keyPath, "YAML merge keys are not supported: write the keys themselves")
			continue
		}
		field, ok := known[key]
		if !ok {
			d.hide(it.Value())
			d.add(at, keyPath, "unknown key %s; %s", quote(key), hint(key, slices.Sorted(maps.Keys(known))))
			continue
		}
		if field.Type() == reflect.TypeFor[Secret]() {
			d.hide(it.Value())
		}
		if first, again := seen[key]; again {
			d.add(at, keyPath, "the key %s occurs twice, first on line %d: keep one", quote(key), first.line)
			continue
		}
		seen[key] = at
		d.places[keyPath] = at
		if !isCollection(field.Type()) && it.Value().Type() != ast.NullType {
			d.places[keyPath] = start(it.Value())
		}
		d.value(keyPath, it.Value(), field)
	}
}

// list decodes the elements of n.
func (d *decoder) list(path string, n ast.Node, v reflect.Value) {
	l, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, n, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(l.Values), len(l.Values)))
	for i, element := range l.Values {
		elementPath := path + "[" + strconv.Itoa(i) + "]"
		d.places[elementPath] = start(element)
		d.value(elementPath, element, v.Index(i))
	}
}

// text decodes n by its type's own rule.
func (d *decoder) text(path string, n ast.Node, u encoding.TextUnmarshaler) {
	text, ok := d.scalar(path, n)
	if !ok {
		return
	}
	if err := u.UnmarshalText([]byte(text)); err != nil {
		d.spoiled(path, n, "%v", err)
	}
}

// scalar returns the text of n. A number is taken as it was written, so that
// 0355550001 keeps its zero with and without quotation marks.
func (d *decoder) scalar(path string, n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	case *ast.BoolNode:
		d.spoiled(path, n, "%s is a truth value in YAML, not text: put it in quotation marks", quote(n.Token.Value))
	default:
		d.wrongType(path, n, "text")
	}
	return "", false
}

// wrongType reports a node that cannot be what is wanted. One that is more
// than a text is not shown, for its keys were not looked at.
func (d *decoder) wrongType(path string, n ast.Node, want string) {
	if _, ok := n.(ast.ScalarNode); !ok {
		d.hide(n)
	}
	d.spoiled(path, n, "is %s, must be %s", describe(n), want)
}

// spoiled reports a node of which there is no value.
func (d *decoder) spoiled(path string, n ast.Node, format string, args ...any) {
	d.bad[path] = true
	d.add(start(n), path, format, args...)
}

// describe names what n is, without its content, which may be secret.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "a mapping"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	default:
		return "text"
	}
}

// hide keeps what is written in n out of excerpts.
func (d *decoder) hide(n ast.Node) {
	ast.Walk(hider{d.faults}, n)
}

type hider struct{ *faults }

// Visit implements ast.Visitor.
func (h hider) Visit(n ast.Node) ast.Visitor {
	if _, ok := n.(ast.ScalarNode); !ok {
		return h
	}
	tk := n.GetToken()
	texts := strings.Split(strings.TrimSpace(tk.Origin), "\n")
	if len(texts) == 1 {
		h.hideText(tk.Position.Line, tk.Position.Column, texts[0])
		return h
	}
	// The position of a text of several lines may be that of any of them.
	for line := tk.Position.Line - len(texts); line <= tk.Position.Line+len(texts); line++ {
		for _, text := range texts {
			h.hideText(line, 0, strings.TrimSpace(text))
		}
	}
	return h
}

func (h hider) hideText(line, column int, text string) {
	if text != "" {
		h.hidden[line] = append(h.hidden[line], hidden{column, text})
	}
}

// fields returns the fields of the struct v by their keys.
func fields(v reflect.Value) map[string]reflect.Value {
	byKey := make(map[string]reflect.Value, v.NumField())
	for field, value := range v.Fields() {
		byKey[field.Tag.Get("yaml")] = value
	}
	return byKey
}

func isCollection(t reflect.Type) bool {
	unmarshals := reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	return !unmarshals && (t.Kind() == reflect.Struct || t.Kind() == reflect.Slice)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// start returns where the text of n begins. A block mapping has no token of
// its own there: it begins at its first key.
func start(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return position(m.Values[0].Key.GetToken())
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return position(m.Key.GetToken())
	}
	return position(n.GetToken())
}

func position(tk *token.Token) place {
	return place{max(1, tk.Position.Line), max(1, tk.Position.Column)}
}

// hint says which key was probably meant, or which there are.
func hint(key string, known []string) string {
	for _, candidate := range known {
		if distance(key, candidate) <= 2 {
			return fmt.Sprintf("did you mean %q?", candidate)
		}
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// distance counts the single characters to insert, delete or replace to make b
// of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
