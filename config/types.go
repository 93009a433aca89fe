package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Address is host:port to listen at. The host may be empty or 0.0.0.0 (all interfaces). Port 0
// means any free port.
type Address string

// UnmarshalText refuses what is not host:port.
func (a *Address) UnmarshalText(text []byte) error {
	host, port, err := net.SplitHostPort(string(text))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, "/ ") {
		return fault{"is not host:port", `Write it like "127.0.0.1:8081" or ":8081"`}
	}
	*a = Address(text)
	return nil
}

// base returns the URL of a listener at a. It returns false when a names no host or no port that a
// client could call.
func (a Address) base() (URL, bool) {
	host, port, err := net.SplitHostPort(string(a))
	if ip, e := netip.ParseAddr(host); e == nil && ip.IsUnspecified() {
		return "", false
	}
	if n, _ := strconv.Atoi(port); err != nil || host == "" || n == 0 {
		return "", false
	}
	return URL("http://" + net.JoinHostPort(host, port)), true
}

// same reports whether two listeners would collide.
func (a Address) same(b Address) bool {
	return a == b && !strings.HasSuffix(string(a), ":0")
}

// File is the name of a file that has a secret, a key, tokens or certificates. The content of such
// a file can change while the bridge runs: the bridge reads it again without a restart.
type File string

// HostName is the name of a machine, in lower case and without a port.
type HostName string

// UnmarshalText refuses what is not the name of a machine.
func (h *HostName) UnmarshalText(text []byte) error {
	name := strings.TrimSuffix(strings.ToLower(string(text)), ".")
	if !hostName.MatchString(name) {
		return fault{"is not the name of a machine", "Write only the name, without scheme, port and wildcard, such as scim-bridge.monitoring.svc"}
	}
	*h = HostName(name)
	return nil
}

