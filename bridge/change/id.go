package change

import (
	"fmt"

	"github.com/google/uuid"
)

// ID identifies a change: the text of a UUID of version 7 (RFC 9562, section 5.7). The text begins
// with the time, so changes of one bridge sort in the order in which they began.
type ID string

// NewID makes an ID.
func NewID() ID { return ID(uuid.Must(uuid.NewV7()).String()) }

// ParseID reads an ID from hostile text.
func ParseID(text string) (ID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return "", fmt.Errorf("%.40q is not the id of a change: an id looks like %s", text, "01938c2e-7b1a-7c3d-9e4f-0123456789ab")
	}
	return ID(text), nil
}
