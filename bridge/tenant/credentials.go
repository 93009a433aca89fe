package tenant

import (
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Scopes is the set of what a credential lets its client do.
type Scopes uint8

// The scopes.
const (
	UsersRead Scopes = 1 << iota
	UsersWrite
	GroupsRead
	GroupsWrite
	Bulk

	AllScopes = UsersRead | UsersWrite | GroupsRead | GroupsWrite | Bulk
	// Writing has the scopes that allow changes.
	Writing = UsersWrite | GroupsWrite | Bulk
)

// scopeNames returns the names of the scopes in the order of their bits.
func scopeNames() []config.TokenScope {
	return []config.TokenScope{config.ScopeUsersRead, config.ScopeUsersWrite, config.ScopeGroupsRead, config.ScopeGroupsWrite, config.ScopeBulk}
}

// ScopesOf returns the set of some names. Without names it returns all scopes.
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

// Names returns the names in the set; ScopesOf reverses it.
func (s Scopes) Names() []config.TokenScope {
	var out []config.TokenScope
	for i, scope := range scopeNames() {
		if s&(1<<i) != 0 {
			out = append(out, scope)
		}
	}
	return out
}

// Has reports whether the set contains all of the others.
func (s Scopes) Has(others Scopes) bool { return s&others == others }

// String returns the names, separated by blanks as in OAuth (RFC 6749 section 3.3).
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

// SoonExpires is how long before the expiry of a token doctor and the log warn about it.
const SoonExpires = 30 * 24 * time.Hour

// Token is a static bearer token of a tenant. The bridge knows only its hash.
type Token struct {
	Name    string    // for the log
	KeyID   string    // public part of the token, "" for a token that was made elsewhere
	SHA256  [32]byte  // hash of the token as the client sends it
	Expires time.Time // zero for a token that never expires
	Scopes  Scopes
}

// Expired reports whether the token has expired.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// AccessToken says which JWT access tokens a tenant accepts, see config.AccessToken.
type AccessToken struct {
	Name          string // for the log
	Issuer        string // the claim iss
	KeysURL       string // URL of the issuer's keys
	Audience      string // a value that the claim aud must contain
	ClientID      string // the claim azp, appid or client_id; "" for any
	Subject       string // the claim sub; "" for any
	RequiredScope string // a scope that the claim scope or scp must contain; "" for no requirement
	// OfRealm says that the issuer is the tenant's realm. Its tokens must belong to the service
	// account of ClientID.
	OfRealm bool
	Scopes  Scopes
}

// ActorKind is the kind of an actor. When something else than a client or an operator makes changes,
// such as a background job, add a kind, so that its changes are not recorded as those of a client or
// an operator.
type ActorKind string

// The kinds of actors.
const (
	ActorClient   ActorKind = "client"   // an identity provider or a program, with a credential of the tenant
	ActorOperator ActorKind = "operator" // somebody who can use the configuration or the control socket
	ActorSystem   ActorKind = "system"   // the bridge itself, which reads what became of changes
	// ActorAdministrator is somebody who changes Keycloak without the bridge: an administrator in the console, or a
	// program that uses the Admin API. The name is the id of the user, and the key ID is the id of the client in Keycloak.
	ActorAdministrator ActorKind = "administrator"
	// ActorHolder is the user whose account is changed. The user has no name: the resource has the id.
	ActorHolder ActorKind = "account holder"
)

// Actor is the client or the operator that makes a request.
type Actor struct {
	Kind  ActorKind
	Name  string // for a client: the name of its credential
	KeyID string // for a client with a static token: the key ID, otherwise ""
}

// Principal is the actor of a request to a tenant, with its scopes. The scopes decide what it may
// do: any actor with too few scopes is refused like a client.
type Principal struct {
	Tenant *Tenant // required; looked up for each request, see Registry.ByPath
	Actor  Actor
	Scopes Scopes
}

// Operator returns the principal of the tenant's operator, which may do everything that a client
// may do.
func (t *Tenant) Operator() Principal {
	return Principal{Tenant: t, Actor: Actor{Kind: ActorOperator, Name: string(ActorOperator)}, Scopes: AllScopes}
}

// systemName is the name of the actor ActorSystem.
const systemName = "scim-bridge"

// System returns the principal for what the bridge does by itself at the tenant. It only reads.
func (t *Tenant) System() Principal {
	return Principal{Tenant: t, Actor: Actor{Kind: ActorSystem, Name: systemName}, Scopes: UsersRead | GroupsRead}
}
