package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sync/semaphore"
	_ "modernc.org/sqlite" // the driver

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// Options say which database a Store opens.
type Options struct {
	File string // of the database; it is made if it does not exist, in a directory that exists
	// Ring holds the keys of the key file. A new store is sealed with the newest.
	Ring seal.Ring
	// Normal says that a commit waits for the operating system and not for the disk: a power failure can lose the
	// last changes.
	Normal bool
	Now    func() time.Time // nil for time.Now
	Share  store.Share      // of the rows of each tenant; zero for store.DefaultShare

	copied bool // the file is a copy, and becomes a store of its own
}

// Store is a store.Store in a SQLite database.
type Store struct {
	o    Options
	lock *os.File // held while the store is open
	db   *sql.DB  // for reading
	w    *writer

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
}

//go:embed schema/*.sql
var schema embed.FS

// number is the number of this program: the schema names the oldest program that may use it. A migration that an older
// program would not understand sets meta.needs to the next number.
const number = 1

// pageSize is the size of a page of the database, in bytes. With the default of 4,096 each change takes a whole page.
const pageSize = 8192

// Open opens a store. The errors are texts for the operator.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Share == (store.Share{}) {
		o.Share = store.DefaultShare
	}
	if hostile(o.File) {
		return nil, fmt.Errorf("the path of the store %q has a character that a path of a database cannot have (? # %%): choose another store.sqlite.file", o.File)
	}
	if file, err := filepath.EvalSymlinks(o.File); err == nil { // the lock is beside the file, not beside a link to it
		o.File = file
	}
	lock, err := prepare(o.File)
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, upkeep: semaphore.NewWeighted(1), lock: lock, open: map[change.ID]intent{}}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(explain(o.File, err), s.release())
	}
	return s, nil
}

// start opens the database, brings its schema up to date and reads what the memory needs.
func (s *Store) start(ctx context.Context) error {
	if err := ownOnly(s.o.File); err != nil {
		return err
	}
	if err := makePages(ctx, s.o.File); err != nil {
		return err
	}
	write, err := s.connect("")
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	s.w = newWriter(s, write)
	if err := s.migrate(ctx, write); err != nil {
		return err
	}
	if s.db, err = s.connect("&_pragma=query_only(1)"); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(readers)
	if err := s.load(ctx, write); err != nil {
		return err
	}
	return s.w.start(ctx)
}

// readers is the number of connections that read.
const readers = 4

// maxLog is how large the write-ahead log may stay, in bytes. SQLite empties the log when it has about 1,000 pages, but a
// reader that stays prevents it.
const maxLog = 16 << 20

// connect opens connections to the database. more are further parameters.
func (s *Store) connect(more string) (*sql.DB, error) {
	synchronous := "FULL"
	if s.o.Normal {
		synchronous = "NORMAL"
	}
	return sql.Open("sqlite", "file:"+s.o.File+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous("+synchronous+")&_pragma=secure_delete(1)&_pragma=temp_store(MEMORY)&_pragma=journal_size_limit("+strconv.Itoa(maxLog)+")"+more)
}

// makePages sets the size of the pages of a new database. SQLite ignores the size once the database has a table or a
// write-ahead log, so this is done first and by itself.
func makePages(ctx context.Context, file string) error {
	info, err := os.Stat(file)
	if err != nil || info.Size() > 0 {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return err
	}
	for _, statement := range []string{"PRAGMA page_size = " + strconv.Itoa(pageSize), "PRAGMA auto_vacuum = INCREMENTAL", "CREATE TABLE made (one INTEGER)", "DROP TABLE made"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

// errNewer says that the schema needs a newer program.
var errNewer = errors.New("a newer version of this program wrote the store")

// migrate brings the schema up to date. It refuses a schema that this program is too old for.
func (s *Store) migrate(ctx context.Context, db *sql.DB) error {
	var size, vacuum int
	if err := errors.Join(db.QueryRowContext(ctx, "PRAGMA page_size").Scan(&size), db.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&vacuum)); err != nil {
		return err
	}
	const incremental = 2
	if size < pageSize || vacuum != incremental {
		return fmt.Errorf("%s is a database that another program made: correct store.sqlite.file", s.o.File)
	}
	var made int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").Scan(&made); err != nil {
		return err
	}
	if made > 0 {
		var needs int
		if err := db.QueryRowContext(ctx, "SELECT needs FROM meta").Scan(&needs); err != nil {
			return err
		}
		if needs > number {
			return errNewer
		}
	}
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	if _, err = provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the store up to date: %w", err)
	}
	return nil
}

// explain turns an error of the database into a text for the operator.
func explain(file string, err error) error {
	if errors.Is(err, errNewer) {
		return fmt.Errorf("%w: run that version, or restore a backup of this version with scim-bridge store restore", err)
	}
	return explainSQLite(file, err)
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
	return fmt.Errorf("%w: %w", store.ErrAway, explain(s.o.File, err))
}

// Close implements io.Closer. It commits what was settled.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.release() })
	return s.closed
}

// release closes what Open opened.
func (s *Store) release() error {
	var errs []error
	if s.w != nil {
		errs = append(errs, s.w.stop())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
