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

// CursorKey derives the key that encrypts cursors from a secret that has other uses too. Bridges
// with the same secret accept each other's cursors.
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
	return cipher.NewGCMWithRandomNonce(block) //nolint:wrapcheck // AES in GCM makes its own nonce
}

// Cursor is the position where a walk continues (RFC 9865 section 2).
type Cursor struct {
	Endpoint string           `json:"e"`          // endpoint of the resource type
	After    *filter.Position `json:"a,omitzero"` // nil at the beginning
	Expires  int64            `json:"x"`          // in seconds since 1970
}

// Errors of OpenCursor.
var (
	// ErrCursor reports a text that is not a cursor of the binding. It may be the cursor of another
	// tenant, another query or another key.
	ErrCursor = errors.New("the cursor does not belong to this query")
	// ErrCursorExpired reports a cursor that has expired.
	ErrCursorExpired = errors.New("the cursor has expired")
)

var encoding = base64.RawURLEncoding.Strict()

// Seal returns the cursor as a client gets it, in characters that need no escape in a URL. Only the
// same key and binding can open it.
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
	if err == nil && strings.ContainsAny(text, "\r\n") { // the decoder would ignore line breaks
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

// bound joins texts so that different texts never give the same result.
func bound(binding []string) []byte {
	var out []byte
	for _, text := range binding {
		out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	}
	return out
}
