package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"math/big"
	"strings"
)

// A token of the bridge is ksb_<key id>_<secret>_<checksum>, of letters and digits. Its prefix
// lets scanners find a leaked one, its key id says which it is without saying what it is, and
// its checksum, the CRC-32 of all before it, tells one that was copied badly. The secret has
// about 190 random bits, so that a fast hash keeps it.
const (
	prefix         = "ksb_"
	keyIDLength    = 8
	secretLength   = 32
	checksumLength = 6
	base62         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// TokenPattern is a regular expression of such tokens, for scanners.
	TokenPattern = `ksb_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}` //nolint:gosec // it is that of all tokens
)

// NewToken makes a token of the bridge: its text, to be shown once, its key id and the hash
// that is kept.
func NewToken() (text, keyID string, sum [sha256.Size]byte) {
	keyID = random(keyIDLength)
	text = prefix + keyID + "_" + random(secretLength)
	text += "_" + checksum(text)
	return text, keyID, sha256.Sum256([]byte(text))
}

// random is a text of characters of base62, each as likely as the others.
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

// ErrTypo says that a token of the bridge's form cannot be one.
var ErrTypo = errors.New("the token was not copied in full or was changed: its last part does not fit the others; copy it again, whole")

// KeyID is the public part of a token of the bridge, "" for a token of another form, and
// ErrTypo for one that only looks like it. The token need not be known to anybody.
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
