package index

import (
	"encoding/binary"
	"iter"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// cell begins with the keys of one attribute, or sub-attribute, of one resource:
//
//	elements, then for each: values, then for each: bytes, key
//
// All numbers are unsigned varints. Bytes after that belong to other cells. The elements are the
// elements of a multi-valued attribute, and the values of an element are the values of a
// multi-valued sub-attribute. "" has no element. Sub-attributes of one attribute have their
// elements in the same places; the last elements may be missing.
type cell string

// number reads a number from the front.
func (c cell) number() (n int, rest cell) {
	const last, bits = 0x80, 7
	for i := range len(c) {
		n |= int(c[i]&(last-1)) << (bits * i)
		if c[i] < last {
			return n, c[i+1:]
		}
	}
	return 0, ""
}

// elements returns the number of elements.
func (c cell) elements() int {
	n, _ := c.number()
	return n
}

// holds reports whether the operator is true of a key and another key. It checks all keys, or only
// the keys of one element.
func (c cell) holds(element int, op filter.Op, want string) bool {
	for i, key := range c.keys() {
		if (element == all || i == element) && key != noKey && op.Holds(key, want) {
			return true
		}
	}
	return false
}

// present reports whether there is a value in any element, or in one element.
func (c cell) present(element int) bool {
	for i, key := range c.keys() {
		if (element == all || i == element) && key != "" {
			return true
		}
	}
	return false
}

// keys yields the keys of all elements, each with the number of its element.
func (c cell) keys() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		elements, rest := c.number()
		for i := range elements {
			var values, size int
			values, rest = rest.number()
			for range values {
				size, rest = rest.number()
				if !yield(i, string(rest[:size])) {
					return
				}
				rest = rest[size:]
			}
		}
	}
}

// first returns the first key; "" for none.
func (c cell) first() string {
	for _, key := range c.keys() {
		return key
	}
	return ""
}

// size returns how many bytes belong to the cell.
func (c cell) size() int {
	elements, rest := c.number()
	for range elements {
		var values, size int
		values, rest = rest.number()
		for range values {
			size, rest = rest.number()
			rest = rest[size:]
		}
	}
	return len(c) - len(rest)
}

// cellOf returns a cell with one key.
func cellOf(key string) cell {
	var b builder
	b.element(0, key)
	return cell(b.cell(nil))
}

// builder makes a cell.
type builder struct {
	elements int
	body     []byte
}

func (b *builder) reset() { b.elements, b.body = 0, b.body[:0] }

// element adds the values of an element. The elements must come in ascending order of their
// numbers.
func (b *builder) element(i int, keys ...string) {
	for ; b.elements < i; b.elements++ {
		b.body = append(b.body, 0)
	}
	b.elements++
	b.body = binary.AppendUvarint(b.body, uint64(len(keys)))
	for _, key := range keys {
		b.body = append(binary.AppendUvarint(b.body, uint64(len(key))), key...)
	}
}

// cell appends the finished cell.
func (b *builder) cell(to []byte) []byte {
	if b.elements == 0 {
		return to
	}
	return append(binary.AppendUvarint(to, uint64(b.elements)), b.body...) //nolint:gosec // a count
}

// MaxBytes is the most memory that a table may take, because cells are addressed with 32 bits.
const MaxBytes = 1<<32 - 1

const (
	// maxShared limits the cells of a column that are stored once for many rows.
	maxShared = 64
	// sharedCost is roughly what such a cell takes besides its text.
	sharedCost = 64
	// minGarbage is how many bytes of replaced cells make a new copy of the other cells worthwhile.
	minGarbage = 1 << 16
)

// column holds the cells of an attribute by row.
type column struct {
	offsets []uint32 // into cells; 0 for no cell
	cells   strings.Builder
	shared  map[string]uint32
	garbage int

	next    builder // of the row that is being written
	scratch []byte
}

func newColumn() *column {
	c := &column{shared: map[string]uint32{}}
	c.cells.WriteByte(0) // offset 0 means no cell
	return c
}

// at returns the cell of a row.
func (c *column) at(row uint32) cell {
	if int(row) >= len(c.offsets) || c.offsets[row] == 0 {
		return ""
	}
	return cell(c.cells.String()[c.offsets[row]:])
}

// flush stores the next cell at a row, and reports whether the row had another cell.
func (c *column) flush(row uint32) (changed bool) {
	c.scratch = c.next.cell(c.scratch[:0])
	c.next.reset()
	return c.set(row, c.scratch)
}

// set stores a cell; an empty cell is not stored.
func (c *column) set(row uint32, text []byte) (changed bool) {
	old := c.at(row)
	if len(text) == 0 && old == "" || len(text) > 0 && strings.HasPrefix(string(old), string(text)) {
		return false // a cell contains its length, so no cell is the beginning of another cell
	}
	for int(row) >= len(c.offsets) {
		c.offsets = append(c.offsets, 0)
	}
	if old != "" && !c.isShared(c.offsets[row], old) {
		c.garbage += old.size()
	}
	c.offsets[row] = 0
	if len(text) > 0 {
		c.offsets[row] = c.store(text)
	}
	if c.garbage > minGarbage && c.garbage > c.cells.Len()/2 {
		c.compact()
	}
	return true
}

func (c *column) isShared(offset uint32, text cell) bool {
	at, ok := c.shared[string(text[:text.size()])]
	return ok && at == offset
}

func (c *column) store(text []byte) uint32 {
	if at, ok := c.shared[string(text)]; ok {
		return at
	}
	at := uint32(c.cells.Len()) //nolint:gosec // MaxBytes is less
	c.cells.Write(text)
	if len(c.shared) < maxShared {
		c.shared[string(text)] = at
	}
	return at
}

// compact copies the cells that are in use.
func (c *column) compact() {
	old := c.cells.String()
	c.cells, c.shared, c.garbage = strings.Builder{}, map[string]uint32{}, 0
	c.cells.WriteByte(0)
	for row, offset := range c.offsets {
		if offset > 0 {
			text := cell(old[offset:])
			c.offsets[row] = c.store([]byte(text[:text.size()]))
		}
	}
}

// bytes returns roughly how much memory the column takes.
func (c *column) bytes() int {
	const offset = 4
	return offset*cap(c.offsets) + c.cells.Cap() + len(c.shared)*sharedCost
}
