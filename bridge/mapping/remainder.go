package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// The remainder is a JSON object with everything that no field and no attribute holds. It is stored
// as the values of one attribute, scim.remainder. Each value is a piece:
//
//	<tenant key>|<stamp>|<number>/<count>|<checksum>|<text>
//
// The stamp is the time of writing in milliseconds, base 36. The number counts from 1. The checksum
// is of the whole JSON. The order of the values has no meaning, because Keycloak does not keep it.
// Parallel writes can leave a piece twice, which does no harm. The JSON is ASCII, so the length of
// a piece is the same in every unit.

// Limits of a remainder, in bytes of its JSON.
const (
	maxUserRemainder  = 64 << 10
	maxGroupRemainder = 16 << 10
)

// storedLevels is how many levels deeper than a request the remainder may nest, because of the
// entries of its e-mails.
const storedLevels = 4

// DamagedError reports a stored remainder that cannot be read completely, because somebody changed
// or removed a piece.
type DamagedError struct {
	ID        string // id of the user or group
	Attribute string // name of the Keycloak attribute
}

// Error names the resource, the attribute and the remedy.
func (e *DamagedError) Error() string {
	return "the attribute " + e.Attribute + " of " + e.ID + " is damaged: restore it, or remove all its values to give up its contents"
}

// pieces returns the values that store the text of a remainder; nil for an empty remainder.
// maxValue is the longest value that the attribute accepts.
func pieces(tenantKey, text string, now time.Time, maxValue int) []string {
	if text == "" {
		return nil
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 36)
	sum := checksum(text)
	room := maxValue - len(header(tenantKey, stamp, 9999, 9999, sum))
	count := (len(text) + room - 1) / room
	out := make([]string, count)
	for i := range out {
		chunk := text[i*room : min((i+1)*room, len(text))]
		out[i] = header(tenantKey, stamp, i+1, count, sum) + chunk
	}
	return out
}

func header(tenantKey, stamp string, number, count int, sum string) string {
	return fmt.Sprintf("%s|%s|%d/%d|%s|", tenantKey, stamp, number, count, sum)
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// encodeASCII writes JSON and escapes every character that is not ASCII. It also escapes blanks,
// because Keycloak may not keep the outer blanks of a value.
func encodeASCII(value any) (string, error) {
	data, err := scim.Encode(value)
	if err != nil {
		return "", fmt.Errorf("encode remainder: %w", err)
	}
	return escapeASCII(data), nil
}

func escapeASCII(data []byte) string {
	size := escaped(data)
	if size == len(data) {
		return string(data)
	}
	out := make([]byte, 0, size)
	for _, r := range string(data) {
		switch {
		case r > ' ' && r < 0x7f:
			out = append(out, byte(r))
		case r < 0x10000:
			out = appendEscape(out, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = appendEscape(appendEscape(out, high), low)
		}
	}
	return string(out)
}

// escaped returns how many bytes the JSON takes in ASCII.
func escaped(data []byte) int {
	const unit = len(`\u0000`)
	n := 0
	for i := 0; i < len(data); {
		c := data[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(data[i:])
			n += unit * max(1, utf16.RuneLen(r))
			i += size
			continue
		case c > ' ' && c < 0x7f:
			n++
		default:
			n += unit
		}
		i++
	}
	return n
}

// appendEscape writes a UTF-16 unit as JSON escapes it.
func appendEscape(b []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// version is a set of pieces from one write.
type version struct {
	stamp, sum string
	count      int
	texts      []string // by number; "" for a missing piece
}

// text returns the JSON of the version; ok is false when pieces are missing or differ.
func (v version) text() (string, bool) {
	text := v.texts[0]
	if v.count > 1 {
		if slices.Contains(v.texts, "") {
			return "", false
		}
		text = strings.Join(v.texts, "")
	}
	return text, text != "" && checksum(text) == v.sum
}

// age orders versions by their stamps.
func (v version) age() int64 {
	stamp, _ := strconv.ParseInt(v.stamp, 36, 64) // it was read once already
	return stamp
}

// readRemainder finds the newest complete remainder of the tenant among the values of its
// attribute. Without any piece the remainder is empty; pieces without a complete set are a
// *DamagedError.
func readRemainder(tenantKey, id string, values []string) (map[string]any, error) {
	text, ok := remainderText(tenantKey, values)
	switch {
	case !ok:
		return nil, &DamagedError{ID: id, Attribute: AttrRemainder}
	case text == "":
		return map[string]any{}, nil
	}
	remainder, err := scim.DecodeStored([]byte(text), scim.MaxDepth+storedLevels)
	if err != nil {
		return nil, &DamagedError{ID: id, Attribute: AttrRemainder}
	}
	return remainder, nil
}

// remainderText returns the text of the newest complete remainder of the tenant, or "" without any
// piece. ok is false for pieces without a complete set.
func remainderText(tenantKey string, values []string) (text string, ok bool) {
	versions, damaged := collect(tenantKey, values)
	newest, age := "", int64(-1)
	for _, v := range versions {
		if text, ok := v.text(); ok && v.age() > age {
			newest, age = text, v.age()
		}
	}
	return newest, age >= 0 || !damaged && len(versions) == 0
}

// maxPieces limits the number that a piece may contain: the largest remainder has fewer pieces.
const maxPieces = 1000

// collect sorts the tenant's pieces by version; damaged reports that a value of the tenant was not
// a piece.
func collect(tenantKey string, values []string) (versions []*version, damaged bool) {
	for _, value := range values {
		rest, ok := strings.CutPrefix(value, tenantKey)
		if !ok || !strings.HasPrefix(rest, "|") {
			continue
		}
		stamp, rest, stamped := strings.Cut(rest[1:], "|")
		numbers, rest, numbered := strings.Cut(rest, "|")
		sum, text, summed := strings.Cut(rest, "|")
		first, second, counted := strings.Cut(numbers, "/")
		number, numberErr := strconv.Atoi(first)
		count, countErr := strconv.Atoi(second)
		_, stampErr := strconv.ParseInt(stamp, 36, 64)
		if !stamped || !numbered || !summed || !counted || errors.Join(numberErr, countErr, stampErr) != nil || number < 1 || number > count || count > maxPieces {
			damaged = true
			continue
		}
		i := slices.IndexFunc(versions, func(v *version) bool { return v.stamp == stamp && v.sum == sum && v.count == count })
		if i < 0 {
			i = len(versions)
			versions = append(versions, &version{stamp: stamp, sum: sum, count: count, texts: make([]string, count)})
		}
		versions[i].texts[number-1] = text
	}
	return versions, damaged
}

// encodeRemainder returns the text of a remainder, "" for an empty remainder. It refuses a
// remainder that is too large, with the name of its largest part.
func encodeRemainder(remainder map[string]any, limit int) (string, error) {
	if len(remainder) == 0 {
		return "", nil
	}
	data, err := scim.Encode(remainder)
	if err != nil {
		return "", fmt.Errorf("encode remainder: %w", err)
	}
	size := escaped(data)
	if size <= limit {
		return escapeASCII(data), nil
	}
	largest, most := "", 0
	for _, name := range scim.SortedNames(remainder) {
		data = scim.AppendKey(data[:0], remainder[name])
		if part := escaped(data); part > most {
			largest, most = name, part
		}
	}
	return "", scim.BadRequest(scim.CodeTooLong, scim.InvalidValue,
		"the attributes that this endpoint stores together take %d bytes, more than %d; the largest is %s: send a shorter value of it", size, limit, largest)
}
