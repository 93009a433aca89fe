package index

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/bits-and-blooms/bitset"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// format is the format of a written Snapshot. It changes with the form of cells and of keys.
const format = 1

// Snapshot is a Table as it was at one time. Its form is
//
//	format, rows, ids, marks, versions, columns, then for each: name, a cell for each row
//	names of open attributes, then for each: name
//	a cell of all open attributes for each row
//
// in the order of the ids. Numbers are unsigned varints, a version has eight bytes, a text comes after its number of bytes,
// and a row without a cell has a zero byte.
type Snapshot struct {
	ids  frozen
	rows []uint32
	mark *bitset.BitSet

	versions []uint64

	columns map[name]frozen
	open    frozen
	names   []name // of open attributes, by their numbers
}

// frozen are the cells of a column at one time. Their texts are shared with the column, which never changes a text.
type frozen struct {
	offsets []uint32
	cells   string
}

func (c *column) freeze() frozen { return frozen{slices.Clone(c.offsets), c.cells.String()} }

func (f frozen) at(row uint32) cell {
	if int(row) >= len(f.offsets) || f.offsets[row] == 0 {
		return ""
	}
	return cell(f.cells[f.offsets[row]:])
}

// Snapshot returns the present state of the table. It copies no keys, so the table is blocked for a short time only.
func (t *Table) Snapshot() *Snapshot {
	t.mu.RLock()
	defer t.mu.RUnlock()
	s := &Snapshot{
		ids: t.ids.freeze(), rows: slices.Clone(t.byID.rows), mark: t.marks.Clone(), versions: slices.Clone(t.versions), columns: make(map[name]frozen, len(t.columns)),
		open: t.open.column.freeze(), names: make([]name, len(t.open.numbers)),
	}
	for n, c := range t.columns {
		s.columns[n] = c.freeze()
	}
	for n, number := range t.open.numbers {
		i, _ := binary.Uvarint([]byte(number))
		s.names[i] = n
	}
	return s
}

