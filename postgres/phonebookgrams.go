package postgres

import "slices"

// grams returns numbers that stand for the characters of a text and for the
// pairs of neighbours in it. A text is part of another only if all its grams
// are among the other's, which an index of arrays answers for texts of any
// length in any script.
//
// Single ASCII characters have no gram: nearly every text has them, so an
// index would be larger and no help. A text of one has none, and so is
// nowhere excluded. Pairs with a control character have none, as these part
// fields.
func grams(text string) []int64 {
	found := []int64{} // never NULL
	var before rune
	for _, r := range text {
		if r >= 0x80 {
			found = append(found, int64(r))
		}
		if before >= ' ' && r >= ' ' {
			found = append(found, int64(before)<<32|int64(r))
		}
		before = r
	}
	slices.Sort(found)
	return slices.Compact(found)
}
