package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// AttrCredentials is the attribute of an organization with the credentials of its tenant. Each
// value is an entry:
//
//	<name>|<key id, or nothing>|<SHA-256 of the token>|<seconds since 1970 of its end, or nothing>|<scopes as a number>|<HMAC-SHA-256>
//
// The HMAC covers the organization's id and the entry. Only the bridge has its key, so that a
// person who may edit an organization cannot give themselves the right to write users.
const AttrCredentials = tenant.AttrCredentials

// entryName matches the name of a credential. An entry must fit into 255 characters.
var entryName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

// ErrEntry is the error for a value of AttrCredentials that the bridge did not make for this
// organization.
var ErrEntry = errors.New("not an entry that this bridge made for the organization")

// Entry returns the value of AttrCredentials for a token. organization is the id.
func Entry(key []byte, organization string, t tenant.Token) (string, error) {
	if !entryName.MatchString(t.Name) {
		return "", errors.New("the name of a credential must have 1 to 40 letters, digits, '.', '_' or '-'")
	}
	end := ""
	if !t.Expires.IsZero() {
		end = strconv.FormatInt(t.Expires.Unix(), 10)
	}
	body := strings.Join([]string{t.Name, t.KeyID, hex.EncodeToString(t.SHA256[:]), end, strconv.Itoa(int(t.Scopes))}, "|")
	return body + "|" + hex.EncodeToString(seal(key, organization, body)), nil
}

// ReadEntry returns the token of an entry, or ErrEntry.
func ReadEntry(key []byte, organization, text string) (tenant.Token, error) {
	i := strings.LastIndexByte(text, '|')
	if i < 0 {
		return tenant.Token{}, ErrEntry
	}
	mac, err := hex.DecodeString(text[i+1:])
	if err != nil || !hmac.Equal(mac, seal(key, organization, text[:i])) {
		return tenant.Token{}, ErrEntry
	}
	return parseEntry(strings.Split(text[:i], "|"))
}

// parseEntry reads the parts of an entry of the bridge. Another version of the bridge may have made
// the entry.
func parseEntry(parts []string) (tenant.Token, error) {
	if len(parts) != 5 { //nolint:mnd // see AttrCredentials
		return tenant.Token{}, ErrEntry
	}
	out := tenant.Token{Name: parts[0], KeyID: parts[1]}
	n, hashErr := hex.Decode(out.SHA256[:], []byte(parts[2]))
	scopes, scopesErr := strconv.ParseUint(parts[4], 10, 8)
	if hashErr != nil || n != len(out.SHA256) || scopesErr != nil {
		return tenant.Token{}, ErrEntry
	}
	out.Scopes = tenant.Scopes(scopes)
	if parts[3] != "" {
		seconds, err := strconv.ParseInt(parts[3], 10, 64)
		if err != nil {
			return tenant.Token{}, ErrEntry
		}
		out.Expires = time.Unix(seconds, 0).UTC()
	}
	return out, nil
}

func seal(key []byte, organization, body string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte("scim-bridge credential\n" + organization + "\n" + body)) // never fails, see hash.Hash
	return m.Sum(nil)
}