// Without removes resources from the snapshot.
func (s *Snapshot) Without(ids []string) {
	if len(ids) == 0 {
		return
	}
	gone := make(map[string]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	s.rows = slices.DeleteFunc(s.rows, func(row uint32) bool { return gone[s.ids.at(row).first()] })
}

// Write writes the snapshot for Read.
func (s *Snapshot) Write(to io.Writer) error {
	w := writer{bufio.NewWriter(to), nil}
	w.number(format)
	w.number(len(s.rows))
	for _, row := range s.rows {
		w.text(s.ids.at(row).first())
	}
	for _, row := range s.rows {
		mark := 0
		if s.mark.Test(uint(row)) {
			mark = 1
		}
		w.number(mark)
	}
	for _, row := range s.rows {
		w.version(s.version(row))
	}
	w.number(len(s.columns))
	for _, n := range slices.SortedFunc(maps.Keys(s.columns), compareNames) {
		w.name(n)
		w.column(s.columns[n], s.rows)
	}
	w.number(len(s.names))
	for _, n := range s.names {
		w.name(n)
		w.number(int(n.kind))
	}
	w.column(s.open, s.rows)
	return w.Flush() // it has the first error
}

func (s *Snapshot) version(row uint32) uint64 {
	if int(row) >= len(s.versions) {
		return 0
	}
	return s.versions[row]
}

func compareNames(a, b name) int {
	return cmp.Or(strings.Compare(a.urn, b.urn), strings.Compare(a.attr, b.attr), strings.Compare(a.sub, b.sub))
}

// writer writes the parts of a snapshot. bufio.Writer keeps the first error.
type writer struct {
	*bufio.Writer

	scratch []byte
}

func (w *writer) number(n int) {
	w.scratch = binary.AppendUvarint(w.scratch[:0], uint64(n)) //nolint:gosec // a count
	_, _ = w.Write(w.scratch)
}

func (w *writer) version(v uint64) {
	w.scratch = binary.LittleEndian.AppendUint64(w.scratch[:0], v)
	_, _ = w.Write(w.scratch)
}

func (w *writer) text(s string) {
	w.number(len(s))
	_, _ = w.WriteString(s)
}

func (w *writer) name(n name) {
	w.text(n.urn)
	w.text(n.attr)
	w.text(n.sub)
}

func (w *writer) column(f frozen, rows []uint32) {
	for _, row := range rows {
		c := f.at(row)
		if c == "" {
			_ = w.WriteByte(0)
			continue
		}
		_, _ = w.WriteString(string(c[:c.size()]))
	}
}

// ErrSnapshot says that a text is not a snapshot of this program.
var ErrSnapshot = errors.New("the snapshot of the index has another form than this program writes")

// Bounds of a snapshot that is read. No index that the bridge makes reaches them.
const (
	maxRows  = 1 << 26
	maxNames = 1 << 16
	maxText  = 1 << 24
)

// Read makes a table from a written Snapshot of a table with the same type and service root. It returns ErrSnapshot for a
// text that is no Snapshot, and ErrLarge for a table of more than most bytes. It reads to the end of the text.
func Read(from io.Reader, rt *scim.ResourceType, base string, most int) (*Table, error) {
	text := &source{Reader: from}
	r := reader{source: text, from: bufio.NewReader(text), most: most, t: New(rt, base)}
	if err := r.table(); err != nil {
		return nil, err
	}
	return r.t, nil
}

// ErrLarge says that a snapshot takes more memory than Read may use.
var ErrLarge = errors.New("the snapshot of the index is larger than the memory for indexes")

// reader reads the parts of a snapshot into a table. After an error all parts are empty.
type reader struct {
	source *source
	from   *bufio.Reader
	t      *Table
	most   int
	err    error

	scratch []byte // of the present cell
}

func (r *reader) table() error {
	if r.number(format) != format {
		r.fail(ErrSnapshot)
	}
	rows := r.number(maxRows)
	last := ""
	for row := 0; row < rows && r.err == nil; row++ {
		id := r.text()
		if row > 0 && id <= last {
			r.fail(ErrSnapshot)
		}
		last = id
		r.t.ids.set(uint32(row), []byte(cellOf(id)))
		r.t.byID.rows = append(r.t.byID.rows, uint32(row))
		r.room(row)
	}
	for row := 0; row < rows && r.err == nil; row++ {
		r.t.marks.SetTo(uint(row), r.number(1) == 1)
	}
	for row := 0; row < rows && r.err == nil; row++ {
		r.t.versions = append(r.t.versions, r.version())
	}
	for n := r.number(maxNames); n > 0 && r.err == nil; n-- {
		of := r.name()
		if _, twice := r.t.columns[of]; twice {
			r.fail(ErrSnapshot)
		}
		r.t.columns[of] = newColumn()
		r.column(r.t.columns[of], rows)
	}
	for n := r.number(maxNames); n > 0 && r.err == nil; n-- {
		of := r.name()
		of.open, of.kind = true, filter.Kind(r.number(math.MaxUint8)) //nolint:gosec // it is a byte
		if _, twice := r.t.open.numbers[of]; twice {
			r.fail(ErrSnapshot)
		}
		r.t.open.number(of)
	}
	r.column(r.t.open.column, rows)
	if _, err := r.from.ReadByte(); err == nil || r.source.err != nil {
		r.fail(ErrSnapshot)
	}
	return r.err
}

// fail sets the error, unless reading has failed already.
func (r *reader) fail(err error) {
	switch {
	case r.err != nil:
	case r.source.err != nil:
		r.err = r.source.err
	default:
		r.err = err
	}
}

// source remembers why a text could not be read.
type source struct {
	io.Reader

	err error // nil at the end of the text
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// room checks the memory now and then.
func (r *reader) room(row int) {
	const often = 1 << 12
	if row%often == 0 && r.t.Bytes() > r.most {
		r.fail(ErrLarge)
	}
}

// number reads a number of at most most.
func (r *reader) number(most int) int {
	if r.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(r.from)
	if err != nil || n > uint64(most) { //nolint:gosec // a bound
		r.fail(ErrSnapshot)
		return 0
	}
	return int(n) //nolint:gosec // at most most
}

func (r *reader) version() uint64 {
	r.scratch = r.scratch[:0]
	const size = 8
	if b := r.bytes(size); len(b) == size {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) text() string {
	r.scratch = r.scratch[:0]
	return string(r.bytes(r.number(maxText)))
}

// bytes reads n bytes into the end of scratch, and returns them.
func (r *reader) bytes(n int) []byte {
	before := len(r.scratch)
	r.scratch = slices.Grow(r.scratch, min(n, bufio.MaxScanTokenSize))
	for n > 0 && r.err == nil {
		part := min(n, bufio.MaxScanTokenSize) // a wrong number must not take much memory
		r.scratch = slices.Grow(r.scratch, part)
		got, err := io.ReadFull(r.from, r.scratch[len(r.scratch):len(r.scratch)+part])
		if r.scratch, n = r.scratch[:len(r.scratch)+got], n-got; err != nil {
			r.fail(ErrSnapshot)
		}
	}
	return r.scratch[before:]
}

func (r *reader) name() name {
	var n name
	for _, text := range []*string{&n.urn, &n.attr, &n.sub} {
		*text = r.text()
	}
	return n
}

// column reads a cell for each row.
func (r *reader) column(c *column, rows int) {
	for row := 0; row < rows && r.err == nil; row++ {
		if cell := r.cell(); len(cell) > 0 {
			c.set(uint32(row), cell)
		}
		r.room(row)
	}
}

// cell reads a cell; it is empty for none. It is valid until the next read.
func (r *reader) cell() []byte {
	r.scratch = r.scratch[:0]
	elements := r.count()
	if elements == 0 {
		return nil
	}
	for ; elements > 0 && r.err == nil; elements-- {
		for values := r.count(); values > 0 && r.err == nil; values-- {
			r.bytes(r.count())
		}
	}
	return r.scratch
}

// count reads a number of a cell, and appends it to scratch.
func (r *reader) count() int {
	n := r.number(maxText)
	r.scratch = binary.AppendUvarint(r.scratch, uint64(n)) //nolint:gosec // a count
	return n
}