var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9._-]{0,252})$`)

// Host returns the host of an address, "" when it has no host.
func (a Address) Host() string {
	host, _, _ := net.SplitHostPort(string(a))
	return strings.ToLower(host)
}

// URL is an absolute http or https URL without user, query, fragment and trailing slash.
type URL string

// UnmarshalText refuses what is not such a URL, and cuts trailing slashes.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := parseURL(string(text), "http", "https")
	if err != nil {
		return err
	}
	if slices.Contains(strings.Split(parsed.Path, "/"), "..") {
		return fault{text: `has ".." in its path`}
	}
	*u = URL(strings.TrimRight(parsed.String(), "/"))
	return nil
}

// ProxyURL is the URL of an http, https or socks5 proxy, without a path and without
// a user. "" means no proxy.
type ProxyURL string

// UnmarshalText refuses what is not such a URL.
func (u *ProxyURL) UnmarshalText(text []byte) error {
	parsed, err := parseURL(string(text), "http", "https", "socks5")
	if err != nil {
		return err
	}
	if strings.Trim(parsed.Path, "/") != "" {
		return fault{text: "is the URL of a proxy and has a path", hint: "Remove everything after the host and port"}
	}
	*u = ProxyURL(strings.TrimRight(parsed.String(), "/"))
	return nil
}

// parseURL reports errors in its own words, because those of net/url repeat the text, which may
// have a password in it.
func parseURL(text string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(text)
	example := fmt.Sprintf("Write it like %q", schemes[0]+"://host.example.com:8080")
	switch {
	case err != nil:
		return nil, fault{"is not a URL", example}
	case !slices.Contains(schemes, u.Scheme):
		return nil, fault{"must begin with " + strings.Join(schemes, ":// or ") + "://", example}
	case u.Hostname() == "" || u.Opaque != "" || !validPort(u):
		return nil, fault{"has no valid host and port", example}
	case u.User != nil:
		return nil, fault{"has a user name or password in it", "Remove them; no URL in this file may have a secret"}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, fault{"has a query or fragment", "Remove everything from ? or #"}
	}
	return u, nil
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// Duration is a time.Duration, written like 500ms, 30s, 2m or 90d. A day has 24 hours.
type Duration time.Duration

const (
	day = 24 * time.Hour
	// maxDays bounds the days that a text may name: a Duration has 64 bits.
	maxDays = int64(math.MaxInt64 / day)
)

// UnmarshalText refuses what Go's time.ParseDuration refuses, except a whole number of days.
func (d *Duration) UnmarshalText(text []byte) error {
	if number, isDays := strings.CutSuffix(string(text), "d"); isDays {
		if days, err := strconv.ParseInt(number, 10, 64); err == nil && -maxDays <= days && days <= maxDays {
			*d = Duration(days) * Duration(day)
			return nil
		}
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fault{"is not a duration", "Write a number with its unit: 500ms, 30s, 2m, 90d"}
	}
	*d = Duration(parsed)
	return nil
}

// String returns the duration as it is written in the file, with whole days as days.
func (d Duration) String() string {
	if days := time.Duration(d) / day; days != 0 && time.Duration(d)%day == 0 {
		return strconv.FormatInt(int64(days), 10) + "d"
	}
	return time.Duration(d).String()
}

// MarshalText returns what String returns.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Percent is a whole number of percent, written like 20%.
type Percent int

// All is 100%.
const All Percent = 100

// UnmarshalText refuses what is not 1% to 100%.
func (p *Percent) UnmarshalText(text []byte) error {
	number, isPercent := strings.CutSuffix(string(text), "%")
	n, err := strconv.Atoi(number)
	if !isPercent || err != nil || n < 1 || n > int(All) {
		return fault{"is not from 1% to 100%", "Write it like 20%"}
	}
	*p = Percent(n)
	return nil
}

// String returns the percentage as it is written in the file.
func (p Percent) String() string { return strconv.Itoa(int(p)) + "%" }

// MarshalText returns what String returns.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// UnmarshalText reads 64 hexadecimal digits in any case. Its errors do not repeat
// the text, which may be the token itself.
func (d *Digest) UnmarshalText(text []byte) error {
	const hint = "Make it with: printf %s TOKEN | sha256sum"
	decoded, err := hex.DecodeString(string(text))
	switch {
	case len(text) != hex.EncodedLen(len(d)):
		return fault{fmt.Sprintf("must be 64 hexadecimal digits, not %d characters", len(text)), hint}
	case err != nil:
		return fault{"must be hexadecimal digits only", hint}
	case Digest(decoded) == sha256.Sum256(nil):
		return fault{"is the hash of an empty token", hint}
	}
	*d = Digest(decoded)
	return nil
}

// String returns 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns what String returns.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Expiry is the time from which a token is refused; the zero Expiry means never.
type Expiry struct{ time.Time }

// UnmarshalText reads a date (its first moment in UTC) or a time of RFC 3339.
func (e *Expiry) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(text)); err == nil && !t.IsZero() {
			e.Time = t.UTC()
			return nil
		}
	}
	return fault{"is not a date or time", "Write it like 2030-01-01 or 2030-01-01T12:00:00Z"}
}

// KeyID is the public part of a token: 8 letters or digits.
type KeyID string

// UnmarshalText refuses what is not such a part. Its errors do not repeat the text, which may be
// the token itself.
func (k *KeyID) UnmarshalText(text []byte) error {
	const length = 8
	if len(text) != length || !only(string(text), "") {
		return fault{fmt.Sprintf("must be %d letters or digits", length), "Write the part of the token between the first two \"_\", or remove the key"}
	}
	*k = KeyID(text)
	return nil
}

// TokenScope is something that a credential lets its client do.
type TokenScope string

// The scopes.
const (
	ScopeUsersRead   TokenScope = "users:read"
	ScopeUsersWrite  TokenScope = "users:write"
	ScopeGroupsRead  TokenScope = "groups:read"
	ScopeGroupsWrite TokenScope = "groups:write"
	ScopeBulk        TokenScope = "bulk"
)

// UnmarshalText refuses other values.
func (s *TokenScope) UnmarshalText(text []byte) error { return oneWord(s, text, s.words()) }

func (s *TokenScope) words() []string {
	return wordList(ScopeUsersRead, ScopeUsersWrite, ScopeGroupsRead, ScopeGroupsWrite, ScopeBulk)
}

// Access says whether a tenant answers.
type Access string

// The values of Access.
const (
	AccessFull     Access = "full"
	AccessReadOnly Access = "read-only" // writes are 403
	AccessPaused   Access = "paused"    // everything is 503
)

// UnmarshalText refuses other values.
func (a *Access) UnmarshalText(text []byte) error { return oneWord(a, text, a.words()) }

func (a *Access) words() []string {
	return wordList(AccessFull, AccessReadOnly, AccessPaused)
}

// Issuer is the issuer of tokens: an https or http URL, kept exactly as it is written, because
// tokens repeat it character by character (OpenID Connect Core section 2).
type Issuer string

// UnmarshalText refuses what is not such a URL.
func (i *Issuer) UnmarshalText(text []byte) error {
	if _, err := parseURL(string(text), "https", "http"); err != nil {
		return err
	}
	*i = Issuer(text)
	return nil
}

// KeysURL is the URL of an issuer's keys (RFC 7517). A server that answers in the issuer's place
// could make tokens. So the URL is https, or http to an address of this machine.
type KeysURL string

// UnmarshalText refuses what is not such a URL.
func (u *KeysURL) UnmarshalText(text []byte) error {
	parsed, err := parseURL(string(text), "https", "http")
	if err != nil {
		return err
	}
	if parsed.Scheme == "http" {
		if ip, err := netip.ParseAddr(parsed.Hostname()); err != nil || !ip.IsLoopback() {
			return fault{"is http", "Use https: a server that answers in the issuer's place could make tokens"}
		}
	}
	*u = KeysURL(text)
	return nil
}

// Network is an address or a range of addresses of the Internet.
type Network netip.Prefix

// UnmarshalText reads 10.0.0.0/8 or 10.1.2.3.
func (n *Network) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	if ip, e := netip.ParseAddr(string(text)); e == nil {
		prefix, err = ip.Unmap().Prefix(ip.Unmap().BitLen())
	}
	if err != nil {
		return fault{"is not an address or a range of addresses", "Write it like 10.0.0.0/8 or 10.1.2.3"}
	}
	*n = Network(prefix.Masked())
	return nil
}

// MarshalText returns the range as it is written in the file.
func (n Network) MarshalText() ([]byte, error) { return netip.Prefix(n).MarshalText() }

// Level is the lowest level that is logged.
type Level string

// The levels.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// UnmarshalText refuses other values.
func (l *Level) UnmarshalText(text []byte) error { return oneWord(l, text, l.words()) }

func (l *Level) words() []string {
	return wordList(LevelDebug, LevelInfo, LevelWarn, LevelError)
}

// Profile says how closely clients must keep to the RFCs.
type Profile string

// The values of Profile.
const (
	ProfileTolerant Profile = "tolerant"
	ProfileStrict   Profile = "strict"
)

// UnmarshalText refuses other values.
func (p *Profile) UnmarshalText(text []byte) error { return oneWord(p, text, p.words()) }

func (p *Profile) words() []string {
	return wordList(ProfileTolerant, ProfileStrict)
}

// Scope says which users a tenant of a realm has.
type Scope string

// The values of Scope.
const (
	ScopeAll   Scope = "all"
	ScopeOwned Scope = "owned"
)

// UnmarshalText refuses other values.
func (s *Scope) UnmarshalText(text []byte) error { return oneWord(s, text, s.words()) }

func (s *Scope) words() []string {
	return wordList(ScopeAll, ScopeOwned)
}

// UnknownMembers says what happens to group members that do not exist.
type UnknownMembers string

// The values of UnknownMembers.
const (
	// UnknownMembersRefuse answers 400 and names the ids; Entra tries again.
	UnknownMembersRefuse UnknownMembers = "refuse"
	// UnknownMembersIgnore leaves them as they are, counts them and logs them. It is for Okta, which never
	// repeats a request that got a 400.
	UnknownMembersIgnore UnknownMembers = "ignore"
)

// UnmarshalText refuses other values.
func (m *UnknownMembers) UnmarshalText(text []byte) error { return oneWord(m, text, m.words()) }

func (m *UnknownMembers) words() []string {
	return wordList(UnknownMembersRefuse, UnknownMembersIgnore)
}

// OnDelete says what happens to an account or a group when its owner deletes it.
type OnDelete string

// The values of OnDelete. In each case the tenant no longer has the user. A later creation of the
// same userName uses an account again that still exists.
const (
	OnDeleteDelete  OnDelete = "delete"
	OnDeleteDisable OnDelete = "disable" // the account stays, disabled, and leaves the tenant
	OnDeleteLeave   OnDelete = "leave"   // the account stays as it is, and leaves the tenant
)

// UnmarshalText refuses other values.
func (o *OnDelete) UnmarshalText(text []byte) error { return oneWord(o, text, o.words()) }

func (o *OnDelete) words() []string {
	return wordList(OnDeleteDelete, OnDeleteDisable, OnDeleteLeave)
}

// Adopt says which existing accounts and groups a tenant may take over.
type Adopt string

// The values of Adopt.
const (
	AdoptNever   Adopt = "never"
	AdoptUnowned Adopt = "unowned" // accounts and groups that no tenant owns
)

// UnmarshalText refuses other values.
func (a *Adopt) UnmarshalText(text []byte) error { return oneWord(a, text, a.words()) }

func (a *Adopt) words() []string {
	return wordList(AdoptNever, AdoptUnowned)
}

// Domains says which addresses a tenant of an organization may give its users.
type Domains string

// The values of Domains.
const (
	DomainsVerified Domains = "verified" // addresses in a verified domain of the organization
	DomainsAny      Domains = "any"
)

// UnmarshalText refuses other values.
func (d *Domains) UnmarshalText(text []byte) error { return oneWord(d, text, d.words()) }

func (d *Domains) words() []string {
	return wordList(DomainsVerified, DomainsAny)
}

// Delegated says what SCIM may do to people who administer a realm by a fine-grained permission and
// by no role of realm-management.
type Delegated string

// The values of Delegated.
const (
	DelegatedDeactivate Delegated = "deactivate" // nothing else
	DelegatedRefuse     Delegated = "refuse"
)

// UnmarshalText refuses other values.
func (d *Delegated) UnmarshalText(text []byte) error { return oneWord(d, text, d.words()) }

func (d *Delegated) words() []string {
	return wordList(DelegatedDeactivate, DelegatedRefuse)
}

// PermissionPolicies says how the bridge knows who has fine-grained permissions.
type PermissionPolicies string

// The values of PermissionPolicies.
const (
	PoliciesRead   PermissionPolicies = "read"   // from policies that name people; any other policy stops writes
	PoliciesListed PermissionPolicies = "listed" // other policies stop nothing: the operator listed the people
)

// UnmarshalText refuses other values.
func (p *PermissionPolicies) UnmarshalText(text []byte) error { return oneWord(p, text, p.words()) }

func (p *PermissionPolicies) words() []string {
	return wordList(PoliciesRead, PoliciesListed)
}

// oneWord sets a value that accepts only certain words.
func oneWord[T ~string](to *T, text []byte, valid []string) error {
	if slices.Contains(valid, string(text)) {
		*to = T(text)
		return nil
	}
	hint := ""
	if meant := nearest(string(text), valid); meant != "" {
		hint = "Did you mean " + meant + "?"
	}
	return fault{"must be " + strings.Join(valid[:len(valid)-1], ", ") + " or " + valid[len(valid)-1], hint}
}
