package phonebook_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/accounts"
	"callbackd/lab/labtest"
	"callbackd/phonebook"
	"callbackd/postgres"
)

var databases = labtest.NewDatabases(postgres.Migrate)

func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }

var (
	now        = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	agent      = accounts.Principal{Kind: accounts.KindAccount, Name: "abe", Role: accounts.RoleAgent, CallCenters: []string{"support"}}
	supervisor = accounts.Principal{Kind: accounts.KindAccount, Name: "sato", Role: accounts.RoleSupervisor, CallCenters: []string{"support"}}
)

// newBook returns an empty phone book of Japan, and the address of its
// database.
func newBook(t testing.TB) (*phonebook.Book, string) {
	t.Helper()
	url := databases.New(t)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return phonebook.NewBook(db.Phonebook(), "JP", func() time.Time { return now }), url
}

// connect returns connections that bypass the program.
func connect(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func create(t testing.TB, book *phonebook.Book, number, name, note string) phonebook.Entry {
	t.Helper()
	entry, err := book.Create(t.Context(), supervisor, phonebook.NewEntry{Number: number, Name: name, Note: note})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

var (
	familyNames = []string{"佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田", "長谷川", "五十嵐"}
	givenNames  = []string{"花子", "太郎", "一郎", "美咲", "健", "さくら", "翔太", "陽菜", "大輔", "由美子"}
	companies   = []string{"", "株式会社青空", "北海商事", "みなと運輸", "ABC Trading", "東都電機サービス"}
)

// manyRows returns a file of distinct numbers with names as people have them.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("電話番号,名前,備考\r\n")
	for i := range n {
		fmt.Fprintf(&b, "03-%04d-%04d,%s %s%s,%s\r\n", 3000+i/10000, i%10000,
			familyNames[i%len(familyNames)], givenNames[i/7%len(givenNames)], []string{"", fmt.Sprint(i)}[i%2], companies[i/3%len(companies)])
	}
	return b.String()
}
