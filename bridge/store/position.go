package store

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Position is the place of an entry in the journal. Its text is the epoch, a dash and the number: "1-42".
type Position struct {
	Epoch  int64 // 1 in a new store; every restore of a backup begins the next epoch
	Number int64 // 1 for the first entry; the numbers have no gaps, and continue in the next epoch
}

// String returns the text of a position.
func (p Position) String() string {
	return strconv.FormatInt(p.Epoch, 10) + "-" + strconv.FormatInt(p.Number, 10)
}

// MarshalText implements encoding.TextMarshaler.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Position) UnmarshalText(text []byte) error {
	parsed, err := ParsePosition(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// ParsePosition reads a position from hostile text.
func ParsePosition(text string) (Position, error) {
	epoch, number, _ := strings.Cut(text, "-")
	e, err1 := strconv.ParseInt(epoch, 10, 64)
	n, err2 := strconv.ParseInt(number, 10, 64)
	p := Position{e, n}
	if err1 != nil || err2 != nil || e < 1 || n < 0 || p.String() != text {
		return Position{}, fmt.Errorf("%.40q is not a position in the journal: a position looks like 1-42", text)
	}
	return p, nil
}

// LinkSize is the size of a link of the journal, in bytes.
const LinkSize = 32

// Head is the last link of a journal. Its text is the id of the store, the position and the link:
// "k3v…/1-42/9f86d0…". It contains no personal data, so the log may show it.
type Head struct {
	Store    string // the id of the store
	Position Position
	Link     [LinkSize]byte
}

// String returns the text of a head.
func (h Head) String() string {
	return h.Store + "/" + h.Position.String() + "/" + hex.EncodeToString(h.Link[:])
}

// MarshalText implements encoding.TextMarshaler.
func (h Head) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Head) UnmarshalText(text []byte) error {
	parsed, err := ParseHead(string(text))
	if err == nil {
		*h = parsed
	}
	return err
}

// ParseHead reads a head from hostile text.
func ParseHead(text string) (Head, error) {
	var out Head
	wrong := fmt.Errorf("%.120q is not the head of a journal: the log has heads in its lines with \"msg\":\"head of the journal\"", text)
	id, rest, _ := strings.Cut(text, "/")
	position, link, _ := strings.Cut(rest, "/")
	at, err := ParsePosition(position)
	if err != nil || id == "" {
		return Head{}, wrong
	}
	sum, err := hex.DecodeString(link)
	if err != nil || len(sum) != LinkSize {
		return Head{}, wrong
	}
	out.Store, out.Position = id, at
	copy(out.Link[:], sum)
	if out.String() != text {
		return Head{}, wrong
	}
	return out, nil
}
