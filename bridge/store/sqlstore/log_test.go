package sqlstore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// TestTheWriteAheadLogShrinksAgain: it grows while somebody reads the store for long, such as a backup. Then the next
// writes make it small again, because store.retention.maxBytes does not count it.
func TestTheWriteAheadLogShrinksAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	s := opened(t, Options{File: file, Ring: ring(t, seal.NewKey()), Normal: true})
	write := func() {
		t.Helper()
		group := userChange("group")
		group.Resource.Type = "Group"
		for i := range 2000 {
			group.MembersAdded = append(group.MembersAdded, fmt.Sprintf("%08x-5f6f", i))
		}
		noError(t, s.Intend(t.Context(), group))
		group.Outcome = change.Done
		noError(t, s.Settle(t.Context(), group))
		flushed(t, s)
	}
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(file + "-wal")
		noError(t, err)
		return info.Size()
	}
	write()
	rows, err := s.db.QueryContext(t.Context(), "SELECT hash FROM subject")
	noError(t, err)
	if !rows.Next() {
		t.Fatal("there is nothing to read", rows.Err())
	}
	for n := 0; size() <= 2*maxLog; n++ {
		if n > 1000 {
			t.Fatalf("the log has %d bytes", size())
		}
		write()
	}
	noError(t, rows.Close())
	for n := 0; size() > maxLog; n++ { // the first commit after the log is empty cuts it
		if n > 20 {
			t.Fatalf("the log has %d bytes and stays so large", size())
		}
		write()
	}
}
