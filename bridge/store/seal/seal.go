package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// ErrSealed says that a sealed text is not as it was sealed, or was sealed for another place or with another key.
var ErrSealed = errors.New("what is sealed was altered")

// SaltSize is the size of the salt that every sealed text begins with, in bytes.
const SaltSize = 16

// Sealer seals and opens with the keys that are derived from one master key. It is safe for concurrent use.
type Sealer struct {
	id                    KeyID
	content, hash, anchor []byte
}

// Sealer derives the keys of a master key.
func (k Key) Sealer() *Sealer {
	return &Sealer{id: k.id, content: derive(k, "content"), hash: derive(k, "hash"), anchor: derive(k, "anchor")}
}

// ID is the id of the master key.
func (s *Sealer) ID() KeyID { return s.id }

// Seal seals a text for one place, such as the id of a change: nobody can move it to another place. Each text has its
// own key (HKDF with a random salt) under AES-256-GCM. It appends to out.
func (s *Sealer) Seal(out []byte, place string, text []byte) []byte {
	var salt [SaltSize]byte
	_, _ = rand.Read(salt[:]) // it never fails
	out = append(out, salt[:]...)
	return s.cipher(salt[:]).Seal(out, nonce[:], text, []byte(place)) //nolint:gosec // see nonce
}

// nonce is constant, because each key seals a single text.
var nonce [12]byte

// Open opens what Seal returned for the same place.
func (s *Sealer) Open(place string, sealed []byte) ([]byte, error) {
	if len(sealed) < SaltSize {
		return nil, ErrSealed
	}
	text, err := s.cipher(sealed[:SaltSize]).Open(nil, nonce[:], sealed[SaltSize:], []byte(place))
	if err != nil {
		return nil, ErrSealed
	}
	return text, nil
}

// cipher is the cipher with the key of one text.
func (s *Sealer) cipher(salt []byte) cipher.AEAD {
	key, err := hkdf.Expand(sha256.New, s.content, string(salt), keySize)
	if err != nil { // impossible: the length is fixed and valid
		panic(err) //nolint:forbidigo // nothing may be stored without a key
	}
	block, err := aes.NewCipher(key)
	if err != nil { // impossible: the key has a valid length
		panic(err) //nolint:forbidigo // as above
	}
	aead, err := cipher.NewGCM(block)
	if err != nil { // impossible: AES has the block size of GCM
		panic(err) //nolint:forbidigo // as above
	}
	return aead
}

// HashSize is the size of a hash of Hash, in bytes. Sixteen bytes are enough, because an attacker cannot compute hashes.
const HashSize = 16

// Hash makes a value searchable without showing it: equal values of a kind have equal hashes.
func (s *Sealer) Hash(kind byte, value string) [HashSize]byte {
	sum := mac(s.hash, []byte{kind}, []byte(value))
	return [HashSize]byte(sum[:HashSize])
}

// Anchor signs a fact about the chain, such as its last link.
func (s *Sealer) Anchor(parts ...[]byte) [sha256.Size]byte { return mac(s.anchor, parts...) }
