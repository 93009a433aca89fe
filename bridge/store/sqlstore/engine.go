package sqlstore

import (
	"context"
	"database/sql"
	"errors"
)

// engine is the database of a store: what differs between SQLite and PostgreSQL.
type engine interface {
	// open connects to the database and brings its schema up to date. write has one connection. close closes both.
	open(ctx context.Context) (write, read *sql.DB, err error)
	// lock waits until no other process is starting with the store.
	lock(ctx context.Context, tx *sql.Tx) error
	// place tells a store from its copies: a column of the table meta, and its value for this database.
	place(ctx context.Context, tx *sql.Tx) (column, value string, err error)
	// copied is the error for a copy of a store.
	copied() error
	// take makes this process the only one that writes. What it reads in the transaction afterwards stays so. size is
	// about what the entries use, if the database keeps it.
	take(ctx context.Context, tx *sql.Tx) (size int64, err error)
	// begin gets ready for the writer.
	begin(ctx context.Context) error

	// session executes statements outside a transaction, for the writer.
	session() session
	// write commits a load. An error of a row is a *rowError. After errUnsure it is not known whether it is committed.
	write(ctx context.Context, l *load) error
	// run executes statements and commits them, with the load that they filled. Its errors are like those of write.
	run(ctx context.Context, w *writer, l *load, run func(ctx context.Context, w *writer) error) error
	// fault makes a *rowError of an error if not the database is at fault.
	fault(err error) error
	// resolve reports whether the last commit of which that is not known has happened. When it returns no error, the commit
	// does not happen any more later.
	resolve(ctx context.Context) (committed bool, err error)

	// snapshot begins a transaction that reads one state of the database.
	snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error)
	// size is the number of bytes that the store uses, without what is free for other rows.
	size(ctx context.Context, db *sql.DB) (int64, error)
	// step is how many subjects of an entry one commit writes or removes, and one statement reads.
	step() int
	// shrink gives free space back, a little each time.
	shrink(ctx context.Context, w *writer) error
	// scrub removes former values from where only the database sees them.
	scrub(ctx context.Context) error
	backup(ctx context.Context, db *sql.DB, file string) error
	// explain turns an error of the database into a text for the operator.
	explain(err error) error
	// close ends what the engine began, after the writer has ended.
	close() error
}

// session executes statements: a connection, a database or a transaction.
type session interface {
	execer
	querier
	rowsOf
}

// rowError is an error of a row and not of the database: other rows can be committed.
type rowError struct{ err error }

func (e *rowError) Error() string { return e.err.Error() }
func (e *rowError) Unwrap() error { return e.err }

// errUnsure says that the connection broke while the database committed.
var errUnsure = errors.New("it is not known whether the database committed")
