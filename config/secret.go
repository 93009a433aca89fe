package config

import (
	"crypto"
	"crypto/subtle"
	"fmt"
	"io"
)

// redacted replaces a secret wherever a secret would be printed.
const redacted = "[redacted]"

// Secret is a text that cannot print itself: every verb of fmt, JSON and text marshalling give
// "[redacted]". The zero Secret is no secret.
type Secret struct {
	// A pointer, because fmt follows no pointer below the top: a Secret in an unexported field of
	// another package's struct, where fmt calls no method, stays hidden.
	value *string
}

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return Secret{value: &s} }

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// PrivateKey is a signing key that cannot print itself. Its Signer holds an
// *rsa.PrivateKey of at least 2,048 bits or an *ecdsa.PrivateKey on P-256, P-384 or
// P-521. The zero PrivateKey is no key.
type PrivateKey struct {
	signer crypto.Signer
}

// Signer returns the key, nil for the zero PrivateKey.
func (k PrivateKey) Signer() crypto.Signer { return k.signer }

// IsZero reports whether there is no key.
func (k PrivateKey) IsZero() bool { return k.signer == nil }

// Equal reports whether both have the same public key, or neither has a key.
func (k PrivateKey) Equal(other PrivateKey) bool {
	if k.IsZero() || other.IsZero() {
		return k.IsZero() == other.IsZero()
	}
	public, ok := k.signer.Public().(interface{ Equal(x crypto.PublicKey) bool })
	return ok && public.Equal(other.signer.Public())
}

// String returns "[redacted]".
func (PrivateKey) String() string { return redacted }

// GoString returns "[redacted]".
func (PrivateKey) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (PrivateKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (PrivateKey) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
