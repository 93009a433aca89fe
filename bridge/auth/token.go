package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"math/big"
	"strings"
)

// A token of the bridge is ksb_<key id>_<secret>_<checksum>, of letters and digits. Scanners find a
// leaked token by its prefix. The key id names the token without revealing it. The checksum is the
// CRC-32 of everything before it, and shows that a token was copied badly. The secret has about 190
// random bits, so that a fast hash is safe.
const (
	prefix         = "ksb_"
	keyIDLength    = 8
	secretLength   = 32
	checksumLength = 6
	base62         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// TokenPattern is a regular expression for these tokens, for scanners.
	TokenPattern = `ksb_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}` //nolint:gosec // it is that of all tokens
)

// NewToken makes a token of the bridge. It returns the text, which is shown once, the key id, and
// the hash to keep.
func NewToken() (text, keyID string, sum [sha256.Size]byte) {
	keyID = random(keyIDLength)
	text = prefix + keyID + "_" + random(secretLength)
	text += "_" + checksum(text)
	return text, keyID, sha256.Sum256([]byte(text))
}

// random returns a text of characters of base62, each with the same probability.
func random(length int) string {
	out := make([]byte, length)
	for i := range out {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(base62)))) // never fails, see crypto/rand
		out[i] = base62[n.Int64()]
	}
	return string(out)
}

func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	out := make([]byte, checksumLength)
	for i := range out {
		out[checksumLength-1-i] = base62[sum%uint32(len(base62))]
		sum /= uint32(len(base62))
	}
	return string(out)
}

// ErrTypo is the error for a text that looks like a token of the bridge and cannot be one.
var ErrTypo = errors.New("the token was not copied in full, or was changed: its last part is not the checksum of the rest; copy the whole token again")

// KeyID returns the public part of a token of the bridge, "" for a token of another form, and
// ErrTypo for a text that only looks like such a token. It does not check that the token exists.
func KeyID(token string) (string, error) {
	rest, ours := strings.CutPrefix(token, prefix)
	if !ours {
		return "", nil
	}
	const length = keyIDLength + 1 + secretLength + 1 + checksumLength
	last := strings.LastIndexByte(token, '_')
	if len(rest) != length || rest[keyIDLength] != '_' || last != len(token)-checksumLength-1 || checksum(token[:last]) != token[last+1:] {
		return "", ErrTypo
	}
	return rest[:keyIDLength], nil
}
