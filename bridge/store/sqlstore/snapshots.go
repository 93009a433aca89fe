package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

const (
	// partSize is the size of a part of a snapshot, in bytes. Other writers wait for one part at most.
	partSize = 128 << 10
	// partsAtOnce is how many parts are removed in one commit.
	partsAtOnce = 8
)

// snapshots is what the memory keeps of snapshots.
type snapshots struct {
	mu     sync.Mutex
	saving map[string]*semaphore.Weighted // by name; held by the one save of the name
	purges int                            // how often all snapshots were removed; only the writer uses it
}

func (s *snapshots) of(name string) *semaphore.Weighted {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saving == nil {
		s.saving = map[string]*semaphore.Weighted{}
	}
	if s.saving[name] == nil {
		s.saving[name] = semaphore.NewWeighted(1)
	}
	return s.saving[name]
}

// snapshotPlace is the place that a part is sealed for. The last part of a text is sealed for another place than a part
// in the middle, so that nobody cuts the text.
func snapshotPlace(name string, version, part int64, last bool) string {
	return fmt.Sprintf("snapshot %q %d %d %t", name, version, part, last)
}

// errPurged says why a snapshot is not kept.
var errPurged = errors.New("all snapshots were removed while the snapshot was written, because a person was forgotten or the key was changed; save it again")

// SaveSnapshot implements store.Snapshots.
func (s *Store) SaveSnapshot(ctx context.Context, name string, write func(io.Writer) error) error {
	one := s.snapshots.of(name)
	if err := one.Acquire(ctx, 1); err != nil {
		return err
	}
	defer one.Release(1)
	p := partWriter{ctx: ctx, s: s, name: name, text: make([]byte, 0, partSize)}
	err := s.w.write(ctx, func(ctx context.Context, w *writer) (err error) {
		p.purges = s.snapshots.purges
		p.version, err = w.number(ctx, "SELECT coalesce(max(version), 0) + 1 FROM snapshot_part WHERE name = ?", name)
		return err
	})
	if err != nil {
		return err
	}
	if err = write(&p); err == nil {
		err = p.end()
	}
	return errors.Join(err, s.dropParts(ctx, name)) // the parts of the former version, or those of this one after an error
}

// partWriter writes the parts of a snapshot.
type partWriter struct {
	ctx     context.Context //nolint:containedctx // of the call of SaveSnapshot, which has the writer
	s       *Store
	name    string
	version int64
	purges  int

	parts int64
	text  []byte
}

// Write implements io.Writer.
func (p *partWriter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if len(p.text) == partSize { // there is more, so it is not the last part
			if err := p.put(false); err != nil {
				return n - len(b), err
			}
		}
		room := min(partSize-len(p.text), len(b))
		p.text, b = append(p.text, b[:room]...), b[room:]
	}
	return n, nil
}

// put writes a part.
func (p *partWriter) put(last bool) error {
	k := p.s.keys.Load()
	sealed := k.sealer().Seal(nil, snapshotPlace(p.name, p.version, p.parts, last), p.text)
	err := p.s.w.write(p.ctx, func(ctx context.Context, w *writer) error {
		if p.purges != p.s.snapshots.purges {
			return errPurged
		}
		_, err := w.ExecContext(ctx, "INSERT INTO snapshot_part (name, version, part, generation, content) VALUES (?, ?, ?, ?, ?)", p.name, p.version, p.parts, k.newest, sealed)
		if err != nil || !last {
			return err
		}
		_, err = w.ExecContext(ctx, "INSERT INTO snapshot (name, version, parts) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version, parts = excluded.parts", p.name, p.version, p.parts+1)
		return err
	})
	p.parts, p.text = p.parts+1, p.text[:0]
	return err
}

// end writes the last part, which makes the version the present one.
func (p *partWriter) end() error { return p.put(true) }

// dropParts removes the parts of a snapshot that are not of the present version; of all snapshots with "".
func (s *Store) dropParts(ctx context.Context, name string) error {
	for more := true; more; {
		err := s.w.write(ctx, func(ctx context.Context, w *writer) error {
			type part struct {
				name            string
				version, number int64
			}
			var list []part
			err := each(ctx, w, "SELECT p.name, p.version, p.part FROM snapshot_part AS p LEFT JOIN snapshot AS s ON s.name = p.name AND s.version = p.version WHERE (? = '' OR p.name = ?) AND s.name IS NULL LIMIT ?", func(rows *sql.Rows) error {
				var one part
				err := rows.Scan(&one.name, &one.version, &one.number)
				list = append(list, one)
				return err
			}, name, name, partsAtOnce)
			for i := 0; i < len(list) && err == nil; i++ {
				_, err = w.ExecContext(ctx, "DELETE FROM snapshot_part WHERE name = ? AND version = ? AND part = ?", list[i].name, list[i].version, list[i].number)
			}
			more = len(list) == partsAtOnce
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// purgeSnapshots removes all snapshots, also those that are being written.
func (s *Store) purgeSnapshots(ctx context.Context) error {
	err := s.w.write(ctx, func(ctx context.Context, w *writer) error {
		s.snapshots.purges++ // when the commit fails, a snapshot is written once more than it must
		return w.exec(ctx, "DELETE FROM snapshot")
	})
	if err != nil {
		return err
	}
	return s.dropParts(ctx, "")
}

// ReadSnapshot implements store.Snapshots. It reads one state, while others write.
func (s *Store) ReadSnapshot(ctx context.Context, name string, read func(io.Reader) error) error {
	tx, err := s.engine.snapshot(ctx, s.db)
	if err != nil {
		return s.away(err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	r := partReader{ctx: ctx, s: s, tx: tx, name: name}
	err = tx.QueryRowContext(ctx, "SELECT version, parts FROM snapshot WHERE name = ?", name).Scan(&r.version, &r.parts)
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	if err != nil {
		return s.away(err)
	}
	r.k = s.keys.Load() // after the transaction has its state of the database, so that no key is missing
	return read(&r)
}

// partReader reads the parts of a snapshot.
type partReader struct {
	ctx     context.Context //nolint:containedctx // of the call of ReadSnapshot, which has the reader
	s       *Store
	tx      *sql.Tx
	k       *keys
	name    string
	version int64
	parts   int64

	next int64  // the number of the next part
	text []byte // the rest of the part before
}

// Read implements io.Reader.
func (r *partReader) Read(b []byte) (int, error) {
	for len(r.text) == 0 {
		if r.next >= r.parts {
			return 0, io.EOF
		}
		var generation int64
		var sealed []byte
		err := r.tx.QueryRowContext(r.ctx, "SELECT generation, content FROM snapshot_part WHERE name = ? AND version = ? AND part = ?", r.name, r.version, r.next).Scan(&generation, &sealed)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, r.s.away(err)
		}
		if r.text, err = r.k.open(generation, snapshotPlace(r.name, r.version, r.next, r.next == r.parts-1), sealed); err != nil {
			return 0, &store.BrokenError{What: "a snapshot was changed"}
		}
		r.next++
	}
	n := copy(b, r.text)
	r.text = r.text[n:]
	return n, nil
}
