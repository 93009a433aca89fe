package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const keySize = 32

// Key is a master key. Every other key is derived from it.
type Key struct {
	secret [keySize]byte
	id     KeyID
}

// KeyID recognizes a Key. It does not reveal the key.
type KeyID [8]byte

// NewKey makes a line for a key file: 32 random bytes as base64url without padding (RFC 4648, section 5).
func NewKey() string {
	var secret [keySize]byte
	_, _ = rand.Read(secret[:]) // it never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// Ring holds the keys of a key file. The last key seals; all keys open.
type Ring struct{ keys []Key }

// ParseRing reads the text of a key file: one key on each line, the newest on the last line. Empty lines and lines that
// begin with # are comments. The error does not contain the text.
func ParseRing(text string) (Ring, error) {
	var out Ring
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, err := base64.RawURLEncoding.Strict().DecodeString(line)
		if err != nil || len(secret) != keySize {
			return Ring{}, fmt.Errorf("line %d of the key file is not a key: a key is made by scim-bridge store newkey", number)
		}
		key := Key{secret: [keySize]byte(secret)}
		key.id = KeyID(derive(key, "id")[:len(key.id)])
		if _, again := out.Find(key.id); again {
			return Ring{}, fmt.Errorf("line %d of the key file repeats a key: remove the line", number)
		}
		out.keys = append(out.keys, key)
	}
	if len(out.keys) == 0 {
		return Ring{}, errors.New("the key file has no key: add the output of scim-bridge store newkey")
	}
	return out, nil
}

// Newest is the key that seals.
func (r Ring) Newest() Key { return r.keys[len(r.keys)-1] }

// Find finds a key.
func (r Ring) Find(id KeyID) (Key, bool) {
	for _, k := range r.keys {
		if k.id == id {
			return k, true
		}
	}
	return Key{}, false
}

// Keys are all keys, the newest last.
func (r Ring) Keys() []Key { return r.keys }

// ID recognizes the key.
func (k Key) ID() KeyID { return k.id }

// derive is a key for one purpose (HKDF with SHA-256, RFC 5869).
func derive(k Key, purpose string) []byte {
	out, err := hkdf.Key(sha256.New, k.secret[:], nil, "scim-bridge store "+purpose, sha256.Size)
	if err != nil { // impossible: the length is fixed and valid
		panic(err) //nolint:forbidigo // a store without a key is of no use
	}
	return out
}

// mac is an HMAC with SHA-256 over parts that are not joined, so that no byte can move from one part to another.
func mac(key []byte, parts ...[]byte) [sha256.Size]byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		_, _ = h.Write(binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64), uint64(len(part)))) // it never fails
		_, _ = h.Write(part)
	}
	var out [sha256.Size]byte
	h.Sum(out[:0])
	return out
}
