package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"callbackd/callbacks"
	"callbackd/postgres"
)

// noting is a store that notes the queries it is asked.
type noting struct {
	*postgres.Callbacks
	query callbacks.Query
}

func (r *noting) List(ctx context.Context, query callbacks.Query) ([]callbacks.Callback, *callbacks.Position, error) {
	r.query = query
	return r.Callbacks.List(ctx, query)
}

// Every list gives the callbacks that reading all of them would give, in
// order, on its first pages; and none of its statements reads a whole table.
func TestCallbacks_List(t *testing.T) {
	t.Parallel()
	const count = 34_000 // more than a block, and than what is walked or gathered
	db, url := open(t)
	pool := connect(t, url)
	loadCallbacks(t, pool, count)
	store := &noting{Callbacks: db.Callbacks()}
	service := callbacks.NewService(store, callbacks.Options{Numbers: callbacks.InRegion("JP"), Names: names})
	all := everything(t, service, bookOf(t, url))
	if len(all) != count {
		t.Fatalf("%d callbacks were loaded, want %d", len(all), count)
	}
	narrow := db.Callbacks().Narrow(60, 30, 50)
	for _, l := range listings() {
		var want []callbacks.ID
		for _, row := range l.matching(all) {
			want = append(want, row.ID)
		}
		if total, err := service.Count(t.Context(), l.by, l.filter); err != nil || total != int64(len(want)) {
			t.Errorf("%s: Count = %d, %v, want %d", l.name, total, err, len(want))
		}
		// Once as it is, once so that hardly any page is found by walking and
		// hardly any is gathered.
		for _, store.Callbacks = range []*postgres.Callbacks{db.Callbacks(), narrow} {
			query := l.check(t, service, store, want)
			t.Logf("%-50s %s", l.name, explain(t, store.Callbacks, l.name, query))
		}
	}
}

// check compares the first pages of a listing with what was found in the
// plainest way, and returns the query of the last of these pages.
func (l *listing) check(t *testing.T, service *callbacks.Service, store *noting, want []callbacks.ID) callbacks.Query {
	t.Helper()
	filter := l.filter
	filter.Limit = 50
	for page := range 3 {
		got, err := service.List(t.Context(), l.by, filter)
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		part := want[:min(50, len(want))]
		want = want[len(part):]
		var ids []callbacks.ID
		for _, c := range got.Items {
			ids = append(ids, c.ID)
		}
		if !slices.Equal(ids, part) || (got.Next == "") != (len(want) == 0) {
			t.Errorf("%s: page %d has next %q, and (-want +got):\n%s", l.name, page+1, got.Next, gocmp.Diff(part, ids))
		}
		if filter.Cursor = got.Next; got.Next == "" {
			break
		}
	}
	return store.query
}

var (
	seqScan   = regexp.MustCompile(`Seq Scan on (callbacks|phonebook_entries)`)
	usedIndex = regexp.MustCompile(`(?:Index Scan on|using) (\w+)`)
)

// explain checks that no statement of a list reads a whole table, and that
// what is found by blocks is found by the index of terms. It returns the
// indexes that were used.
func explain(t *testing.T, c *postgres.Callbacks, name string, query callbacks.Query) string {
	t.Helper()
	plans, err := postgres.ExplainList(t.Context(), c, query)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, plan := range plans {
		if seqScan.MatchString(plan) {
			t.Errorf("%s reads a whole table:\n%s", name, plan)
		}
		if strings.Contains(plan, "generate_series") && !strings.Contains(plan, "Bitmap Index Scan on callbacks_by_block_term") {
			t.Errorf("%s does not use the index of terms:\n%s", name, plan)
		}
	}
	return indexesOf(plans)
}

// indexesOf returns the names of the indexes that plans use.
func indexesOf(plans []string) string {
	var used []string
	for _, plan := range plans {
		for _, match := range usedIndex.FindAllStringSubmatch(plan, -1) {
			if !slices.Contains(used, match[1]) {
				used = append(used, match[1])
			}
		}
	}
	return strings.Join(used, ", ")
}

