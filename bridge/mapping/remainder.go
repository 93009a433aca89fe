package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// The remainder is a JSON object of what no field and no attribute holds. It is
// stored as the values of one attribute, scim.remainder, each a piece:
//
//	<tenant key>|<stamp>|<number>/<count>|<checksum>|<text>
//
// The stamp is the time of writing in milliseconds, base 36; number counts from
// 1; the checksum is of the whole JSON. No meaning rests on the order of the
// values, which Keycloak does not keep, and pieces that appear twice, as parallel
// writes leave them, do no harm. The JSON is ASCII, so that the length of a piece
// is the same in every unit.

// Bounds of a remainder, in bytes of its JSON.
const (
	maxUserRemainder  = 64 << 10
	maxGroupRemainder = 16 << 10
)

// storedLevels is how much deeper than a request the remainder may nest: by the
// entries of its e-mails.
const storedLevels = 4

// DamagedError says that a remainder was stored and cannot be read whole, because
// somebody changed or removed a piece.
type DamagedError struct {
	ID        string // of the user or group
	Attribute string // the Keycloak attribute
}

// Error names the resource, the attribute and the remedy.
func (e *DamagedError) Error() string {
	return "the attribute " + e.Attribute + " of " + e.ID + " is damaged: restore it, or remove all its values to give up what it held"
}

// Pieces are the values that store a remainder; nil for an empty one. maxValue is
// the longest value that the attribute takes.
func pieces(tenantKey string, remainder map[string]any, now time.Time, maxValue int) ([]string, error) {
	if len(remainder) == 0 {
		return nil, nil
	}
	text, err := encodeASCII(remainder)
	if err != nil {
		return nil, err
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 36)
	room := maxValue - len(header(tenantKey, stamp, 9999, 9999, checksum(text)))
	count := (len(text) + room - 1) / room
	out := make([]string, count)
	for i := range out {
		chunk := text[i*room : min((i+1)*room, len(text))]
		out[i] = header(tenantKey, stamp, i+1, count, checksum(text)) + chunk
	}
	return out, nil
}

func header(tenantKey, stamp string, number, count int, sum string) string {
	return fmt.Sprintf("%s|%s|%d/%d|%s|", tenantKey, stamp, number, count, sum)
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// encodeASCII writes JSON in which every character beyond ASCII is escaped, and a
// blank is too, because nothing says that Keycloak keeps a value's outer blanks.
func encodeASCII(value any) (string, error) {
	data, err := scim.Encode(value)
	if err != nil {
		return "", fmt.Errorf("encode remainder: %w", err)
	}
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r == ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r < 0x80:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String(), nil
}

// version is one set of pieces: those of one writing.
type version struct {
	stamp int64
	sum   string
	count int
	texts map[int]string
}

// Text is the JSON of the version, or false when pieces lack or differ.
func (v version) text() (string, bool) {
	var b strings.Builder
	for i := 1; i <= v.count; i++ {
		chunk, ok := v.texts[i]
		if !ok {
			return "", false
		}
		b.WriteString(chunk)
	}
	return b.String(), checksum(b.String()) == v.sum
}

// readRemainder finds the newest complete remainder of the tenant among the values
// of its attribute. None at all is an empty remainder; pieces without a complete
// set are a *DamagedError.
func readRemainder(tenantKey, id string, values []string) (map[string]any, error) {
	versions, damaged := collect(tenantKey, values)
	var newest *version
	for _, v := range versions {
		if _, ok := v.text(); ok && (newest == nil || v.stamp > newest.stamp) {
			newest = v
		}
	}
	if newest == nil {
		if damaged || len(versions) > 0 {
			return nil, &DamagedError{ID: id, Attribute: AttrRemainder}
		}
		return map[string]any{}, nil
	}
	text, _ := newest.text()
	remainder, err := scim.DecodeDepth([]byte(text), scim.MaxDepth+storedLevels)
	if err != nil {
		return nil, &DamagedError{ID: id, Attribute: AttrRemainder}
	}
	return remainder, nil
}

// collect sorts the tenant's pieces by version; damaged says that a value of the
// tenant was no piece.
func collect(tenantKey string, values []string) (versions map[string]*version, damaged bool) {
	versions = make(map[string]*version)
	for _, value := range values {
		rest, ok := strings.CutPrefix(value, tenantKey+"|")
		if !ok {
			continue
		}
		fields := strings.SplitN(rest, "|", 4)
		if len(fields) != 4 || !addPiece(versions, fields) {
			damaged = true
		}
	}
	return versions, damaged
}

func addPiece(versions map[string]*version, fields []string) bool {
	stamp, err := strconv.ParseInt(fields[0], 36, 64)
	first, second, ok := strings.Cut(fields[1], "/")
	number, err2 := strconv.Atoi(first)
	count, err3 := strconv.Atoi(second)
	if err != nil || err2 != nil || err3 != nil || !ok {
		return false
	}
	id := fields[0] + "/" + second + "/" + fields[2]
	v := versions[id]
	if v == nil {
		v = &version{stamp: stamp, sum: fields[2], count: count, texts: map[int]string{}}
		versions[id] = v
	}
	v.texts[number] = fields[3]
	return true
}

// foreignPieces are the values that belong to other tenants, which a write keeps.
func foreignPieces(tenantKey string, values []string) []string {
	var out []string
	for _, value := range values {
		if !strings.HasPrefix(value, tenantKey+"|") {
			out = append(out, value)
		}
	}
	return out
}

// checkSize refuses a remainder beyond its bound and names its largest part.
func checkSize(remainder map[string]any, limit int) error {
	if len(remainder) == 0 {
		return nil
	}
	text, err := encodeASCII(remainder)
	if err != nil || len(text) <= limit {
		return err
	}
	largest, size := "", 0
	for _, name := range scim.SortedNames(remainder) {
		part, err := encodeASCII(remainder[name])
		if err != nil {
			return err
		}
		if len(part) > size {
			largest, size = name, len(part)
		}
	}
	return scim.BadRequest(scim.InvalidValue,
		"the attributes that have no place of their own in Keycloak take %d bytes, more than %d; the largest is %s: send less of it", len(text), limit, largest)
}
