package sqlstore

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// counting counts statements, BEGIN and COMMIT too.
type counting struct{ n atomic.Int64 }

// TraceQueryStart implements pgx.QueryTracer.
func (c *counting) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*counting) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// written waits until everything is committed, without reading.
func written(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.w.flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// statementsOfAChange are the statements of ten changes of one writer, with everything that waits for their commits: the
// request, the use of a credential, counts and a removal that the brake counts.
func statementsOfAChange(t *testing.T, p *Postgres, c func(i int) change.Change) int64 {
	t.Helper()
	var count counting
	p.tracer = &count
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	noError(t, s.ChangeRemovals(t.Context(), "acme", func(*store.Removals) error { return nil })) // reads them for the first time
	written(t, s)
	s.w.queue.leisure = time.Hour
	const changes = 10
	before := count.n.Load()
	for i := range changes {
		one := c(i)
		s.w.queue.mu.Lock()
		s.w.queue.noted = time.Now().Add(-countsMay) // counts share a commit, and need none yet
		s.w.queue.mu.Unlock()
		s.Count(time.Now(), "acme", store.Reads)
		noError(t, s.Used(t.Context(), store.Use{Credential: store.Credential{Of: store.Owner{Realm: "acme", Key: "realm"}, KeyID: "k1"}, At: time.Now()}))
		noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
			if r.At == nil {
				r.At = map[string]time.Time{}
			}
			r.At[fmt.Sprint(i)] = time.Now()
			return nil
		}))
		noError(t, s.Intend(t.Context(), one))
		one.Outcome = change.Done
		s.Act(succeeded(one))
		noError(t, s.Settle(t.Context(), one))
		written(t, s)
	}
	out := count.n.Load() - before
	if _, err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	return out
}

// TestAChangeIsTwoStatements of one writer, whatever is written with it.
func TestAChangeIsTwoStatements(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]func(i int) change.Change{
		"a user": twoKilobytes,
		"a member of a group": func(i int) change.Change {
			one := userChange(fmt.Sprint("user-", i))
			one.Op, one.Resource, one.MembersAdded = change.Updated, change.Resource{Type: "Group", ID: "team"}, []string{fmt.Sprint("user-", i)}
			return one
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if n := statementsOfAChange(t, onSchema(t), c); n != 2*10 {
				t.Errorf("ten changes are %d statements", n)
			}
		})
	}
}

// TestASettlementSharesTheStatementOfTheNextIntent, so that a busy writer needs one statement for a change.
func TestASettlementSharesTheStatementOfTheNextIntent(t *testing.T) {
	t.Parallel()
	var count counting
	p := onSchema(t)
	p.tracer = &count
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	noError(t, s.Intend(t.Context(), userChange("first")))
	before := count.n.Load()
	noError(t, s.Intend(t.Context(), userChange("second")))
	if n := count.n.Load() - before; n != 1 {
		t.Errorf("an intent is %d statements", n)
	}
}

// TestACommitWaitsForTheDisk although the user of the database is set to answer before.
func TestACommitWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	p := onSchema(t)
	user := userOf(t, "LOGIN SUPERUSER")
	inDatabase(t, "ALTER ROLE "+user+" SET synchronous_commit = off")
	p.URL = always(strings.Replace(urlOf(server(t)), "keycloak@", user+"@", 1))
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	var usual, ofJob, ofLoad string
	noError(t, s.db.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&usual))
	noError(t, s.w.write(t.Context(), func(ctx context.Context, w *writer) error {
		return w.QueryRowContext(ctx, "SHOW synchronous_commit").Scan(&ofJob)
	}))
	e, _ := s.engine.(*pgEngine)
	tx, err := s.db.BeginTx(t.Context(), nil)
	noError(t, err)
	defer tx.Rollback()
	l := s.newLoad()
	noError(t, l.intend(&intentRow{id: make([]byte, 16), content: []byte{1}}))
	noError(t, e.load(t.Context(), tx, l, e.turn, newTurn()))
	noError(t, tx.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&ofLoad))
	if usual != "off" || ofJob != "on" || ofLoad != "on" {
		t.Errorf("it is %s, in a job %s, with changes %s", usual, ofJob, ofLoad)
	}
}