// bookOf returns the names in the phone book, by national numbers.
func bookOf(t *testing.T, url string) (book map[string]string) {
	t.Helper()
	book = map[string]string{}
	rows, err := connect(t, url).Query(t.Context(), `SELECT '0' || substr(number, 4), name FROM phonebook_entries`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var number, name string
		if err := rows.Scan(&number, &name); err != nil {
			t.Fatal(err)
		}
		book[number] = name
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return book
}

// known is a callback with all that 絞り込み goes through.
type known struct {
	callbacks.Row
	e164 string
	// text is folded, each part ended by NUL; names as well, without space.
	text, names string
}

// everything returns all callbacks with their names, by way of an export.
func everything(t *testing.T, service *callbacks.Service, book map[string]string) []known {
	t.Helper()
	var all []known
	err := service.Export(t.Context(), admin, callbacks.Filter{}, func(row callbacks.Row) error {
		row.RemoteName = book[row.RemoteNumber]
		k := known{Row: row, e164: "+81" + row.RemoteNumber[1:]}
		for _, part := range []string{
			strconv.Itoa(int(row.ID)), row.RemoteNumber, row.ContactNumber, k.e164, row.RemoteName, row.CallCenter, row.CallCenterName,
			row.BusinessLabel, row.BusinessLabelName, row.Assignee, row.AssigneeName, row.Memo, row.LocalNumber,
		} {
			k.text += callbacks.Fold(part) + "\x00"
		}
		for _, name := range []string{row.RemoteName, row.CallCenterName, row.BusinessLabelName, row.AssigneeName} {
			k.names += withoutSpace(callbacks.Fold(name)) + "\x00"
		}
		all = append(all, k)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// matching returns the callbacks of a listing, in order, found in the plainest
// way.
func (l *listing) matching(all []known) []known {
	var found []known
	for i := range all {
		if l.matches(&all[i]) {
			found = append(found, all[i])
		}
	}
	key := func(row *known) string {
		switch l.filter.Sort {
		case callbacks.SortStatus:
			return string(row.Status)
		case callbacks.SortAssignee:
			return row.Assignee
		case callbacks.SortCallCenter:
			return row.CallCenter
		default:
			return ""
		}
	}
	slices.SortFunc(found, func(a, b known) int {
		order := cmp.Or(strings.Compare(key(&a), key(&b)), cmp.Compare(a.ID, b.ID))
		if l.filter.Descending {
			return -order
		}
		return order
	})
	return found
}

func (l *listing) matches(row *known) bool {
	f, by := &l.filter, l.by
	if by.CallCenters != nil && !slices.ContainsFunc(row.CallCenters, func(id string) bool { return slices.Contains(by.CallCenters, id) }) {
		return false
	}
	assignees := slices.Clone(f.Assignees)
	if f.Mine {
		assignees = append(assignees, by.Name)
	}
	if f.Unassigned {
		assignees = append(assignees, "")
	}
	prefix := callbacks.Digits(f.RemoteNumber)
	switch {
	case len(f.Statuses) > 0 && !slices.Contains(f.Statuses, row.Status),
		len(assignees) > 0 && !slices.Contains(assignees, row.Assignee),
		len(f.CallCenters) > 0 && !slices.Contains(f.CallCenters, row.CallCenter),
		len(f.BusinessLabels) > 0 && !slices.Contains(f.BusinessLabels, row.BusinessLabel),
		len(f.Origins) > 0 && !slices.Contains(f.Origins, row.Origin),
		!f.From.IsZero() && row.RegisteredAt.Before(f.From),
		!f.To.IsZero() && !row.RegisteredAt.Before(f.To),
		!strings.HasPrefix(row.RemoteNumber, prefix) && !strings.HasPrefix(row.e164, prefix),
		!strings.HasPrefix(row.LocalNumber, f.LocalNumber),
		f.RequestID != "" && f.RequestID != row.RequestID:
		return false
	}
	digits := callbacks.Digits(f.Text)
	return strings.Contains(row.text, callbacks.Fold(f.Text)) || strings.Contains(row.names, withoutSpace(callbacks.Fold(f.Text))) ||
		digits != "" && strings.Contains(row.text, digits)
}

func withoutSpace(text string) string { return strings.ReplaceAll(text, " ", "") }

// Pages stay right while rows change: a callback that stays where it is is on
// exactly one page, whatever is registered and assigned meanwhile.
func TestCallbacks_ListWhileChanging(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	service := callbacks.NewService(db.Callbacks(), callbacks.Options{})
	exec(t, pool, `INSERT INTO accounts (name, display_name, role, call_centers, password_hash, created_at)
		SELECT 'a' || n, 'a' || n, 'agent', '{sales,support}', '$argon2id$', now() FROM generate_series(0, 3) AS n`)
	next := 0
	add := func() callbacks.Callback {
		next++
		save(t, db, newCall(next))
		c, err := register(t.Context(), db, newCall(next).RequestID)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	assign := func(c callbacks.Callback, to string) {
		_, err := service.Change(t.Context(), admin, c.ID, callbacks.Patch{Version: c.Version, Assignee: &to})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, sort := range callbacks.Sorts {
		for _, descending := range []bool{false, true} {
			t.Logf("sort by %s, descending %t", sort, descending)
			stays := map[callbacks.ID]int{}
			var moving []callbacks.Callback
			for i := range 24 {
				if c := add(); i%3 == 0 {
					moving = append(moving, c)
				} else {
					assign(c, fmt.Sprint("a", i%4))
					stays[c.ID] = 0
				}
			}
			filter := callbacks.Filter{Sort: sort, Descending: descending, Limit: 5}
			for {
				page, err := service.List(t.Context(), admin, filter)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range page.Items {
					if _, counts := stays[c.ID]; counts {
						stays[c.ID]++
					}
				}
				if filter.Cursor = page.Next; page.Next == "" {
					break
				}
				if len(moving) > 0 {
					assign(moving[0], fmt.Sprint("a", len(moving)%4))
					moving = moving[1:]
					add()
				}
			}
			for id, times := range stays {
				if times != 1 {
					t.Errorf("callback %d was on %d pages, want 1", id, times)
				}
			}
		}
	}
}
