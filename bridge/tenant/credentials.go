package tenant

import (
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Scopes are what a credential lets its client do, as a set.
type Scopes uint8

// The scopes.
const (
	UsersRead Scopes = 1 << iota
	UsersWrite
	GroupsRead
	GroupsWrite
	Bulk

	AllScopes = UsersRead | UsersWrite | GroupsRead | GroupsWrite | Bulk
	// Writing are those with which something is changed.
	Writing = UsersWrite | GroupsWrite | Bulk
)

// scopeNames are the scopes in the order of their bits.
func scopeNames() []config.TokenScope {
	return []config.TokenScope{config.ScopeUsersRead, config.ScopeUsersWrite, config.ScopeGroupsRead, config.ScopeGroupsWrite, config.ScopeBulk}
}

// ScopesOf is the set of names; none is all of them.
func ScopesOf(names []config.TokenScope) Scopes {
	if len(names) == 0 {
		return AllScopes
	}
	var out Scopes
	for i, scope := range scopeNames() {
		for _, name := range names {
			if name == scope {
				out |= 1 << i
			}
		}
	}
	return out
}

// Names are the names of the set, of which ScopesOf is the reverse.
func (s Scopes) Names() []config.TokenScope {
	var out []config.TokenScope
	for i, scope := range scopeNames() {
		if s&(1<<i) != 0 {
			out = append(out, scope)
		}
	}
	return out
}

// Has reports whether all of the others are in the set.
func (s Scopes) Has(others Scopes) bool { return s&others == others }

// String is the names with blanks between, as in OAuth (RFC 6749 section 3.3).
func (s Scopes) String() string {
	names := s.Names()
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, " ")
}

// AttrCredentials is the attribute of an organization that holds the credentials of its tenant, see
// auth.AttrCredentials.
const AttrCredentials = "scim.credentials"

// SoonExpires is how long before its end a token is spoken of.
const SoonExpires = 30 * 24 * time.Hour

// Token is a static bearer token of a tenant, known by its hash only.
type Token struct {
	Name    string    // for the log
	KeyID   string    // its public part, "" for a token that was made elsewhere
	SHA256  [32]byte  // of the token as the client sends it
	Expires time.Time // zero: never
	Scopes  Scopes
}

// Expired reports whether the token has ended.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// AccessToken says which JWT access tokens a tenant takes, see config.AccessToken.
type AccessToken struct {
	Name          string // for the log
	Issuer        string // the claim iss
	KeysURL       string // of the issuer's keys
	Audience      string // which the claim aud must hold
	ClientID      string // the claim azp, appid or client_id; "" for any
	Subject       string // the claim sub; "" for any
	RequiredScope string // which the claim scope or scp must hold; "" for none
	// OfRealm says that the issuer is the tenant's realm, whose tokens must be those of the
	// service account of ClientID.
	OfRealm bool
	Scopes  Scopes
}

// ActorKind is what sort of somebody asks for something. A way in whose actor is neither of these, as a program that
// works by itself, adds a kind: what it changes is booked on no client and on no operator.
type ActorKind string

// The kinds of actors.
const (
	ActorClient   ActorKind = "client"   // an identity provider or a program, with a credential of the tenant
	ActorOperator ActorKind = "operator" // who has the configuration, or the control socket
)

// Actor is who asks for something.
type Actor struct {
	Kind  ActorKind
	Name  string // of a client the name of its credential
	KeyID string // of a client's static token, else ""
}

// Principal is who asks for something of a tenant, and what that may be. The scopes are all that it may do: an actor
// whose scopes are less than its work needs is refused like a client.
type Principal struct {
	Tenant *Tenant // required; looked up for each request, see Registry.ByPath
	Actor  Actor
	Scopes Scopes
}

// Operator is the operator of the tenant, who may do whatever a client may.
func (t *Tenant) Operator() Principal {
	return Principal{Tenant: t, Actor: Actor{Kind: ActorOperator, Name: string(ActorOperator)}, Scopes: AllScopes}
}
