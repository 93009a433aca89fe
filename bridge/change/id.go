package change

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ID identifies a change: the text of a UUID of version 7 (RFC 9562, section 5.7). The text begins
// with the time, so changes of one bridge sort in the order in which they began.
type ID string

// NewID makes an ID.
func NewID() ID { return ID(uuid.Must(uuid.NewV7()).String()) }

// IDOf is the ID of what happened at a time and has a name: the same time and names always make the same ID. The first 48
// bits are the time in milliseconds, as in every ID, and the others are a hash of the names. So whoever reads an event
// twice gives it one ID.
func IDOf(at time.Time, names ...string) ID {
	hash := sha256.New()
	for _, name := range names { // each with its length, so that "a", "bc" differs from "ab", "c"
		hash.Write(binary.AppendUvarint(nil, uint64(len(name))))
		hash.Write([]byte(name))
	}
	id := uuid.UUID(hash.Sum(nil)[:16])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli())))
	const version, versionBits, variant, variantBits = 0x70, 0x0F, 0x80, 0x3F
	copy(id[:6], ms[2:])
	id[6], id[8] = version|id[6]&versionBits, variant|id[8]&variantBits
	return ID(id.String())
}

// ParseID reads an ID from hostile text.
func ParseID(text string) (ID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return "", fmt.Errorf("%.40q is not the id of a change: an id looks like %s", text, "01938c2e-7b1a-7c3d-9e4f-0123456789ab")
	}
	return ID(text), nil
}
