package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// Postgres says which schema of which PostgreSQL a store is in.
type Postgres struct {
	// URL returns the URL of the database, such as postgres://bridge:secret@db.example.org/bridge. It is called again when
	// the server refuses the password. A pooler in transaction mode can be between.
	URL func(ctx context.Context) (string, error)
	// Schema has the tables of the store; "" for DefaultSchema. It consists of a-z, 0-9 and _.
	Schema string
	// MaxConnections is the most connections that the store opens: at least 2; 0 for DefaultConnections.
	MaxConnections int
	// CAFile has certificates of authorities in PEM. The server must have a certificate of one of them, for its name. ""
	// for what the URL says with sslmode and sslrootcert.
	CAFile string

	// For tests.
	tracer   pgx.QueryTracer
	patience time.Duration // of a commit; 0 for pgWrite
}

// Defaults of Postgres.
const (
	DefaultSchema      = "scim_bridge"
	DefaultConnections = 8
)

// Bounds of the time of PostgreSQL.
const (
	pgDial  = 5 * time.Second  // until a connection is ready
	pgWrite = 10 * time.Second // of a commit of changes
	pgRun   = time.Minute      // of the statements of the operator
)

// schemaName is what names a schema without quotes.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// configuration reads the URL.
func (p *Postgres) configuration(ctx context.Context) (*pgx.ConnConfig, error) {
	text, err := p.URL(ctx)
	if err != nil {
		return nil, fmt.Errorf("the URL of the store cannot be read: %w", err)
	}
	if text, err = p.withCA(strings.TrimSpace(text)); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(text)
	if err != nil { // its text has parts of the URL
		return nil, errors.New("the URL of the store is not valid: it looks like postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler in transaction mode keeps no prepared statements
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	for name := range config.RuntimeParams {
		if name != "application_name" {
			return nil, fmt.Errorf("the URL of the store sets %q, which a pooler does not keep: remove it, or set it for the user in the database with ALTER ROLE", name)
		}
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "scim-bridge"
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > pgDial {
		config.ConnectTimeout = pgDial
	}
	if config.ValidateConnect == nil { // a standby would show an older store
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	config.Tracer = p.tracer
	return config, nil
}

// withCA is a URL with the authorities of CAFile. It can name several hosts, so it is not parsed as a URL here.
func (p *Postgres) withCA(text string) (string, error) {
	if p.CAFile == "" {
		return text, nil
	}
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return "", errors.New("the URL of the store is not valid: with a file of authorities it must begin with postgres://")
	}
	_, query, parameters := strings.Cut(text, "?")
	values, err := url.ParseQuery(query)
	if err != nil { // the error has parts of the URL
		return "", errors.New("the URL of the store is not valid: its parameters cannot be read")
	}
	if mode := values.Get("sslmode"); mode != "" && mode != "verify-full" {
		return "", fmt.Errorf("the URL of the store says sslmode=%s, and a file of authorities needs sslmode=verify-full: remove one of them", mode)
	}
	if values.Has("sslrootcert") {
		return "", errors.New("the URL of the store has sslrootcert, and there is a file of authorities: remove one of them")
	}
	sign := "?"
	if parameters {
		sign = "&"
	}
	text += sign + "sslrootcert=" + url.QueryEscape(p.CAFile)
	if !values.Has("sslmode") {
		text += "&sslmode=verify-full"
	}
	return text, nil
}

// pgEngine is a schema of a PostgreSQL, which one process writes at a time.
type pgEngine struct {
	s      *Store
	p      *Postgres
	schema string

	writes, reads *sql.DB
	patience      time.Duration // of a commit of changes

	process string // the id of this process
	turn    []byte // the last commit; only the writer uses what follows
	next    []byte // the commit of which it is not known whether it happened
	bumps   [][]byte
	lost    error // why this process must not write any more

	mu        sync.Mutex
	documents int64     // the bytes of the table applied
	measured  time.Time // when
}

var _ engine = (*pgEngine)(nil)

func newPostgres(s *Store, p *Postgres) (*pgEngine, error) {
	e := &pgEngine{s: s, p: p, schema: p.Schema, process: strings.ToLower(rand.Text())}
	if e.schema == "" {
		e.schema = DefaultSchema
	}
	if !schemaName.MatchString(e.schema) {
		return nil, fmt.Errorf("the schema of the store %q has a character that it cannot have: use a-z, 0-9 and _", e.schema)
	}
	if e.patience = p.patience; e.patience == 0 {
		e.patience = pgWrite
	}
	if s.o.Normal {
		return nil, errors.New("the durability normal is for a store in SQLite: PostgreSQL always waits for the disk")
	}
	if p.URL == nil {
		return nil, errors.New("the store has no URL of a database")
	}
	return e, nil
}

//go:embed schema/postgres/*.sql
var pgSchema embed.FS

func (e *pgEngine) open(ctx context.Context) (write, read *sql.DB, err error) {
	most := e.p.MaxConnections
	if most == 0 {
		most = DefaultConnections
	}
	const least = 2
	if most < least {
		return nil, nil, fmt.Errorf("%d connections are too few for the store: give it at least %d", most, least)
	}
	connector := &pgConnector{e: e, texts: map[string]string{}}
	e.writes, e.reads = sql.OpenDB(connector), sql.OpenDB(connector)
	for db, n := range map[*sql.DB]int{e.writes: 1, e.reads: most - 1} {
		db.SetMaxOpenConns(n)
		db.SetMaxIdleConns(n)
		db.SetConnMaxLifetime(30 * time.Minute) // a connection may be to a server that is retired
		db.SetConnMaxIdleTime(5 * time.Minute)
	}
	return e.writes, e.reads, e.migrate(ctx, e.writes, false)
}

// migrate brings the schema up to date. must says that it makes the schema too. When another process does so at the same
// time, it waits for that process: a pooler knows no lock of a session.
func (e *pgEngine) migrate(ctx context.Context, db *sql.DB, must bool) error {
	const tries, wait = 100, 100 * time.Millisecond
	timer := time.NewTicker(wait)
	defer timer.Stop()
	for n := 1; ; n++ {
		err := e.migrateOnce(ctx, db, must)
		if n == tries || !madeByAnother(err) {
			return err
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

func (e *pgEngine) migrateOnce(ctx context.Context, db *sql.DB, must bool) error {
	var encoding string
	var schema, meta, version bool
	err := db.QueryRowContext(ctx, "SELECT current_setting('server_encoding'), to_regnamespace(?) IS NOT NULL, to_regclass(?) IS NOT NULL, to_regclass(?) IS NOT NULL",
		e.schema, e.schema+".meta", e.schema+".goose_db_version").Scan(&encoding, &schema, &meta, &version)
	switch {
	case err != nil:
		return err
	case encoding != "UTF8":
		return fmt.Errorf("the database has the encoding %s, and the store needs UTF8: make another database with ENCODING 'UTF8'", encoding)
	}
	if meta {
		if err := understood(ctx, db); err != nil {
			return err
		}
	}
	pending, err := e.pending(ctx, db, version)
	if err != nil || !pending && !must {
		return err
	}
	if !schema {
		if _, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS "`+e.schema+`"`); err != nil {
			return err
		}
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, schemaFiles{e.schema}, goose.WithLogger(goose.NopLogger()), goose.WithTableName(e.schema+".goose_db_version"))
	if err != nil {
		return err
	}
	if _, err = provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the store up to date: %w", err)
	}
	return nil
}

// pending reports whether the schema lacks a migration. version says that there is the table of goose.
func (e *pgEngine) pending(ctx context.Context, db *sql.DB, version bool) (bool, error) {
	if !version {
		return true, nil
	}
	files, err := fs.Glob(pgSchema, "schema/postgres/*.sql")
	if err != nil {
		return false, err
	}
	var last int
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM "`+e.schema+`".goose_db_version WHERE is_applied`).Scan(&last)
	return last < len(files), err
}

// schemaFiles are the files of the migrations, with the name of the schema.
type schemaFiles struct{ schema string }

// Open implements fs.FS.
func (f schemaFiles) Open(name string) (fs.File, error) {
	file, err := pgSchema.Open("schema/postgres/" + strings.TrimPrefix(name, "./"))
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	defer file.Close() //nolint:errcheck // it is in the program
	var b bytes.Buffer
	if _, err := b.ReadFrom(file); err != nil {
		return nil, err
	}
	return &schemaFile{file, bytes.NewReader(bytes.ReplaceAll(b.Bytes(), []byte("{schema}"), []byte(`"`+f.schema+`"`)))}, nil
}

// ReadDir implements fs.ReadDirFS.
func (schemaFiles) ReadDir(string) ([]fs.DirEntry, error) { return pgSchema.ReadDir("schema/postgres") }

// schemaFile is a file with the name of the schema.
type schemaFile struct {
	fs.File

	text *bytes.Reader
}

// Read implements fs.File.
func (f *schemaFile) Read(b []byte) (int, error) { return f.text.Read(b) }

// Migrate makes the schema of a store, or brings it up to date, with the user of the URL. The user of the bridge then
// needs no right to change the schema. reader, if it is not "", is the role that gets the rights that the bridge needs.
func Migrate(ctx context.Context, p Postgres, reader string) error {
	e, err := newPostgres(&Store{}, &p)
	if err != nil {
		return err
	}
	db := sql.OpenDB(&pgConnector{e: e, texts: map[string]string{}})
	defer db.Close() //nolint:errcheck // what it did is committed
	db.SetMaxOpenConns(1)
	err = e.migrate(ctx, db, true)
	if err == nil && reader != "" {
		role, schema := pgx.Identifier{reader}.Sanitize(), `"`+e.schema+`"`
		for _, statement := range []string{
			"GRANT USAGE ON SCHEMA " + schema + " TO " + role, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + schema + " TO " + role,
		} {
			if _, err = db.ExecContext(ctx, statement); err != nil {
				break
			}
		}
	}
	if err != nil {
		return (&Store{engine: e}).explain(err)
	}
	return nil
}

// Adopt makes a store of a copy: of a dump that was restored with pg_restore, or of a database whose former state was
// restored. No bridge may use it. A new epoch begins, so that every reader of the former store learns that the journal is
// another one.
func Adopt(ctx context.Context, p Postgres, ring seal.Ring) error {
	return newEpoch(ctx, Options{Postgres: &p, Ring: ring})
}

// lock waits until no other process starts with the store.
func (*pgEngine) lock(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "LOCK TABLE meta IN SHARE ROW EXCLUSIVE MODE")
	return err
}

// take waits for a commit of a former process. Later ones fail.
func (e *pgEngine) take(ctx context.Context, tx *sql.Tx) (size int64, err error) {
	e.turn = newTurn()
	err = tx.QueryRowContext(ctx, "UPDATE head SET process = ?, turn = ? RETURNING bytes", e.process, e.turn).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		err = errHead
	}
	return size, err
}

// newTurn names a commit.
func newTurn() []byte {
	const size = 16
	out := make([]byte, size)
	_, _ = rand.Read(out) // it never fails
	return out
}

// place names the database and two tables. The tables of a restored dump are made in another order.
func (e *pgEngine) place(ctx context.Context, tx *sql.Tx) (column, value string, err error) {
	err = tx.QueryRowContext(ctx, "SELECT concat((SELECT oid FROM pg_database WHERE datname = current_database()), '/', to_regclass(?)::oid, '/', to_regclass(?)::oid)", e.schema+".meta", e.schema+".activity").Scan(&value)
	return "place", value, err
}

func (e *pgEngine) copied() error {
	return fmt.Errorf("the schema %s is a copy of another store, such as a restored dump. Another bridge may use the other one. Make a store of the copy with scim-bridge store restore, which begins a new epoch", e.schema)
}

func (*pgEngine) begin(context.Context) error { return nil }

func (e *pgEngine) close() error {
	var errs []error
	for _, db := range []*sql.DB{e.reads, e.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func (e *pgEngine) session() session { return e.writes }

func (*pgEngine) snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	return db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

// pgDocument is about what a row of the table applied uses beside its content, in bytes.
const pgDocument = 200

// size is about what the rows use. The files of PostgreSQL do not shrink when rows are removed.
func (e *pgEngine) size(ctx context.Context, db *sql.DB) (int64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	const fresh = 10 * time.Minute
	if now := time.Now(); now.Sub(e.measured) > fresh {
		var rows, content int64
		if err := db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(octet_length(content)), 0)::bigint FROM applied").Scan(&rows, &content); err != nil {
			return 0, err
		}
		e.documents, e.measured = content+rows*pgDocument, now
	}
	var entries int64
	if err := db.QueryRowContext(ctx, "SELECT bytes FROM head").Scan(&entries); err != nil {
		return 0, err
	}
	requests, _ := e.s.usage.total()
	return entries + requests.Bytes + e.documents, nil
}

// step is larger than that of SQLite, because a commit takes several round trips and the rows take one.
func (*pgEngine) step() int { return 10 * maxSubjects }

// shrink does nothing: PostgreSQL uses free space again by itself.
func (*pgEngine) shrink(context.Context, *writer) error { return nil }

// scrub does nothing: PostgreSQL removes former rows when it vacuums their tables.
func (*pgEngine) scrub(context.Context) error { return nil }

func (e *pgEngine) backup(context.Context, *sql.DB, string) error {
	return fmt.Errorf("a store in PostgreSQL is copied with the tools of PostgreSQL: run pg_dump --format=custom --schema=%s: %w", e.schema, errors.ErrUnsupported)
}
