package sqlstore

import (
	"context"
	"database/sql/driver"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// pgConnector connects to PostgreSQL. Its connections take the statements of this package as they are for SQLite: they
// number the question marks and qualify the tables with the schema. A text may have what PostgreSQL does not store.
type pgConnector struct {
	e      *pgEngine
	config *pgx.ConnConfig // of the URL that was last read
	mu     sync.Mutex

	texts map[string]string // translated statements
}

// Driver implements driver.Connector.
func (*pgConnector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// Connect implements driver.Connector. When the server refuses the password, the URL is read again: somebody may have
// changed the password.
func (c *pgConnector) Connect(ctx context.Context) (driver.Conn, error) {
	config, err := c.configuration(ctx, false)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx, config)
	if refusedLogin(err) {
		if config, err = c.configuration(ctx, true); err != nil {
			return nil, err
		}
		conn, err = c.dial(ctx, config)
	}
	return conn, err
}

func (c *pgConnector) configuration(ctx context.Context, again bool) (*pgx.ConnConfig, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config == nil || again {
		config, err := c.e.p.configuration(ctx)
		if err != nil {
			return nil, err
		}
		c.config = config
	}
	return c.config, nil
}

func (c *pgConnector) dial(ctx context.Context, config *pgx.ConnConfig) (driver.Conn, error) {
	conn, err := stdlib.GetConnector(*config).Connect(ctx)
	if err != nil {
		if ctx.Err() == nil { // the time for a connection has ended, and not the caller's
			err = slow(err)
		}
		return nil, err
	}
	inner, _ := conn.(*stdlib.Conn)
	return &pgConn{Conn: inner, c: c}, nil
}

// pgConn is a connection of a pgConnector.
type pgConn struct {
	*stdlib.Conn

	c     *pgConnector
	stale bool // the server accepts no writes any more, so another connection may find another server
}

// IsValid implements driver.Validator.
func (c *pgConn) IsValid() bool { return !c.stale }

// ExecContext implements driver.ExecerContext.
func (c *pgConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.Conn.ExecContext(ctx, c.c.translate(query), storable(args))
	c.stale = c.stale || readOnly(err)
	return result, err
}

// QueryContext implements driver.QueryerContext.
func (c *pgConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.Conn.QueryContext(ctx, c.c.translate(query), storable(args))
	c.stale = c.stale || readOnly(err)
	if err != nil {
		return nil, err
	}
	return pgRows{rows}, nil
}

// pgRows are rows whose texts are as they were before they were stored. It has no further methods of the rows of pgx,
// because database/sql would read the stored texts with them.
type pgRows struct{ rows driver.Rows }

// Columns implements driver.Rows.
func (r pgRows) Columns() []string { return r.rows.Columns() }

// Close implements driver.Rows.
func (r pgRows) Close() error { return r.rows.Close() }

// Next implements driver.Rows.
func (r pgRows) Next(dest []driver.Value) error {
	if err := r.rows.Next(dest); err != nil {
		return err
	}
	for i, value := range dest {
		if text, is := value.(string); is {
			dest[i] = fromStored(text)
		}
	}
	return nil
}

// maxTexts is the most statements that are kept: those with lists of values have many forms.
const maxTexts = 500

// translate is a statement of this package as PostgreSQL reads it.
func (c *pgConnector) translate(query string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if out, known := c.texts[query]; known {
		return out
	}
	out := numbered(c.e.qualified(query))
	if len(c.texts) >= maxTexts {
		clear(c.texts)
	}
	c.texts[query] = out
	return out
}

// numbered has $1 in the place of the first question mark, and so on. No statement has a question mark in a text.
func numbered(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var out strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			_, _ = out.WriteString("$" + strconv.Itoa(n)) // it never fails
		}
		_, _ = out.WriteString(part) // it never fails
		n++
	}
	return out.String()
}

// tables are the tables of the schema.
var tables = []string{
	"meta", "master", "chain", "head", "intent", "entry", "subject", "unindexed", "overlap", "applied", "activity", "activity_subject", "tally", "token", "revocation", "credential_use", "uses_since", "brake",
	"removal", "snapshot", "snapshot_part", "place",
}

// named finds the tables in a statement.
var named = regexp.MustCompile(`\b(FROM|INTO|UPDATE|JOIN|TABLE) (` + strings.Join(tables, "|") + `)\b`)

// qualified names every table with its schema, because a pooler does not keep a search_path.
func (e *pgEngine) qualified(query string) string {
	return named.ReplaceAllString(query, `${1} "`+e.schema+`".${2}`)
}

// escape begins what a text has instead of a NUL, of itself, and of a byte that is not UTF-8. PostgreSQL does not store
// those. The order of texts stays.
const (
	escape      = '\x01'
	escapedNUL  = '\x01'
	escapedSelf = '\x02'
	escapedByte = rune(0x100) // and the byte
)

// storable are arguments whose texts PostgreSQL can store.
func storable(args []driver.NamedValue) []driver.NamedValue {
	for i, a := range args {
		switch v := a.Value.(type) {
		case string:
			args[i].Value = toStored(v)
		case []string:
			if slices.ContainsFunc(v, special) {
				list := make([]string, len(v))
				for j, text := range v {
					list[j] = toStored(text)
				}
				args[i].Value = list
			}
		}
	}
	return args
}

// special reports whether a text is stored in another form.
func special(text string) bool {
	return strings.IndexByte(text, 0) >= 0 || strings.IndexByte(text, escape) >= 0 || !utf8.ValidString(text)
}

func toStored(text string) string {
	if !special(text) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == 0:
			_, _ = out.WriteString(string([]rune{escape, escapedNUL})) // it never fails
		case r == escape:
			_, _ = out.WriteString(string([]rune{escape, escapedSelf})) // it never fails
		case r == utf8.RuneError && n == 1:
			_, _ = out.WriteString(string([]rune{escape, escapedByte + rune(text[i])})) // it never fails
		default:
			_, _ = out.WriteString(text[i : i+n]) // it never fails
		}
		i += n
	}
	return out.String()
}

func fromStored(text string) string {
	if strings.IndexByte(text, escape) < 0 {
		return text
	}
	var out strings.Builder
	escaped := false
	for _, r := range text {
		switch {
		case !escaped && r == escape:
			escaped = true
			continue
		case !escaped:
			_, _ = out.WriteRune(r) // it never fails
		case r == escapedNUL:
			_ = out.WriteByte(0) // it never fails
		case r == escapedSelf:
			_ = out.WriteByte(escape) // it never fails
		default:
			_ = out.WriteByte(byte(r - escapedByte)) //nolint:gosec // it never fails, and only toStored writes r
		}
		escaped = false
	}
	return out.String()
}
