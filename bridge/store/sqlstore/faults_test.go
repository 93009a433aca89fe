package sqlstore

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// kills is how often TestAKilledProcessLosesNothing kills a process.
var kills = flag.Int("kills", 3, "how often a process that writes is killed")

// pages limits the pages of the database; a full disk gives the same error.
func pages(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.w.writeOutside(t.Context(), func(ctx context.Context, w *writer) error {
		var got int
		return w.QueryRowContext(ctx, fmt.Sprint("PRAGMA max_page_count = ", n)).Scan(&got)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAFullDiskLosesNothing: what is refused is not in the journal, what was settled waits, and both work again when there is
// room again.
func TestAFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	var begun []change.Change
	for i := range 200 {
		c := twoKilobytes(i)
		if err := s.Intend(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		begun = append(begun, c)
	}
	pages(t, s, 1) // SQLite takes the present size
	refused := 0
	for i := 200; refused == 0; i++ {
		err := s.Intend(t.Context(), twoKilobytes(i))
		if err == nil {
			if i > 10_000 {
				t.Fatal("the disk is never full")
			}
			c := twoKilobytes(i)
			if err := s.Intend(t.Context(), c); err == nil {
				begun = append(begun, c)
			}
			continue
		}
		refused++
		if !errors.Is(err, store.ErrAway) || !strings.Contains(err.Error(), "is full: make room") {
			t.Errorf("the error is %v", err)
		}
	}
	for _, c := range begun {
		c.Outcome = change.Done
		if err := s.Settle(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Flush(t.Context())
	stats, err2 := s.Stats(t.Context())
	if err2 != nil {
		t.Fatal(err2)
	}
	if (err != nil) != (stats.Waiting > 0) || err != nil && !errors.Is(err, store.ErrAway) {
		t.Errorf("%d settlements wait, and Flush returns %v", stats.Waiting, err)
	}
	pages(t, s, 1<<30)
	flushed(t, s)
	found := map[change.ID]int{}
	for e, err := range s.Entries(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		found[e.ID]++
	}
	for _, c := range begun {
		if found[c.ID] != 1 {
			t.Errorf("a settled change is in the journal %d times", found[c.ID])
		}
	}
	if _, err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestWriterProcess is the process that TestAKilledProcessLosesNothing kills. It prints what the store acknowledged.
func TestWriterProcess(t *testing.T) {
	o := Options{File: os.Getenv("SQLSTORE_FILE")}
	if url := os.Getenv("SQLSTORE_URL"); url != "" {
		o.Postgres = &Postgres{URL: always(url), Schema: os.Getenv("SQLSTORE_SCHEMA")}
	}
	if o.File == "" && o.Postgres == nil {
		return // not the process
	}
	o.Ring = ring(t, os.Getenv("SQLSTORE_KEY"))
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var saying sync.Mutex
	say := func(what string, id change.ID) {
		saying.Lock()
		defer saying.Unlock()
		_, _ = fmt.Println(what, id)
	}
	var g sync.WaitGroup
	for writer := range 4 {
		g.Go(func() {
			for i := 0; ; i++ {
				c := twoKilobytes(writer*1_000_000 + i)
				if err := s.Intend(t.Context(), c); err != nil {
					t.Error(err)
					return
				}
				say("intended", c.ID)
				c.Outcome = change.Done
				if err := s.Settle(t.Context(), c); err != nil {
					t.Error(err)
					return
				}
				if i%7 == 0 {
					if err := s.Flush(t.Context()); err != nil {
						t.Error(err)
						return
					}
					say("settled", c.ID)
				}
			}
		})
	}
	g.Wait()
}

// TestAKilledProcessLosesNothing: a process is killed while four writers journal changes. Every acknowledged intent is
// open or an entry afterwards, every flushed settlement is an entry, and the journal verifies.
func TestAKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	survives(t, Options{File: file}, "SQLSTORE_FILE="+file)
}

// survives kills a process that writes to a store, which environ names for the process.
func survives(t *testing.T, o Options, environ ...string) {
	t.Helper()
	line := seal.NewKey()
	o.Ring = ring(t, line)
	acknowledged := map[change.ID]string{}
	for range *kills {
		kill(t, append(environ, "SQLSTORE_KEY="+line), acknowledged)
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		state := map[change.ID]string{}
		list, err := s.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			state[c.ID] = "intended"
		}
		for e, err := range s.Entries(t.Context(), store.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if state[e.ID] != "" {
				t.Errorf("%s is %s and an entry", e.ID, state[e.ID])
			}
			state[e.ID] = "settled"
		}
		for id, what := range acknowledged {
			if state[id] != what && state[id] != "settled" {
				t.Errorf("%s was %s, and is %q", id, what, state[id])
			}
		}
		if _, err := s.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// kill runs the process until it acknowledged a random number of changes, and kills it.
func kill(t *testing.T, environ []string, acknowledged map[change.ID]string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriterProcess$")
	cmd.Env = append(os.Environ(), environ...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := 5 + rand.IntN(300)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, id, ok := strings.Cut(lines.Text(), " ")
		if !ok || what != "intended" && what != "settled" {
			t.Fatalf("the process says %q", lines.Text())
		}
		acknowledged[change.ID(id)] = what
		if left--; left == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || left > 0 {
		t.Fatalf("the process ended by itself: %v", err)
	}
}

// TestAChangeWaitsForOneCommit, and its settlement shares the commit of the next change.
func TestAChangeWaitsForOneCommit(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	if err := s.Intend(t.Context(), userChange("first")); err != nil {
		t.Fatal(err)
	}
	before := s.w.commits
	if err := s.Intend(t.Context(), userChange("second")); err != nil {
		t.Fatal(err)
	}
	if n := s.w.commits - before; n != 1 {
		t.Errorf("an intent takes %d commits", n)
	}
}

// TestPagesHaveTheRightSize: SQLite ignores the size without an error when it is set too late.
func TestPagesHaveTheRightSize(t *testing.T) {
	t.Parallel()
	s := opened(t, Options{File: filepath.Join(t.TempDir(), "store.db"), Ring: ring(t, seal.NewKey())})
	for pragma, want := range map[string]string{"page_size": "8192", "auto_vacuum": "2", "journal_mode": "wal"} {
		var got string
		if err := s.db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
	err := s.w.writeOutside(t.Context(), func(ctx context.Context, w *writer) error {
		for pragma, want := range map[string]string{"synchronous": "2", "secure_delete": "1"} {
			var got string
			if err := w.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