// TestALoadWritesWhatItSaysOnce: a removal that is dropped and added again, a document that is written and dropped, and
// uses of one credential are one row each.
func TestALoadWritesWhatItSaysOnce(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"SQLite": {File: t.TempDir() + "/store.db"}, "PostgreSQL": {Postgres: onSchema(t)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Ring = ring(t, seal.NewKey())
			s := opened(t, o)
			early, late := time.UnixMicro(1_000_000).UTC(), time.UnixMicro(2_000_000).UTC()
			removed := func(at map[string]time.Time) {
				t.Helper()
				noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
					r.At = at
					return nil
				}))
			}
			removed(map[string]time.Time{"a": early, "b": early})
			written(t, s)
			intend(t, s)
			removed(map[string]time.Time{"a": late, "c": late}) // everything before is dropped
			removed(map[string]time.Time{"a": late})
			removed(map[string]time.Time{"a": late, "b": late})
			for _, at := range []time.Time{late, early} {
				noError(t, s.Used(t.Context(), store.Use{Credential: store.Credential{Of: store.Owner{Realm: "acme", Key: "realm"}, KeyID: "k1"}, At: at}))
			}
			for i, op := range []change.Op{change.Created, change.Deleted, change.Created, change.Updated} {
				c := userChange("ada")
				c.Op = op
				c.After["title"] = fmt.Sprint(i)
				made(t, s, c)
			}
			flushed(t, s)
			all, err := s.Removals(t.Context())
			if got := all["acme"].At; err != nil || len(got) != 2 || !got["a"].Equal(late) || !got["b"].Equal(late) {
				t.Errorf("the removals are %v, %v", got, err)
			}
			if doc, err := s.Applied(t.Context(), "acme", "id-ada"); err != nil || doc["title"] != "3" {
				t.Errorf("the last document is %v, %v", doc, err)
			}
			if uses, err := s.Tokens(t.Context()); err != nil || len(uses.Uses) != 1 || !uses.Uses[0].At.Equal(late) {
				t.Errorf("the uses are %v, %v", uses.Uses, err)
			}
		})
	}
}

// wire is a connection to a server in the middle, which tests cut.
type wire struct {
	listener net.Listener
	to       string

	mu  sync.Mutex
	cut func(sent []byte, answer bool) bool // whether to cut the connection instead of passing bytes on
}

// newWire listens in front of a server.
func newWire(t *testing.T, port string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	w := &wire{listener: l, to: "127.0.0.1:" + port}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", w.to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go w.pass(in, out, false)
			go w.pass(out, in, true)
		}
	}()
	return w
}

func (w *wire) pass(from, to net.Conn, answer bool) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		cut := w.cut != nil && w.cut(b[:n], answer)
		w.mu.Unlock()
		if cut {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// cuts cuts the first connection whose bytes fit.
func (w *wire) cuts(when func(sent []byte, answer bool) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = func(sent []byte, answer bool) bool {
		if !when(sent, answer) {
			return false
		}
		w.cut = nil
		return true
	}
}

func (w *wire) url() string {
	return "postgres://keycloak@" + w.listener.Addr().String() + "/postgres?sslmode=disable"
}

// TestACommitWhoseAnswerIsLostIsFoundOut: the connection breaks before the statement arrives, or before its answer does.
// Either way the caller gets no error, and nothing is doubled.
func TestACommitWhoseAnswerIsLostIsFoundOut(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]bool{"the statement is lost": false, "the answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, middle := onSchema(t), newWire(t, server(t).Port)
			p.URL = always(middle.url())
			s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
			begun := []change.Change{}
			for i := range 6 {
				asked := false
				middle.cuts(func(sent []byte, answer bool) bool {
					asked = asked || !answer && strings.Contains(string(sent), "fence AS")
					return asked && answer == answers
				})
				c := userChange(fmt.Sprint("user-", i))
				noError(t, s.Intend(t.Context(), c))
				begun = append(begun, c)
				request := refused("acme", "x")
				s.Act(request)
				c.Outcome = change.Done
				noError(t, s.Settle(t.Context(), c))
			}
			flushed(t, s)
			noError(t, s.AddToken(t.Context(), keptToken("t")))
			found := map[change.ID]int{}
			for e, err := range s.Entries(t.Context(), store.Query{}) {
				noError(t, err)
				found[e.ID]++
			}
			for _, c := range begun {
				if found[c.ID] != 1 {
					t.Errorf("a change is in the journal %d times", found[c.ID])
				}
			}
			if n := len(activities(t, s, store.ActivityQuery{})); n != len(begun) || len(found) != len(begun) {
				t.Errorf("%d requests and %d entries, want %d", n, len(found), len(begun))
			}
			if _, err := s.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
