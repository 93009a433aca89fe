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
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// sqliteEngine is a database in a file, which one process opens.
type sqliteEngine struct {
	s    *Store
	file string
	held *os.File // the lock, held while the store is open

	writes, reads *sql.DB
	conn          *sql.Conn // of the writer
	statements    map[string]*sql.Stmt
}

var _ engine = (*sqliteEngine)(nil)

// newSQLite takes the lock of a file, which only one program can hold.
func newSQLite(s *Store) (*sqliteEngine, error) {
	file := s.o.File
	if hostile(file) {
		return nil, fmt.Errorf("the path of the store %q has a character that a path of a database cannot have (? # %%): choose another store.sqlite.file", file)
	}
	if linked, err := filepath.EvalSymlinks(file); err == nil { // the lock is beside the file, not beside a link to it
		file = linked
	}
	held, err := prepare(file)
	if err != nil {
		return nil, err
	}
	return &sqliteEngine{s: s, file: file, held: held, statements: map[string]*sql.Stmt{}}, nil
}

//go:embed schema/sqlite/*.sql
var sqliteSchema embed.FS

// pageSize is the size of a page of the database, in bytes. With the default of 4,096 each change takes a whole page.
const pageSize = 8192

func (e *sqliteEngine) open(ctx context.Context) (write, read *sql.DB, err error) {
	if err := ownOnly(e.file); err != nil {
		return nil, nil, err
	}
	if err := makePages(ctx, e.file); err != nil {
		return nil, nil, err
	}
	if e.writes, err = e.connect(""); err != nil {
		return nil, nil, err
	}
	e.writes.SetMaxOpenConns(1)
	if err := e.migrate(ctx, e.writes); err != nil {
		return nil, nil, err
	}
	if e.reads, err = e.connect("&_pragma=query_only(1)"); err != nil {
		return nil, nil, err
	}
	e.reads.SetMaxOpenConns(readers)
	return e.writes, e.reads, nil
}

// readers is the number of connections that read.
const readers = 4

// maxLog is how large the write-ahead log may stay, in bytes. SQLite empties the log when it has about 1,000 pages, but a
// reader that stays prevents it.
const maxLog = 16 << 20

// connect opens connections to the database. more are further parameters.
func (e *sqliteEngine) connect(more string) (*sql.DB, error) {
	synchronous := "FULL"
	if e.s.o.Normal {
		synchronous = "NORMAL"
	}
	return sql.Open("sqlite", "file:"+e.file+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous("+synchronous+")&_pragma=secure_delete(1)&_pragma=temp_store(MEMORY)&_pragma=journal_size_limit("+strconv.Itoa(maxLog)+")"+more)
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

// migrate brings the schema up to date. It refuses a schema that this program is too old for.
func (e *sqliteEngine) migrate(ctx context.Context, db *sql.DB) error {
	var size, vacuum int
	if err := errors.Join(db.QueryRowContext(ctx, "PRAGMA page_size").Scan(&size), db.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&vacuum)); err != nil {
		return err
	}
	const incremental = 2
	if size < pageSize || vacuum != incremental {
		return fmt.Errorf("%s is a database that another program made: correct store.sqlite.file", e.file)
	}
	var made int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").Scan(&made); err != nil {
		return err
	}
	if made > 0 {
		if err := understood(ctx, db); err != nil {
			return err
		}
	}
	files, err := fs.Sub(sqliteSchema, "schema/sqlite")
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

// lock does nothing: the process holds the lock of the file.
func (*sqliteEngine) lock(context.Context, *sql.Tx) error { return nil }

// take does nothing: the process holds the lock of the file.
func (*sqliteEngine) take(context.Context, *sql.Tx) (int64, error) { return 0, nil }

// place is the inode: a copy of the file has another one.
func (e *sqliteEngine) place(context.Context, *sql.Tx) (column, value string, err error) {
	n, err := inode(e.file)
	return "inode", strconv.FormatInt(n, 10), err
}

func (e *sqliteEngine) copied() error {
	return fmt.Errorf("the store %s is a copy of another store, which another bridge may use: move the copy away and make a store of it with scim-bridge store restore, which begins a new epoch", e.file)
}

func (e *sqliteEngine) begin(ctx context.Context) (err error) {
	e.conn, err = e.writes.Conn(ctx)
	return err
}

func (e *sqliteEngine) close() error {
	var errs []error
	for _, statement := range e.statements {
		errs = append(errs, statement.Close())
	}
	if e.conn != nil {
		errs = append(errs, e.conn.Close())
	}
	for _, db := range []*sql.DB{e.reads, e.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, release(e.held))...)
}

func (e *sqliteEngine) session() session { return e }

// ExecContext prepares each statement once.
func (e *sqliteEngine) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := e.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// QueryContext prepares each statement once.
func (e *sqliteEngine) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := e.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// QueryRowContext prepares each statement once.
func (e *sqliteEngine) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	statement, err := e.prepare(ctx, query)
	if err != nil {
		return e.conn.QueryRowContext(ctx, query, args...) // it has the same error
	}
	return statement.QueryRowContext(ctx, args...)
}

func (e *sqliteEngine) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement := e.statements[query]; statement != nil {
		return statement, nil
	}
	statement, err := e.conn.PrepareContext(ctx, query)
	if err == nil {
		e.statements[query] = statement
	}
	return statement, err
}

func (e *sqliteEngine) write(ctx context.Context, l *load) error {
	return e.transaction(ctx, func() error { return l.writeRows(ctx, e) })
}

