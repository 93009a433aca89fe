package sqlstore

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// The result codes of SQLite (sqlite.org/rescode.html).
const (
	codePermission   = 3
	codeBusy         = 5
	codeLocked       = 6
	codeReadOnly     = 8
	codeIO           = 10
	codeCorrupt      = 11
	codeFull         = 13
	codeCantOpen     = 14
	codeNotADatabase = 26
)

// explainSQLite turns an error of SQLite into a text for the operator. Other errors stay as they are.
func explainSQLite(file string, err error) error {
	e, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return err
	}
	text := remedy(file, e.Code())
	if text == "" {
		return err
	}
	return explainedError{text + " (SQLite: " + e.Error() + ")", err}
}

// remedy says what a result code means, and what to do; "" for a code that no operator can do anything about.
func remedy(file string, code int) string {
	const access = "make the file and its directory writable for the user of the bridge, and check that the disk is not mounted read-only"
	const primary = 0xFF // the rest is the extended code
	switch code & primary {
	case codeCorrupt, codeNotADatabase:
		return fmt.Sprintf("the store %s is damaged or is no database: restore a backup with scim-bridge store restore, or move the file away to begin a new store", file)
	case codeFull:
		return fmt.Sprintf("the disk of the store %s is full: make room", file)
	case codeIO:
		return fmt.Sprintf("the disk of the store %s cannot be read or written: it is full or broken, or a limit of the size of files is too low (ulimit -f). Make room, and look for errors of the disk in the log of the machine. If the disk is broken, restore a backup on another disk with scim-bridge store restore", file)
	case codeReadOnly, codePermission:
		return fmt.Sprintf("the bridge may not write the store %s: %s", file, access)
	case codeCantOpen:
		return fmt.Sprintf("the bridge cannot open the store %s or a file beside it: %s", file, access)
	case codeBusy, codeLocked:
		return fmt.Sprintf("another program uses the store %s: stop it first", file)
	}
	return ""
}

// explainedError is an error of the database with a text for the operator. The texts of its causes repeat each other.
type explainedError struct {
	text  string
	cause error
}

// Error implements error.
func (e explainedError) Error() string { return e.text }

func (e explainedError) Unwrap() error { return e.cause }
