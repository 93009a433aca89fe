package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// twoKilobytes is a change whose documents have about a kilobyte each.
func twoKilobytes(n int) change.Change {
	c := userChange(fmt.Sprintf("user-%d", n))
	doc := func(title string) scim.Document {
		return scim.Document{
			"userName": c.Resource.ID, "active": true, "title": title, "externalId": fmt.Sprintf("00u%017d", n), "displayName": fmt.Sprintf("User Number %d", n), "name": map[string]any{"givenName": "User", "familyName": fmt.Sprintf("Number %d", n)},
			"emails":       []any{map[string]any{"value": fmt.Sprintf("user-%d@acme.test", n), "primary": true, "type": "work"}},
			"phoneNumbers": []any{map[string]any{"value": fmt.Sprintf("+49 89 %08d", n), "type": "work"}},
			"addresses":    []any{map[string]any{"streetAddress": fmt.Sprintf("Street %d", n), "locality": "Munich", "country": "DE", "type": "work"}},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": "Research", "employeeNumber": fmt.Sprint(n), "costCenter": fmt.Sprint(n % 100)},
			"nickName": strings.Repeat("n", 300),
		}
	}
	c.Op, c.Before, c.After = change.Updated, doc("Clerk"), doc("Boss")
	return c
}

// succeeded is the request that made a change.
func succeeded(c change.Change) store.Activity {
	return store.Activity{
		ID: string(change.NewID()), At: c.Begun, Took: 20 * time.Millisecond, Tenant: c.Tenant, Realm: c.Realm, Actor: c.Actor, Origin: c.Origin, Method: "PUT", Route: "/Users/:id", Resource: c.Resource, Status: 200, Calls: 2,
		Change: c.ID, Size: 2000,
	}
}

// write journals changes by some writers at the same time, with their requests.
func write(tb testing.TB, s *Store, changes, writers int) {
	tb.Helper()
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for n := writer; n < changes; n += writers {
				c := twoKilobytes(n)
				if err := s.Intend(tb.Context(), c); err != nil {
					tb.Error(err)
				}
				c.Outcome = change.Done
				if err := s.Settle(tb.Context(), c); err != nil {
					tb.Error(err)
				}
				s.Act(succeeded(c))
			}
		})
	}
	all.Wait()
	flushed(tb, s)
}

// BenchmarkChanges journals changes: an intent that is on the disk, a settlement, and the request in the activity. It reports the bytes of the file
// for each change.
func BenchmarkChanges(b *testing.B) {
	benchmarkChanges(b, func(b *testing.B) *Store {
		b.Helper()
		return opened(b, Options{File: filepath.Join(b.TempDir(), "store.db"), Ring: ring(b, seal.NewKey())})
	})
}

// BenchmarkChangesInPostgreSQL is BenchmarkChanges in a server that waits for the disk.
func BenchmarkChangesInPostgreSQL(b *testing.B) {
	p, err := keycloaktest.StartPostgres(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			b.Error(err)
		}
	}()
	benchmarkChanges(b, func(b *testing.B) *Store {
		b.Helper()
		return opened(b, Options{Postgres: &Postgres{URL: always(urlOf(p)), Schema: "s_" + strings.ToLower(rand.Text())}, Ring: ring(b, seal.NewKey())})
	})
}

// BenchmarkIntentInPostgreSQL reports how long a change waits for its intent, when the change before has been settled, and
// how long a commit of one row of two kilobytes takes between.
func BenchmarkIntentInPostgreSQL(b *testing.B) {
	p, err := keycloaktest.StartPostgres(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			b.Error(err)
		}
	}()
	executed(b, urlOf(p), "CREATE TABLE plain (content BYTEA)")
	s := opened(b, Options{Postgres: &Postgres{URL: always(urlOf(p))}, Ring: ring(b, seal.NewKey())})
	db, err := sql.Open("pgx", urlOf(p))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	var commits, intents []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		if _, err := db.ExecContext(b.Context(), "INSERT INTO plain (content) VALUES ($1)", make([]byte, 2000)); err != nil {
			b.Fatal(err)
		}
		commits = append(commits, time.Since(began))
		c := twoKilobytes(i)
		began = time.Now()
		if err := s.Intend(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		intents = append(intents, time.Since(began))
		c.Outcome = change.Done
		if err := s.Settle(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		s.Act(succeeded(c))
		written(b, s)
	}
	for name, took := range map[string][]time.Duration{"commit": commits, "intent": intents} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"-p50-ms")
	}
}

