package phonebook_test

import (
	"fmt"
	"strings"
	"testing"

	"callbackd/phonebook"
)

func BenchmarkNormalise(b *testing.B) {
	for _, number := range []string{"0312345678", "+81312345678", "2001", "anonymous"} {
		b.Run(number, func(b *testing.B) {
			for b.Loop() {
				phonebook.Normalise(number, "JP")
			}
		})
	}
}

// A book of 100,000 entries: what it takes to fill, to fill again, and to ask,
// beside a read by primary key.
func BenchmarkBook(b *testing.B) {
	const entries = 100_000
	file := manyRows(entries)
	book, url := newBook(b)
	b.Run("import/new", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if _, err := connect(b, url).Exec(b.Context(), `TRUNCATE phonebook_entries`); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			importAll(b, book, file)
		}
	})
	b.Run("import/again", func(b *testing.B) {
		for b.Loop() {
			importAll(b, book, file)
		}
	})
	b.Run("import/changed", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			importAll(b, book, strings.ReplaceAll(file, "佐藤", fmt.Sprintf("佐藤%d", i)))
		}
	})
	page, err := book.List(b.Context(), agent, phonebook.Filter{Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("primary-key", func(b *testing.B) {
		for b.Loop() {
			if _, err := book.Get(b.Context(), agent, page.Items[0].ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	numbers := make([]string, 200)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("03%04d%04d", 3000+i%10, (i*37)%10000)
	}
	b.Run("lookup/200", func(b *testing.B) {
		for b.Loop() {
			names, err := book.Lookup(b.Context(), numbers)
			if err != nil || len(names) != len(numbers) {
				b.Fatalf("%d names, %v", len(names), err)
			}
		}
	})
	for _, text := range []string{"", "佐", "佐藤", "株式会社", "五十嵐 翔太", "3", "31", "314", "03-3005-1234", "+81330", "健9", "無い", "zz"} {
		b.Run("search/"+text, func(b *testing.B) {
			for b.Loop() {
				if _, err := book.List(b.Context(), agent, phonebook.Filter{Text: text}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func importAll(b *testing.B, book *phonebook.Book, file string) {
	b.Helper()
	if _, err := book.Import(b.Context(), supervisor, strings.NewReader(file), phonebook.ImportOptions{}); err != nil {
		b.Fatal(err)
	}
}
