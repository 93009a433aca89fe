package directory

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Snapshots keep what a Directory has in memory of each realm, so that a restart need not read the realm again.
type Snapshots interface {
	// Save replaces the snapshot of a realm by the text that write writes. After an error the former snapshot stays.
	Save(ctx context.Context, realm string, write func(io.Writer) error) error
	// Load passes the snapshot of a realm to read, and returns the error of read. It returns ErrNoSnapshot for a realm
	// without a snapshot.
	Load(ctx context.Context, realm string, read func(io.Reader) error) error
}

// ErrNoSnapshot says that a realm has no snapshot.
var ErrNoSnapshot = errors.New("the realm has no snapshot")

// errForeign says that a snapshot cannot be used, and why.
type errForeign string

func (e errForeign) Error() string { return "the snapshot is not used: " + string(e) }

const (
	// feedMargin is how much earlier than Keycloak deletes events they count as deleted.
	feedMargin = 5 * time.Minute
	// unchangedAge is how old a snapshot may become while nothing changes. Its place in the feed must not become old.
	unchangedAge = time.Hour
	// maxHeader bounds the header of a snapshot, and frameSize the parts of a table.
	maxHeader = 1 << 28
	frameSize = 1 << 16
)

// A snapshot of a realm is
//
//	bytes, header as JSON, then for each index of the header: its table
//
// A table is a compressed index.Snapshot, in frames: bytes, text. An empty frame ends the table.

// realmHeader describes a snapshot of a realm.
type realmHeader struct {
	Program   string              `json:"program"`
	Realm     string              `json:"realm"`
	Taken     time.Time           `json:"taken"` // when the feed was last read before
	Feed      keycloak.TailPlace  `json:"feed"`
	Tenants   []tenantHeader      `json:"tenants"`
	Protected []*tenant.Protected `json:"protected"` // each once
}

// tenantHeader describes the indexes of a tenant.
type tenantHeader struct {
	Path         string         `json:"path"`
	Identity     string         `json:"identity"`     // see tenantIndexes.identity
	Scoped       bool           `json:"scoped"`       // the tenant is of an organization (mapping.Owner.Organization)
	Organization string         `json:"organization"` // its id; "" for none
	Indexes      [2]indexHeader `json:"indexes"`      // of users and of groups
}

// indexHeader describes an index. Without ScannedAt it has no table.
type indexHeader struct {
	ScannedAt time.Time `json:"scannedAt,omitzero"`
	Stale     []string  `json:"stale,omitempty"`  // that a write or an event changed
	Unseen    []string  `json:"unseen,omitempty"` // that must be read again for another reason
	Joined    []string  `json:"joined,omitempty"`
	Protected int       `json:"protected"` // the place in realmHeader.Protected; -1 for none
}

// savedRealm is the part of a snapshot that is copied while the indexes are blocked.
type savedRealm struct {
	realmHeader

	tables []savedTable // of the indexes that have one, in the order of the header
	state  string       // differs when the contents differ
}

// savedTable is a table in memory, or one that no query has needed yet.
type savedTable struct {
	snapshot *index.Snapshot
	packed   []byte
	stale    []string // are not written: they are read again, and may be gone
}

// Save keeps a snapshot of each realm whose feed is followed, unless the last one is younger than minAge, or nothing changed
// since. With a minAge of 0, as at the end of the program, it keeps every snapshot. It returns the errors of all realms.
func (d *Directory) Save(ctx context.Context, minAge time.Duration) error {
	if d.options.Snapshots == nil {
		return nil
	}
	d.mu.Lock()
	realms := maps.Clone(d.realms)
	d.mu.Unlock()
	var errs []error
	for name, r := range realms {
		r.saving.Lock()
		if err := d.save(ctx, name, r, minAge); err != nil {
			errs = append(errs, fmt.Errorf("realm %s: %w", name, err))
		}
		r.saving.Unlock()
	}
	return errors.Join(errs...)
}

// save is Save for one realm. The caller holds r.saving.
func (d *Directory) save(ctx context.Context, name string, r *realmState, minAge time.Duration) error {
	now := d.options.Now()
	if !r.savedAt.IsZero() && now.Sub(r.savedAt) < minAge {
		return nil
	}
	s := d.snapshot(name, r)
	if len(s.tables) == 0 || minAge > 0 && s.state == r.savedState && now.Sub(r.savedAt) < unchangedAge { // the store can have lost it
		return nil
	}
	if err := d.options.Snapshots.Save(ctx, name, s.write); err != nil {
		return err
	}
	r.savedAt, r.savedState = now, s.state
	return nil
}

