package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// Options say which database a Store opens.
type Options struct {
	File string // of a SQLite database; it is made if it does not exist, in a directory that exists
	// Postgres is for a store in PostgreSQL; nil for SQLite.
	Postgres *Postgres
	// Ring holds the keys of the key file. A new store is sealed with the newest.
	Ring seal.Ring
	// Normal says that a commit waits for the operating system and not for the disk: a power failure can lose the
	// last changes. It is for SQLite: PostgreSQL always waits for the disk.
	Normal bool
	Now    func() time.Time // nil for time.Now
	Share  store.Share      // of the rows of each tenant; zero for store.DefaultShare

	copied bool // the database is a copy, and becomes a store of its own
}

// Store is a store.Store in a database.
type Store struct {
	o      Options
	engine engine
	db     *sql.DB // for reading
	w      *writer

	id string // of the store

	keys  atomic.Pointer[keys]
	state state // of the journal; only the writer uses it after Open
	acts  int64 // the number of the last row of a request; only the writer uses it after Open
	usage usage // of the rows of requests

	ledger    ledger
	snapshots snapshots

	mu   sync.Mutex
	open map[change.ID]intent // the changes that are begun and not settled

	// upkeep is held by the one of Verify, Forget, Prune, Rekey and Flush that changes or compares what entries are
	// found by.
	upkeep *semaphore.Weighted

	closing sync.Once
	closed  error
}

var _ store.Store = (*Store)(nil)

// intent is what the memory keeps of a change that is begun.
type intent struct {
	head  int64 // the number of the last entry when the change began
	begun time.Time
}

// state is the end of the journal.
type state struct {
	epoch  int64
	number int64 // of the last entry
	link   [store.LinkSize]byte
	pruned int64                // the number of the last entry that was pruned
	base   [store.LinkSize]byte // its link
	bytes  int64                // about what the entries use; only in PostgreSQL it is kept
}

// number is the number of this program: the schema names the oldest program that may use it. A migration that an older
// program would not understand sets meta.needs to the next number.
const number = 1

// Open opens a store. The errors are texts for the operator.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Share == (store.Share{}) {
		o.Share = store.DefaultShare
	}
	s := &Store{o: o, upkeep: semaphore.NewWeighted(1), open: map[change.ID]intent{}}
	e, err := s.newEngine()
	if err != nil {
		return nil, err
	}
	s.engine = e
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(s.explain(err), s.release())
	}
	return s, nil
}

func (s *Store) newEngine() (engine, error) {
	if s.o.Postgres != nil {
		return newPostgres(s, s.o.Postgres)
	}
	return newSQLite(s)
}

// start opens the database and reads what the memory needs.
func (s *Store) start(ctx context.Context) error {
	write, read, err := s.engine.open(ctx)
	if err != nil {
		return err
	}
	s.w, s.db = newWriter(s), read
	if err := s.load(ctx, write); err != nil {
		return err
	}
	return s.w.start(ctx)
}

// errNewer says that the schema needs a newer program.
var errNewer = errors.New("a newer version of this program wrote the store")

// understood refuses a schema that this program is too old for.
func understood(ctx context.Context, q querier) error {
	var needs int
	err := q.QueryRowContext(ctx, "SELECT needs FROM meta").Scan(&needs)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil && needs > number {
		err = errNewer
	}
	return err
}

// explain turns an error of the database into a text for the operator.
func (s *Store) explain(err error) error {
	if errors.Is(err, errNewer) {
		return fmt.Errorf("%w: run that version, or restore a backup of this version with scim-bridge store restore", err)
	}
	return s.engine.explain(err)
}

// away wraps an error of the database.
func (s *Store) away(err error) error {
	_, broken := errors.AsType[*store.BrokenError](err)
	switch {
	case err == nil:
		return nil
	case broken:
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, store.ErrNotOpen), errors.Is(err, store.ErrKnown), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrNoActivity),
		errors.Is(err, store.ErrTokenExists), errors.Is(err, store.ErrTokenRevoked), errors.Is(err, store.ErrNoToken):
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrAway, s.explain(err))
}

// Close implements io.Closer. It commits what was settled.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.release() })
	return s.closed
}

// release closes what Open opened.
func (s *Store) release() error {
	if s.w != nil {
		s.w.stop()
	}
	return s.engine.close()
}
