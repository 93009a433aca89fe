package index_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

const base = "https://bridge.test/scim/v2"

// written is the text of a table's snapshot.
func written(tb testing.TB, table *index.Table) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := table.Snapshot().Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// openUser is a user with attributes that no schema describes.
func openUser(id, userName string, extension map[string]any) index.Resource {
	rt := scim.UserType()
	return index.Resource{ID: id, Object: rt.Object(scim.Resource{ID: id, Document: scim.Document{"userName": userName, "urn:example:open": extension}}, base)}
}

// queries are some queries, by their texts.
var queries = sync.OnceValues(func() (map[string]index.Query, error) {
	rt, out := scim.UserType(), map[string]index.Query{}
	for _, text := range []string{`userName sw "a"`, `displayName pr`, `emails[type eq "work" and value co "a"]`, `active eq false`, `urn:example:open:a gt 3`, `urn:example:open:b.c eq "x"`, `urn:example:open:b pr`} {
		for _, by := range []string{"", "userName", "urn:example:open:a"} {
			e, err := filter.Parse(text, rt)
			if err != nil {
				return nil, err
			}
			s, err := filter.ParseSort(by, "", rt)
			if err != nil {
				return nil, err
			}
			out[text+" by "+by] = index.Query{Filter: e, Sort: s, Count: 100}
		}
	}
	return out, nil
})

// answers are what a table answers to some queries.
func answers(t interface{ Fatal(args ...any) }, table *index.Table) map[string]any {
	all, err := queries()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{"ids": table.IDs(), "marks": table.Marks(), "len": table.Len()}
	for text, q := range all {
		out[text] = fmt.Sprint(table.Find(q))
		if q.Sort.Path.Attr == nil {
			out["marked "+text] = slices.Sorted(slices.Values(table.Marked(q.Filter)))
		}
	}
	return out
}

func TestASnapshotThatIsReadAnswersAsTheTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := index.New(scim.UserType(), base)
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("id", rapid.IntRange(0, 12).Draw(t, "n")) })
		text := rapid.SampledFrom([]string{"a", "A", "ab", "b", "", "ä", "\xff", "x"})
		value := rapid.OneOf(rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.Float64Range(0, 9), func(f float64) any { return f }), rapid.Just(any(true)), rapid.Just(any(map[string]any{"c": "x"})), rapid.Just(any([]any{"x", 4.0})))
		for range rapid.IntRange(0, 30).Draw(t, "operations") {
			if rapid.IntRange(0, 3).Draw(t, "operation") == 0 {
				table.Delete(id.Draw(t, "deleted"))
				continue
			}
			r := openUser(id.Draw(t, "id"), text.Draw(t, "userName"), rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), value, 0, 2).Draw(t, "open"))
			r.Object["displayName"] = text.Draw(t, "displayName")
			r.Object["active"] = rapid.Bool().Draw(t, "active")
			r.Object["emails"] = []any{map[string]any{"value": text.Draw(t, "email"), "type": "work"}}
			r.Mark, r.Version = rapid.Bool().Draw(t, "mark"), rapid.Uint64Range(0, 3).Draw(t, "version")
			table.Put(r)
		}
		var b bytes.Buffer
		if err := table.Snapshot().Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := index.Read(&b, scim.UserType(), base, math.MaxInt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(answers(t, table), answers(t, again)); diff != "" {
			t.Errorf("(-the table +what was read)\n%s", diff)
		}
		for _, table := range []*index.Table{table, again} { // both go through the same changes
			table.Delete("id1", "id5")
			table.Put(openUser("id3", "new", map[string]any{"a": 5.0}), openUser("id99", "newer", map[string]any{"z": "x"}))
		}
		for _, id := range table.IDs() { // both know the same versions
			r := openUser(id, "same", nil)
			r.Version = 2
			_, differs := table.Replace(r)
			_, too := again.Replace(r)
			if diff := cmp.Diff(differs, too); diff != "" {
				t.Errorf("%s: what differs (-the table +what was read)\n%s", id, diff)
			}
		}
		if diff := cmp.Diff(answers(t, table), answers(t, again)); diff != "" {
			t.Errorf("after a change (-the table +what was read)\n%s", diff)
		}
	})
}

func TestASnapshotIsTheTableAsItWas(t *testing.T) {
	t.Parallel()
	table := users(t, 500)
	want, snapshot := table.IDs(), table.Snapshot()
	table.Delete(want[:450]...) // so much that the columns are copied
	table.Put(openUser("new", "new", nil))
	var b bytes.Buffer
	if err := snapshot.Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := index.Read(&b, scim.UserType(), base, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.IDs(), want) {
		t.Errorf("the snapshot has %d resources, want %d", again.Len(), len(want))
	}
}

func TestATornSnapshotIsNoTable(t *testing.T) {
	t.Parallel()
	text := written(t, users(t, 7))
	for n := range len(text) {
		if _, err := index.Read(bytes.NewReader(text[:n]), scim.UserType(), base, math.MaxInt); !errors.Is(err, index.ErrSnapshot) {
			t.Fatalf("%d of %d bytes: the error is %v", n, len(text), err)
		}
	}
	if _, err := index.Read(bytes.NewReader(append(text, 0)), scim.UserType(), base, math.MaxInt); !errors.Is(err, index.ErrSnapshot) {
		t.Errorf("with a further byte: the error is %v", err)
	}
}

func TestASnapshotLargerThanTheMemoryIsNotRead(t *testing.T) {
	t.Parallel()
	text := written(t, users(t, 10_000))
	if _, err := index.Read(bytes.NewReader(text), scim.UserType(), base, 100_000); !errors.Is(err, index.ErrLarge) {
		t.Errorf("the error is %v", err)
	}
}

func TestAnErrorOfTheReaderIsReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	text := written(t, users(t, 7))
	from := io.MultiReader(bytes.NewReader(text[:len(text)/2]), failing{broken})
	if _, err := index.Read(from, scim.UserType(), base, math.MaxInt); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzRead finds no text that stops the program or takes much memory, and what is read is written as it was.
func FuzzRead(f *testing.F) {
	f.Add(written(f, users(f, 3)))
	f.Add(written(f, index.New(scim.UserType(), base)))
	f.Add([]byte{1, 1, 1, 'a', 0, 0, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		const most = 1 << 24
		table, err := index.Read(bytes.NewReader(text), scim.UserType(), base, most)
		if err != nil {
			return
		}
		answers(t, table)
		again, err := index.Read(bytes.NewReader(written(t, table)), scim.UserType(), base, most)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(table.IDs(), again.IDs()); diff != "" {
			t.Error(diff)
		}
	})
}

// BenchmarkSnapshot reports the size of a snapshot of 100,000 users, compressed as a store compresses it.
func BenchmarkSnapshot(b *testing.B) {
	table := users(b, 100_000)
	for _, level := range []int{flate.BestSpeed, 3, flate.DefaultCompression} {
		b.Run(fmt.Sprint("write/level=", level), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var out bytes.Buffer
				w, err := flate.NewWriter(&out, level)
				if err != nil {
					b.Fatal(err)
				}
				if err := errors.Join(table.Snapshot().Write(w), w.Close()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(out.Len())/1e6, "MB")
			}
		})
		var out bytes.Buffer
		w, _ := flate.NewWriter(&out, level)
		if err := errors.Join(table.Snapshot().Write(w), w.Close()); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint("read/level=", level), func(b *testing.B) {
			for b.Loop() {
				if _, err := index.Read(flate.NewReader(bytes.NewReader(out.Bytes())), scim.UserType(), base, math.MaxInt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