// snapshot copies what is known of a realm. No event is applied meanwhile.
func (d *Directory) snapshot(name string, r *realmState) savedRealm {
	out := savedRealm{realmHeader: realmHeader{Program: d.options.Program, Realm: name}}
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	if out.Taken = r.feed.polled(); out.Taken.IsZero() {
		return out // without the feed nobody can tell what happens later
	}
	out.Feed = r.feed.tail.Place()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(d.tenants)) {
		s := d.tenants[path]
		if s.realm != name {
			continue
		}
		h := tenantHeader{Path: path, Identity: s.identity(d.options.Program), Scoped: s.owner.Organization}
		if !s.organization.ID.IsZero() {
			h.Organization = s.organization.ID.String()
		}
		users, groups := s.users.snapshot(&out, &h.Indexes[0]), s.groups.snapshot(&out, &h.Indexes[1])
		if users || groups {
			out.Tenants = append(out.Tenants, h)
		}
	}
	return out
}

// snapshot adds an index to the snapshot of its realm. It reports whether the index has anything to keep.
func (x *keptIndex) snapshot(out *savedRealm, h *indexHeader) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if h.Protected = -1; x.scannedAt.IsZero() {
		return false
	}
	h.ScannedAt, h.Joined = x.scannedAt, slices.Sorted(maps.Keys(x.joined))
	for _, id := range slices.Sorted(maps.Keys(x.stale)) {
		if x.stale[id] {
			h.Stale = append(h.Stale, id)
		} else {
			h.Unseen = append(h.Unseen, id)
		}
	}
	if x.protected != nil {
		if h.Protected = slices.Index(out.Protected, x.protected); h.Protected < 0 {
			h.Protected = len(out.Protected)
			out.Protected = append(out.Protected, x.protected)
		}
	}
	t := savedTable{packed: x.packed, stale: h.Stale}
	if t.packed == nil {
		t.snapshot = x.table.Snapshot()
	}
	out.tables = append(out.tables, t)
	out.state += fmt.Sprintln(x.tenant, len(out.tables), x.table.Changes(), x.scannedAt, h.Stale, h.Unseen, h.Joined, h.Protected)
	return true
}

// write writes the snapshot.
func (s savedRealm) write(to io.Writer) error {
	header, err := json.Marshal(s.realmHeader)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, frameSize)
	_, _ = w.Write(binary.AppendUvarint(nil, uint64(len(header))))
	_, _ = w.Write(header) // Flush has the error
	for _, t := range s.tables {
		if err := t.write(frames{w}); err != nil {
			return err
		}
		_ = w.WriteByte(0)
	}
	return w.Flush()
}

func (t savedTable) write(to frames) error {
	if t.packed != nil {
		_, err := to.Write(t.packed)
		return err
	}
	framed := bufio.NewWriterSize(to, frameSize)
	w, err := flate.NewWriter(framed, flate.BestSpeed)
	if err != nil {
		return err
	}
	t.snapshot.Without(t.stale)
	return errors.Join(t.snapshot.Write(w), w.Close(), framed.Flush())
}

// frames writes texts in frames.
type frames struct{ to *bufio.Writer }

func (f frames) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	_, _ = f.to.Write(binary.AppendUvarint(nil, uint64(len(p))))
	return f.to.Write(p)
}

// loadedRealm is a snapshot that was read.
type loadedRealm struct {
	realmHeader

	tables [][]byte // packed, in the order of the header
}

// read reads a snapshot. most bounds the memory for its tables.
func (s *loadedRealm) read(from io.Reader, most int64) error {
	r := bufio.NewReaderSize(from, frameSize)
	size, err := binary.ReadUvarint(r)
	if err != nil || size > maxHeader {
		return errors.Join(index.ErrSnapshot, err)
	}
	decoder := json.NewDecoder(io.LimitReader(r, int64(size)))
	if err := decoder.Decode(&s.realmHeader); err != nil {
		return errors.Join(index.ErrSnapshot, err)
	}
	for i := range s.Tenants {
		for j := range s.Tenants[i].Indexes {
			h := s.Tenants[i].Indexes[j]
			if h.Protected >= len(s.Protected) {
				return index.ErrSnapshot
			}
			if h.ScannedAt.IsZero() {
				continue
			}
			table, err := readFrames(r, most)
			if err != nil {
				return err
			}
			if most -= int64(len(table)); most < 0 {
				return index.ErrLarge
			}
			s.tables = append(s.tables, table)
		}
	}
	return nil
}

// readFrames reads frames up to an empty one.
func readFrames(r *bufio.Reader, most int64) ([]byte, error) {
	var out bytes.Buffer
	for {
		size, err := binary.ReadUvarint(r)
		switch {
		case err != nil:
			return nil, errors.Join(index.ErrSnapshot, err)
		case size == 0:
			return out.Bytes(), nil
		case size > uint64(most)-uint64(out.Len()): //nolint:gosec // most is positive
			return nil, index.ErrLarge
		}
		if _, err := io.CopyN(&out, r, int64(size)); err != nil { //nolint:gosec // at most most
			return nil, errors.Join(index.ErrSnapshot, err)
		}
	}
}