func (e *sqliteEngine) run(ctx context.Context, w *writer, l *load, run func(ctx context.Context, w *writer) error) error {
	return e.transaction(ctx, func() error {
		if err := run(ctx, w); err != nil {
			return err
		}
		return l.writeRows(ctx, e)
	})
}

func (e *sqliteEngine) transaction(ctx context.Context, do func() error) error {
	if _, err := e.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err != nil {
		err = e.fault(err)
	} else if _, err = e.ExecContext(ctx, "COMMIT"); err == nil {
		return nil
	}
	_, _ = e.ExecContext(ctx, "ROLLBACK") // SQLite may have rolled back already
	return err
}

// fault cannot tell a row from the database: a full disk can have room for another row.
func (*sqliteEngine) fault(err error) error { return &rowError{err} }

// resolve is not called: SQLite says whether it committed.
func (*sqliteEngine) resolve(context.Context) (bool, error) { return false, nil }

func (*sqliteEngine) snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	return db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
}

func (*sqliteEngine) size(ctx context.Context, db *sql.DB) (int64, error) {
	var pages, free int64
	err := errors.Join(db.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages), db.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free))
	return (pages - free) * pageSize, err
}

func (*sqliteEngine) step() int { return maxSubjects }

// shrink gives free pages back to the file system.
func (e *sqliteEngine) shrink(ctx context.Context, w *writer) error {
	return w.writeOutside(ctx, func(ctx context.Context, _ *writer) error {
		rows, err := e.conn.QueryContext(ctx, "PRAGMA incremental_vacuum(64)")
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err has the error
		for rows.Next() {  // SQLite frees a page for each row
		}
		return rows.Err()
	})
}

// scrub moves the write-ahead log into the database and empties it, so that it has no former pages. It waits for readers
// on a connection of its own, while others write.
func (e *sqliteEngine) scrub(ctx context.Context) error {
	db, err := sql.Open("sqlite", "file:"+e.file)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing waits to be written
	const tries = 40
	const wait = 250 * time.Millisecond
	timer := time.NewTicker(wait)
	defer timer.Stop()
	for range tries {
		var busy, log, moved int
		err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved)
		if err == nil && busy == 0 {
			return nil
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("the write-ahead log of the store still has former values, because somebody reads the store: repeat the command when no backup and no export runs")
}

// backup makes the copy with VACUUM INTO, which reads one state. The copy has no free pages.
func (e *sqliteEngine) backup(ctx context.Context, db *sql.DB, file string) error {
	if hostile(file) {
		return fmt.Errorf("the path of the backup %q has a character that a path of a database cannot have (? # %%)", file)
	}
	size, err := e.size(ctx, db)
	if err != nil {
		return err
	}
	room, err := free(filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("the directory of the backup cannot be examined: %w", err)
	}
	if room < size {
		return fmt.Errorf("the backup needs %d MB and %s has room for %d MB: choose another directory", (size+1<<20-1)>>20, filepath.Dir(file), room>>20)
	}
	made, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	switch {
	case errors.Is(err, os.ErrExist):
		return fmt.Errorf("the backup cannot be made, because %s exists: move it away, or name another file", file)
	case err != nil:
		return fmt.Errorf("the backup cannot be made: %w", err)
	}
	if err := made.Close(); err != nil {
		return err
	}
	if err := e.copyTo(ctx, file); err != nil {
		return errors.Join(fmt.Errorf("the backup failed: %w", err), os.Remove(file))
	}
	return nil
}

func (e *sqliteEngine) copyTo(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", "file:"+e.file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it only read
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return err
	}
	return syncFile(file)
}

// syncFile waits until a file is on the disk.
func syncFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Restore makes a store from a backup, at a path where no store is. A new epoch begins, so that every reader of the
// former store learns that the journal is another one.
func Restore(ctx context.Context, backup, file string, ring seal.Ring) error {
	for _, end := range []string{"", "-wal", "-shm"} { // SQLite would read the log of the former store into the new one
		if _, err := os.Lstat(file + end); err == nil {
			return fmt.Errorf("%s exists: move it away first, because the backup does not have what happened since", file+end)
		}
	}
	lock, err := prepare(file)
	if err != nil {
		return err
	}
	defer release(lock)         //nolint:errcheck // it holds the lock, and nothing was written
	next := file + ".restoring" // a store in its place is complete
	if err := removeAll(next, next+".lock", next+"-wal", next+"-shm"); err != nil {
		return err
	}
	if err := copyFile(backup, next); err != nil {
		return errors.Join(fmt.Errorf("the backup cannot be copied: %w", err), removeAll(next))
	}
	if err := newEpoch(ctx, Options{File: next, Ring: ring}); err != nil {
		return errors.Join(fmt.Errorf("the backup cannot be used: %w", err), removeAll(next, next+".lock", next+"-wal", next+"-shm"))
	}
	return errors.Join(os.Rename(next, file), removeAll(next+".lock"))
}

// newEpoch makes a store of a copy.
func newEpoch(ctx context.Context, o Options) error {
	o.copied = true
	s, err := Open(ctx, o)
	if err != nil {
		return err
	}
	_, err = s.Verify(ctx)
	if err == nil {
		err = s.w.write(ctx, s.restored)
	}
	if err == nil {
		err = s.purgeSnapshots(ctx)
	}
	return errors.Join(err, s.Close())
}

// removeAll removes files, if they are there.
func removeAll(files ...string) error {
	var errs []error
	for _, file := range files {
		if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func copyFile(from, to string) error {
	in, err := os.Open(from) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	defer in.Close()                                                      //nolint:errcheck // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	return errors.Join(err, out.Sync(), out.Close())
}

func (e *sqliteEngine) explain(err error) error { return explainSQLite(e.file, err) }
