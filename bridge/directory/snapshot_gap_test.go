package directory_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// TestASnapshotFromBeforeTheFeedWasOffIsNotUsed: no event tells what was written while the feed was off.
func TestASnapshotFromBeforeTheFeedWasOffIsNotUsed(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(r *restart){
		"an index that was read without the feed": func(r *restart) { r.finds(400) },
		"an index that nobody asked": func(r *restart) {
			if err := r.d.Follow(r.t.Context(), r.view(r.of, r.fitness)); err != nil {
				r.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
				r := newRestart(t)
				r.start()
				r.fitness.Feed = false
				meanwhile(r)
				r.put(titled("silent", "Clerk")) // without an event
				r.fitness.Feed = true
				r.finds(401)
			})
		})
	}
}

// TestASnapshotIsNotUsedWhenTheEventsMayHaveBeenOff: somebody turned them off and on again while the bridge was down.
func TestASnapshotIsNotUsedWhenTheEventsMayHaveBeenOff(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
		r := newRestart(t)
		r.tell("UPDATE", "REALM", "events/config", "")
		r.put(titled("silent", "Clerk")) // without an event
		r.tell("UPDATE", "REALM", "events/config", "")
		r.start()
		r.finds(401)
		if told := strings.Join(r.told, "\n"); !strings.Contains(told, "settings of the realm") {
			t.Errorf("told %q", told)
		}
	})
}

// shows expects that the Wall shows a user with another title than before, without an event.
func (r *restart) shows() {
	r.t.Helper()
	later(time.Millisecond)
	list, err := r.d.Users(r.t.Context(), r.view(r.of, r.fitness), query(r.t, r.of.Mapping.User, `not (displayName eq "Clerk")`, "userName"))
	if err != nil {
		r.t.Fatal(err)
	}
	if list.Total != 1 {
		r.t.Errorf("%d users are found, want 1", list.Total)
	}
}

// TestAUserWhoIsProtectedOtherwiseIsShownOtherwise, also in an index that was read before the first query.
func TestAUserWhoIsProtectedOtherwiseIsShownOtherwise(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"without a restart": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
				r := newRestart(t)
				r.kept.of = nil
				r.start()
				r.fitness.Protected = &tenant.Protected{Users: map[string]bool{"u1": true}}
				if err := r.d.Follow(t.Context(), r.view(r.of, r.fitness)); err != nil {
					t.Fatal(err)
				}
				r.d.Warm(r.view(r.of, r.fitness))
				later(time.Second)
				if restarts {
					if err := r.d.Save(t.Context(), 0); err != nil {
						t.Fatal(err)
					}
					r.start()
				}
				r.fitness.Protected = &tenant.Protected{Users: map[string]bool{"u2": true}}
				r.put(titled("u1", "Boss"))
				r.shows()
				if r.scanned() != !restarts {
					t.Error("the realm is read again")
				}
			})
		})
	}
}

// tables are the texts of the tables of a snapshot.
func tables(t *testing.T, snapshot []byte) (out []byte) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(snapshot))
	header, err := binary.ReadUvarint(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Discard(int(header)); err != nil {
		t.Fatal(err)
	}
	for packed := []byte(nil); ; {
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return out
		}
		if size > 0 {
			frame := make([]byte, size)
			if _, err := io.ReadFull(r, frame); err != nil {
				t.Fatal(err)
			}
			packed = append(packed, frame...)
			continue
		}
		text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
		if err != nil {
			t.Fatal(err)
		}
		out, packed = append(out, text...), nil
	}
}

// TestASnapshotHasNothingOfAUserWhoIsGone, although no query has read the user again. The person may have been erased
// from the store, and a later snapshot must not bring the values back.
func TestASnapshotHasNothingOfAUserWhoIsGone(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
		r := newRestart(t)
		r.put(titled("xaver", "Unmistakable"))
		r.tell("CREATE", "USER", "users/xaver", "")
		r.finds(401)
		saved := func() bool {
			t.Helper()
			if err := r.d.Save(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			return bytes.Contains(bytes.ToLower(tables(t, r.kept.of["acme"])), []byte("unmistakable"))
		}
		if !saved() {
			t.Fatal("the test does not see the values of a user")
		}
		r.remove("xaver")
		r.tell("DELETE", "USER", "users/xaver", "")
		later(time.Millisecond)
		if err := r.d.Follow(t.Context(), r.view(r.of, r.fitness)); err != nil {
			t.Fatal(err)
		}
		if saved() {
			t.Error("the snapshot has the values of a user who is gone")
		}
		r.start()
		r.finds(400)
		if r.scanned() {
			t.Error("the realm is read again")
		}
	})
}