// restore takes over the snapshot of a realm, once, and returns the feed at its place; nil when there is no snapshot that
// can be used. An error is an outage of Keycloak: the next poll tries again. The caller holds feed.mu.
func (d *Directory) restore(ctx context.Context, v View, r *realmState) (*keycloak.Tail, error) {
	if d.options.Snapshots == nil || r.restored.Load() {
		return nil, nil //nolint:nilnil // see above
	}
	realm, began := v.Tenant.Realm, d.options.Now()
	var s loadedRealm
	tail, err := d.load(ctx, v, &s)
	if _, outage := errors.AsType[*keycloak.Error](err); outage || ctx.Err() != nil {
		return nil, err
	}
	r.restored.Store(true)
	if err == nil {
		d.takeOver(realm, s)
	}
	if !errors.Is(err, ErrNoSnapshot) {
		d.options.ObserveRestore(realm, len(s.tables), d.options.Now().Sub(began), err)
	}
	return tail, nil
}

// load reads the snapshot of a realm, and refuses one that may not say what the realm has.
func (d *Directory) load(ctx context.Context, v View, s *loadedRealm) (*keycloak.Tail, error) {
	room := d.options.MaxMemory - d.used.Load()
	if err := d.options.Snapshots.Load(ctx, v.Tenant.Realm, func(from io.Reader) error { return s.read(from, max(room, 0)) }); err != nil {
		return nil, err
	}
	age := d.options.Now().Sub(s.Taken)
	switch keep := v.Fitness.FeedKeeps; {
	case s.Program != d.options.Program:
		return nil, errForeign("version " + s.Program + " of the program made it")
	case s.Realm != v.Tenant.Realm:
		return nil, errForeign("it is of another realm")
	case age < 0:
		return nil, errForeign("it is from the future, so the clock was set back")
	case keep > 0 && age > keep-feedMargin:
		return nil, errForeign(fmt.Sprintf("it is %s old, and the realm keeps admin events for %s only", age.Round(time.Second), keep))
	}
	tail, whole, err := keycloak.ResumeTail(ctx, v.Events, s.Feed)
	if err == nil && !whole {
		err = errForeign("the realm no longer has the admin events that the snapshot ends with")
	}
	return tail, err
}

// takeOver makes the indexes of a snapshot those of the directory. Indexes that have something already stay.
func (d *Directory) takeOver(realm string, s loadedRealm) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tables := s.tables
	for _, h := range s.Tenants {
		known := d.tenants[h.Path]
		if known == nil {
			known = d.restoredTenant(realm, h)
			d.tenants[h.Path] = known
		}
		for i, x := range []*keptIndex{known.users, known.groups} {
			one := h.Indexes[i]
			if one.ScannedAt.IsZero() {
				continue
			}
			var table []byte
			table, tables = tables[0], tables[1:]
			if known.identity(d.options.Program) == h.Identity {
				var protected *tenant.Protected
				if one.Protected >= 0 {
					protected = s.Protected[one.Protected]
				}
				x.restore(one, protected, table)
			}
		}
	}
}

// restoredTenant has the indexes of a tenant of which the directory does not yet know the configuration.
func (d *Directory) restoredTenant(realm string, h tenantHeader) *tenantIndexes {
	out := &tenantIndexes{realm: realm, restored: h.Identity}
	out.owner.Organization = h.Scoped
	out.organization.ID, _ = keycloak.ParseOrganizationID(h.Organization) // of a text that is no id the index is not used
	out.users, out.groups = newKeptIndex(d, realm, h.Path), newKeptIndex(d, realm, h.Path)
	return out
}

// restore takes over an index of a snapshot.
func (x *keptIndex) restore(h indexHeader, protected *tenant.Protected, packed []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.scannedAt.IsZero() || x.scan != nil || x.reads > 0 || x.dropped {
		return
	}
	x.packed, x.scannedAt, x.baseline, x.usedAt, x.protected = packed, h.ScannedAt, h.ScannedAt, x.d.options.Now(), protected
	for _, id := range h.Unseen {
		x.stale[id] = false
	}
	for _, id := range h.Stale {
		x.stale[id] = true
	}
	for _, name := range h.Joined {
		x.joined[name] = true
	}
	x.account()
}

// unpack makes the table of an index that a snapshot had. Without a usable table the index is made again by a scan.
func (x *keptIndex) unpack() {
	x.unpacking.Lock() // the other queries wait; touch does not
	defer x.unpacking.Unlock()
	x.mu.Lock()
	packed, table := x.packed, x.table
	x.mu.Unlock()
	if packed == nil {
		return
	}
	most := x.d.options.MaxMemory - x.d.used.Load()
	read, err := index.Read(flate.NewReader(bytes.NewReader(packed)), x.rt, x.base, int(max(most, 0)))
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.table != table { // dropped meanwhile
		return
	}
	if x.packed = nil; err != nil {
		x.empty()
		x.d.options.ObserveRestore(x.tenant, 0, 0, err)
		return
	}
	x.table = read
	x.account()
}

// identity names the configuration that the contents of the indexes depend on, over a restart.
func (s *tenantIndexes) identity(program string) string {
	if s.restored != "" {
		return s.restored
	}
	text := fmt.Sprintf("%q %q %q %+v %s %t %s %q", program, s.realm, s.base, s.owner, s.mapping.Fingerprint, s.ownedOnly, s.organization.ID, s.organization.Alias)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
