package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// The codes of errors of PostgreSQL (Appendix A of its documentation).
const (
	pgReadOnly     = "25006"
	pgForbidden    = "42501"
	pgNoTable      = "42P01"
	pgNoSchema     = "3F000"
	pgNoDatabase   = "3D000"
	pgDiskFull     = "53100"
	pgManyClients  = "53300"
	pgLockTimeout  = "55P03"
	pgCanceled     = "57014"
	pgShutdown     = "57P01"
	pgCrash        = "57P02"
	pgStarting     = "57P03"
	pgWrongLogin   = "28P01"
	pgNoLogin      = "28000"
	pgDuplicate    = "23505" // of two processes that make a table at the same time
	pgSchemaExists = "42P06"
	pgTableExists  = "42P07"
	pgObjectExists = "42710"
	pgProtocol     = "08P01" // of PgBouncer also for a login that it refuses
)

func pgCode(err error) string {
	if fault, is := errors.AsType[*pgconn.PgError](err); is {
		return fault.Code
	}
	return ""
}

// refusedLogin reports whether the server refused the user or the password.
func refusedLogin(err error) bool {
	switch pgCode(err) {
	case pgWrongLogin, pgNoLogin:
		return true
	case pgProtocol:
		text := err.Error()
		return strings.Contains(text, "authentication failed") || strings.Contains(text, "no such user")
	}
	return false
}

// madeByAnother reports whether something of the schema is there already that was to be made, or is made at the same time.
func madeByAnother(err error) bool {
	if err == nil {
		return false
	}
	switch pgCode(err) {
	case pgDuplicate, pgSchemaExists, pgTableExists, pgObjectExists:
		return true
	}
	return false
}

// readOnly reports whether the server accepts no writes: it is a standby, or was made one.
func readOnly(err error) bool { return err != nil && pgCode(err) == pgReadOnly }

// unsure reports whether a commit may have happened although its statement failed: the answer did not arrive.
func unsure(err error) bool {
	if fault, is := errors.AsType[*pgconn.PgError](err); is {
		severity := cmp.Or(fault.SeverityUnlocalized, fault.Severity)
		return strings.HasPrefix(fault.Code, "57P") || strings.HasPrefix(fault.Code, "08") || severity == "FATAL" || severity == "PANIC"
	}
	_, dial := errors.AsType[*pgconn.ConnectError](err)
	return !dial && !pgconn.SafeToRetry(err) && !errors.Is(err, driver.ErrBadConn)
}

// fault makes a *rowError of an error unless the database is at fault, which then cannot commit anything.
func (*pgEngine) fault(err error) error {
	err = slow(err)
	if fault, is := errors.AsType[*pgconn.PgError](err); is {
		switch {
		case strings.HasPrefix(fault.Code, "22"), strings.HasPrefix(fault.Code, "23"), strings.HasPrefix(fault.Code, "54"):
			return &rowError{err}
		}
		return err
	}
	_, dial := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	gone := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone)
	ended := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errUnsure) || errors.Is(err, errSlow) || pgconn.Timeout(err)
	if dial || network || gone || ended {
		return err
	}
	return &rowError{err}
}

// errSlow says that the database did not answer in time. The writer has times of its own, which are not the caller's.
var errSlow = errors.New("PostgreSQL does not answer in time: look at its load, its disk and the network")

func (e *pgEngine) explain(err error) error {
	switch pgCode(err) {
	case pgWrongLogin, pgNoLogin:
		return fmt.Errorf("PostgreSQL refuses the user or the password of the store: correct the URL of the store, which is read again at the next attempt: %w", err)
	case pgReadOnly:
		return errReadOnly(err)
	case pgManyClients:
		return fmt.Errorf("PostgreSQL has no connection left for the store: lower the most connections of the store, or raise max_connections of the server: %w", err)
	case pgForbidden:
		return fmt.Errorf("the user of the store may not do that in the schema %s: run scim-bridge store migrate with a user that may, or grant the rights: %w", e.schema, err)
	case pgNoTable, pgNoSchema:
		return fmt.Errorf("the schema %s lacks a table of the store: run scim-bridge store migrate, or restore a dump: %w", e.schema, err)
	case pgNoDatabase:
		return fmt.Errorf("the database of the store does not exist: make it, or correct the URL of the store: %w", err)
	case pgDiskFull:
		return fmt.Errorf("the disk of PostgreSQL is full: make room: %w", err)
	case pgShutdown, pgCrash, pgStarting:
		return fmt.Errorf("PostgreSQL is starting or stopping, or somebody ended the connection: wait until it accepts connections: %w", err)
	case pgCanceled, pgLockTimeout:
		return fmt.Errorf("PostgreSQL gave up a statement of the store: look for long transactions and for statement_timeout: %w", err)
	}
	switch {
	case refusedLogin(err):
		return fmt.Errorf("the pooler of PostgreSQL refuses the user or the password of the store: correct the URL of the store, which is read again at the next attempt: %w", err)
	case err != nil && strings.Contains(err.Error(), "read only connection"):
		return errReadOnly(err)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("nothing listens where the store is said to be: start PostgreSQL, or correct the URL of the store: %w", err)
	}
	if _, dial := errors.AsType[*pgconn.ConnectError](err); dial {
		return fmt.Errorf("PostgreSQL cannot be reached: correct the URL of the store, its certificates or the network: %w", err)
	}
	return err
}

func errReadOnly(err error) error {
	return fmt.Errorf("PostgreSQL accepts no writes: it is a standby, or became one. Name the primary in the URL of the store, or several hosts: %w", err)
}
