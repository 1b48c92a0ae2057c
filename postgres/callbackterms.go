package postgres

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// blockBits is the size of a block of callback_block_terms: 2 to the
// power of it are the IDs of one block.
const blockBits = 15

// termsExpression is the expression of the index callbacks_by_block_term.
const termsExpression = `callback_block_terms(b.id, b.status, b.origin, b.assignee, b.call_center,
	b.business_label, b.call_centers, b.search) COLLATE "C"`

// termSeparator parts terms in an argument. No term has it.
const termSeparator = "\x1f"

// blockTerms is SQL for the terms of an argument, as an array, in the block
// whose terms begin with the column "block".
func blockTerms(name string) string {
	return `string_to_array(block || replace(@` + name + `, E'\x1f', E'\x1f' || block), E'\x1f')`
}

// valueTerm is the term of a column's value, without the block.
func valueTerm(kind byte, value string) string {
	const longest = 200 // as in callback_block_terms
	if runes := []rune(value); len(runes) > longest {
		value = string(runes[:longest])
	}
	return string(kind) + value
}

// pairTerm is the term of a call center that sees a callback of another.
func pairTerm(visibleTo, callCenter string) string {
	const longest = 100 // as in callback_block_terms
	cut := func(id string) string { return string([]rune(id)[:min(longest, utf8.RuneCountInString(id))]) }
	return "W" + cut(visibleTo) + "\x1e" + cut(callCenter)
}

// beginningTerm is the term of the beginning of a number. The indexes know
// beginnings of 1 to 4, 6 and 8 characters.
func beginningTerm(kind byte, number string) string {
	beginning := []rune(number)
	known := min(len(beginning), 8)
	if known > 4 {
		known -= known % 2
	}
	return valueTerm(kind, string(beginning[:known]))
}

// remoteTerm is the term of the beginning of a remote number. What is longer
// than a beginning that the index knows is found by its last seven digits, as
// any text: wherever they are, fewer numbers have them.
func remoteTerm(beginning string) string {
	term := beginningTerm('N', beginning)
	if len(term)-1 < len(beginning) {
		if last := " " + beginning[max(0, len(beginning)-7):]; isSevenDigits(last) {
			return last
		}
	}
	return term
}

// isSevenDigits reports whether a term is that of seven digits in a row, which
// few numbers have.
func isSevenDigits(term string) bool {
	return len(term) == 8 && term[0] == ' ' && strings.Trim(term[1:], "0123456789") == ""
}

// textTerms are terms, without the block, that every searched text has which
// the text is part of. They are not all there are: a few find hardly more than
// all, and each one more has to be looked up. Digits in a row say most, then
// pairs that are far from each other: what a text ends with, many end with.
func textTerms(text string) []string {
	runes := []rune(text)
	if len(runes) == 1 {
		return []string{" " + text}
	}
	var terms, pairs []string
	for end := len(runes); end > 1; {
		begin := end
		for begin > 0 && '0' <= runes[begin-1] && runes[begin-1] <= '9' {
			begin--
		}
		if end-begin < 3 {
			pairs = append(pairs, " "+string(runes[end-2:end]))
			if end -= 2; end == 1 {
				end = 2 // one is left, whose pair overlaps with the last
			}
			continue
		}
		for _, digits := range digitTerms(runes[begin:end]) {
			terms = append(terms, " "+string(digits))
		}
		end = begin + 1 // next is the first digit with what comes before it
	}
	if most := len(pairs) - 1; most >= 0 {
		terms = append(terms, pairs[0], pairs[most], pairs[most/2])
	}
	var few []string
	for _, term := range terms {
		if len(few) < maxTerms && !slices.Contains(few, term) {
			few = append(few, term)
		}
	}
	return few
}

// digitTerms are a few parts of three or more digits, each four of them if
// there are as many, or the last seven. They begin at the end, since numbers
// differ in their last digits: half of a country begins with the same ones.
func digitTerms(digits []rune) (terms [][]rune) {
	if len(digits) >= 7 {
		return [][]rune{digits[len(digits)-7:]}
	}
	size := min(len(digits), 4)
	for from := len(digits) - size; len(terms) < maxDigitTerms; from = max(0, from-size+1) {
		terms = append(terms, digits[from:from+size])
		if from == 0 {
			break
		}
	}
	return terms
}
