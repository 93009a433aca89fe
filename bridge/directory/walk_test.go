package directory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// TestAWalkSeesEveryLastingUser while others are deleted and created before and after its
// position, which moves the entries of every later page.
func TestAWalkSeesEveryLastingUser(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var list []string
		lasting := map[string]bool{}
		for i := range 100 + r.IntN(400) {
			id := fmt.Sprintf("%04d", i)
			list = append(list, id)
			lasting[id] = r.IntN(3) > 0
		}
		w := newWalk(50)
		for done := false; !done; {
			first := min(w.first, len(list))
			page := slices.Clone(list[first:min(first+50, len(list))])
			list = slices.DeleteFunc(list, func(id string) bool { return !lasting[id] && r.IntN(8) == 0 })
			for range r.IntN(4) {
				list = append(list, fmt.Sprintf("%04d-%d", r.IntN(500), r.Int()))
			}
			slices.Sort(list)
			done = w.join(page, len(page) < 50)
			if w.steps > 1000 {
				t.Fatal("the walk does not end")
			}
		}
		for id, lasts := range lasting {
			if lasts && !w.seen(id) {
				t.Errorf("seed %d: %s is not seen", seed, id)
			}
		}
	}
}

// TestAWalkSkipsOverNoGap: when a page contains no entry that the walk has seen, the walk steps
// back.
func TestAWalkSkipsOverNoGap(t *testing.T) {
	t.Parallel()
	w := newWalk(50)
	page := make([]string, 50)
	for i := range page {
		page[i] = fmt.Sprint("a", i)
	}
	if w.join(page, false) || w.first != 45 {
		t.Fatalf("the next page begins at %d, want 45", w.first)
	}
	for i := range page {
		page[i] = fmt.Sprint("b", i) // entries that moved up are on neither page
	}
	if w.join(page, true) || w.first != 0 || w.seen("b1") {
		t.Errorf("a page without an old entry ends the walk, or it goes on at %d", w.first)
	}
}

func cursorKey(tb testing.TB, secret string) []byte {
	tb.Helper()
	key, err := CursorKey([]byte(secret))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// TestRFC9865_OnlyItsKeyAndBindingOpenACursor: no other key and no other binding opens a cursor.
func TestRFC9865_OnlyItsKeyAndBindingOpenACursor(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	key := cursorKey(t, "secret")
	cursor := Cursor{Endpoint: "/Users", After: &filter.Position{ID: "1", Key: "jane's", Has: true}, Expires: now.Unix() + 60}
	text, err := cursor.Seal(key, "a", "bc")
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenCursor(cursorKey(t, "secret"), text, now, "a", "bc")
	if diff := cmp.Diff(cursor, got); diff != "" || err != nil {
		t.Errorf("the cursor is opened as another (-want +got), %v:\n%s", err, diff)
	}
	if _, err := OpenCursor(key, text, now.Add(time.Minute), "a", "bc"); !errors.Is(err, ErrCursorExpired) {
		t.Errorf("a cursor whose time is over = %v", err)
	}
	again, err := cursor.Seal(key, "a", "bc")
	if again == text || err != nil {
		t.Errorf("the same cursor is sealed twice as one text, %v", err)
	}
	for _, binding := range [][]string{{"a"}, {"ab", "c"}, {"a", "bc", ""}, {"abc"}, {"bc", "a"}, nil} {
		if _, err := OpenCursor(key, text, now, binding...); !errors.Is(err, ErrCursor) {
			t.Errorf("bound to %q it is opened: %v", binding, err)
		}
	}
	if _, err := OpenCursor(cursorKey(t, "other"), text, now, "a", "bc"); !errors.Is(err, ErrCursor) {
		t.Errorf("with another key it is opened: %v", err)
	}
}

// FuzzOpenCursor: hostile text is never a cursor.
func FuzzOpenCursor(f *testing.F) {
	key := cursorKey(f, "secret")
	text, err := Cursor{Endpoint: "/Users", Expires: 1}.Seal(key, "a")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", text[1:], text + "A", text[:len(text)-1], "AAAA", "====", "../..", "%00", text[:4] + "\n" + text[4:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, got string) {
		if _, err := OpenCursor(key, got, time.Unix(0, 0), "a"); got != text && !errors.Is(err, ErrCursor) {
			t.Errorf("%q is opened: %v", got, err)
		}
	})
}
