package directory

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

const keySize = 32

// CursorKey derives the key that seals cursors from a secret that has other uses too. Bridges
// that are given the same secret take each other's cursors.
func CursorKey(secret []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "scim-bridge cursor v1", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of cursors: %w", err)
	}
	return key, nil
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal a cursor: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block) //nolint:wrapcheck // of an AES cipher it makes one
}

// Cursor is where a walk goes on (RFC 9865 section 2).
type Cursor struct {
	Endpoint string           `json:"e"`          // of the resource type
	After    *filter.Position `json:"a,omitzero"` // nil at its beginning
	Expires  int64            `json:"x"`          // seconds since 1970
}

// Errors of OpenCursor.
var (
	// ErrCursor is a text that is no cursor of the binding: another tenant's, query's, key's.
	ErrCursor = errors.New("no cursor of this query")
	// ErrCursorExpired is a cursor whose time is over.
	ErrCursorExpired = errors.New("the cursor has expired")
)

var encoding = base64.RawURLEncoding.Strict()

// Seal is the cursor as a client gets it, in characters that need no escape in a URL. It can
// be opened with the same key and binding alone.
func (c Cursor) Seal(key []byte, binding ...string) (string, error) {
	sealer, err := aead(key)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode a cursor: %w", err)
	}
	return encoding.EncodeToString(sealer.Seal(nil, nil, data, bound(binding))), nil //nolint:gosec // it makes its own nonce
}

// OpenCursor reads a cursor of the binding, or fails with ErrCursor or ErrCursorExpired.
func OpenCursor(key []byte, text string, now time.Time, binding ...string) (Cursor, error) {
	var c Cursor
	sealer, err := aead(key)
	if err != nil {
		return c, err
	}
	sealed, err := encoding.DecodeString(text)
	if err == nil && strings.ContainsAny(text, "\r\n") { // which are left out
		err = ErrCursor
	}
	if err == nil {
		sealed, err = sealer.Open(nil, nil, sealed, bound(binding))
	}
	if err == nil {
		err = json.Unmarshal(sealed, &c)
	}
	switch {
	case err != nil:
		return Cursor{}, ErrCursor
	case now.Unix() >= c.Expires:
		return Cursor{}, ErrCursorExpired
	}
	return c, nil
}

// bound joins texts so that no others make the same.
func bound(binding []string) []byte {
	var out []byte
	for _, text := range binding {
		out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	}
	return out
}
