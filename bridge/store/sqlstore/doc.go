// Package sqlstore keeps a store.Store in a database: SQLite or PostgreSQL. It is the only package that knows SQL.
package sqlstore

import (
	_ "github.com/pressly/goose/v3" // migrations
	_ "modernc.org/sqlite"          // the driver
)