// benchmarkChanges also reports how long the writer of a change waits for its intent.
func benchmarkChanges(b *testing.B, opened func(b *testing.B) *Store) {
	b.Helper()
	for _, writers := range []int{1, 8, 16} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s := opened(b)
			var g sync.WaitGroup
			var mu sync.Mutex
			var took []time.Duration
			work := make(chan int)
			before := heap()
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				g.Go(func() {
					for n := range work {
						c := twoKilobytes(n)
						began := time.Now()
						if err := s.Intend(b.Context(), c); err != nil {
							b.Error(err)
						}
						waited := time.Since(began)
						mu.Lock()
						took = append(took, waited)
						mu.Unlock()
						c.Outcome = change.Done
						if err := s.Settle(b.Context(), c); err != nil {
							b.Error(err)
						}
						s.Act(succeeded(c))
					}
				})
			}
			for n := range b.N {
				work <- n
			}
			close(work)
			g.Wait()
			if err := s.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			size, err := s.size(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(size)/float64(b.N), "bytes/change")
			b.ReportMetric(float64(s.w.commits)/float64(b.N), "commits/change")
			b.ReportMetric(float64(heap()-before)/1e6, "MB-heap")
		})
	}
}

// rows is the number of entries of BenchmarkHistory.
var rows = flag.Int("rows", 20_000, "the number of entries of other people among which the history of a person is read")

// heap is the size of the heap after a garbage collection, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// fill adds entries of other people, without contents. The journal does not verify afterwards.
func fill(b *testing.B, s *Store, n int) {
	b.Helper()
	err := s.w.write(b.Context(), func(ctx context.Context, w *writer) error {
		for _, statement := range []string{
			"DROP INDEX entry_resource", "DROP INDEX entry_tenant", "DROP INDEX entry_settled",
			fmt.Sprint("INSERT INTO entry (", columns, ") WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ", n, ")"+
				" SELECT n, CAST(printf('%016d', n) AS BLOB), 1, n, n, 'acme', 'acme', '', '', 'client', 'idp', 'k1', 'request', 'updated', 'User', printf('user-%d', n % 100000), 'done', 1, 0, zeroblob(32), zeroblob(32), 1, zeroblob(300), 0 FROM c"),
			"INSERT INTO subject (hash, number) SELECT CAST(printf('%016d', number % 100000) AS BLOB), number FROM entry ORDER BY 1, 2",
			"CREATE INDEX entry_resource ON entry (resource, number)", "CREATE INDEX entry_tenant ON entry (tenant, number)", "CREATE INDEX entry_settled ON entry (settled)",
		} {
			if err := w.exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		w.load.state.number += int64(n)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkHistory reads the hundred changes of one person among many entries.
func BenchmarkHistory(b *testing.B) {
	s := opened(b, Options{File: filepath.Join(b.TempDir(), "store.db"), Ring: ring(b, seal.NewKey())})
	fill(b, s, *rows)
	const changes = 100
	for range changes {
		c := userChange("jane")
		c.ID = change.NewID()
		made(b, s, c)
	}
	flushed(b, s)
	for b.Loop() {
		if n := len(numbersOf(b, s, store.AnyOf("jane@acme.test"))); n != changes {
			b.Fatalf("%d changes are found", n)
		}
	}
}

// BenchmarkRetention journals changes by four writers while the oldest entries are pruned. It reports how long a writer
// waits for its intent.
func BenchmarkRetention(b *testing.B) {
	s := opened(b, Options{File: filepath.Join(b.TempDir(), "store.db"), Ring: ring(b, seal.NewKey())})
	for n := range 20_000 {
		made(b, s, twoKilobytes(n))
	}
	flushed(b, s)
	for name, prunes := range map[string]bool{"idle": false, "pruning": true} {
		b.Run(name, func(b *testing.B) {
			ctx, stop := context.WithCancel(b.Context())
			var g sync.WaitGroup
			if prunes {
				g.Go(func() { // it ends with the context
					_, _ = s.Prune(ctx, store.Retention{Changes: time.Nanosecond})
				})
			}
			var mu sync.Mutex
			var took []time.Duration
			var writers sync.WaitGroup
			const at = 4
			for w := range at {
				writers.Go(func() {
					for n := range max(1, b.N/at) {
						began := time.Now()
						c := twoKilobytes(1_000_000*(w+1) + n)
						if err := s.Intend(b.Context(), c); err != nil {
							b.Error(err)
							return
						}
						waited := time.Since(began)
						c.Outcome = change.Done
						if err := s.Settle(b.Context(), c); err != nil {
							b.Error(err)
						}
						mu.Lock()
						took = append(took, waited)
						mu.Unlock()
					}
				})
			}
			writers.Wait()
			stop()
			g.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
		})
	}
}
