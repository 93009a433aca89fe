package keycloak

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"
)

// OAuthClient is a confidential client that only has a service account. A client of the bridge calls with its access
// tokens.
type OAuthClient struct {
	UUID     ClientUUID // zero until it is created
	ClientID string
	// Tenant is the tenant of the client, from the attribute scim.tenant. It is "" for a client that was made in
	// another way.
	Tenant   string
	Audience string // the audience of its tokens, or ""
	// MadeFor is the audience for which the client was made, from the attribute scim.audience. It is "" for a client
	// that was made in another way, or before the attribute existed.
	MadeFor string
	Scopes  []string
	// Proof is how the client authenticates; the zero value means a secret.
	Proof Proof
	// Plain says that the client can only get a token for its service account, which has no rights.
	Plain bool

	mapper string // the id of the mapper that sets the audience of its tokens, or ""
}

// Proof replaces a client's secret by assertions. The client signs them with keys at a URL (private_key_jwt, RFC 7523),
// or an identity provider of the realm issues them about one subject (needs 26.6).
type Proof struct{ KeysURL, Alias, Subject string }

// IsSecret reports whether the client authenticates with a secret that Keycloak makes.
func (p Proof) IsSecret() bool { return p == Proof{} }

// Alike reports whether two clients authenticate in the same way.
func (p Proof) Alike(other Proof) bool { return p.authenticator() == other.authenticator() }

func (p Proof) authenticator() string {
	switch {
	case p.IsSecret():
		return secretBased
	case p.KeysURL != "":
		return keysBased
	}
	return assertionBased
}

// attributes are the attributes of the client for this proof.
func (p Proof) attributes() map[string]string {
	switch p.authenticator() {
	case keysBased:
		return map[string]string{attrUseKeys: "true", attrKeys: p.KeysURL}
	case assertionBased:
		return map[string]string{attrIssuer: p.Alias, attrSubject: p.Subject}
	}
	return nil
}

const (
	attrTenant     = "scim.tenant"
	attrAudience   = "scim.audience"
	attrLifespan   = "access.token.lifespan"
	attrIssuer     = "jwt.credential.issuer"
	attrSubject    = "jwt.credential.sub"
	attrUseKeys    = "use.jwks.url"
	attrKeys       = "jwks.url"
	secretBased    = "client-secret"
	keysBased      = "client-jwt"
	assertionBased = "federated-jwt" // 26.6 and newer
	mapperName     = "scim-bridge"
	mapperType     = "oidc-audience-mapper"
	customAudience = "included.custom.audience" // of its configuration
	oidc           = "openid-connect"

	// lifespan of the tokens, in seconds. Entra asks for 1 to 6 hours.
	lifespan = "7200"
)

type oauthJSON struct {
	ID                        string            `json:"id,omitempty"`
	ClientID                  string            `json:"clientId"`
	Description               string            `json:"description,omitempty"`
	Protocol                  string            `json:"protocol"`
	Enabled                   bool              `json:"enabled"`
	PublicClient              bool              `json:"publicClient"`
	BearerOnly                bool              `json:"bearerOnly"`
	ServiceAccountsEnabled    bool              `json:"serviceAccountsEnabled"`
	StandardFlowEnabled       bool              `json:"standardFlowEnabled"`
	ImplicitFlowEnabled       bool              `json:"implicitFlowEnabled"`
	DirectAccessGrantsEnabled bool              `json:"directAccessGrantsEnabled"`
	FullScopeAllowed          bool              `json:"fullScopeAllowed"`
	ClientAuthenticatorType   string            `json:"clientAuthenticatorType"`
	DefaultClientScopes       []string          `json:"defaultClientScopes,omitempty"`
	OptionalClientScopes      []string          `json:"optionalClientScopes,omitzero"`
	Attributes                map[string]string `json:"attributes"`

	ProtocolMappers []gocloak.ProtocolMapperRepresentation `json:"protocolMappers,omitempty"`
}

// plain reports whether a client can only get a token for its service account.
func (j oauthJSON) plain() bool {
	return j.Enabled && j.ServiceAccountsEnabled && !j.PublicClient && !j.BearerOnly && !j.StandardFlowEnabled && !j.ImplicitFlowEnabled && !j.DirectAccessGrantsEnabled && !j.FullScopeAllowed
}

// settings are the settings of a client, except its mappers and scopes.
func (o OAuthClient) settings() oauthJSON {
	out := oauthJSON{
		ClientID: o.ClientID, Description: "SCIM bridge: an identity provider that provisions, by OAuth", Protocol: oidc, Enabled: true, ServiceAccountsEnabled: true,
		ClientAuthenticatorType: o.Proof.authenticator(), Attributes: map[string]string{attrTenant: o.Tenant, attrAudience: o.Audience, attrLifespan: lifespan},
	}
	maps.Copy(out.Attributes, o.Proof.attributes())
	return out
}

func audienceMapper(audience string) gocloak.ProtocolMapperRepresentation {
	return gocloak.ProtocolMapperRepresentation{Name: new(mapperName), Protocol: new(oidc), ProtocolMapper: new(mapperType), Config: &map[string]string{
		customAudience: audience, "access.token.claim": "true", "introspection.token.claim": "true",
	}}
}

// FindOAuthClient finds a client by its clientId. Needs view-clients.
func (c *Client) FindOAuthClient(ctx context.Context, clientID string) (o OAuthClient, ok bool, err error) {
	id, ok, err := c.FindClient(ctx, clientID)
	if err != nil || !ok {
		return OAuthClient{}, false, err
	}
	var j oauthJSON
	if err := c.get(ctx, "get client", "/clients/"+id.escaped(), nil, &j); err != nil {
		return OAuthClient{}, false, err
	}
	o = OAuthClient{UUID: id, ClientID: j.ClientID, Tenant: j.Attributes[attrTenant], MadeFor: j.Attributes[attrAudience], Scopes: j.DefaultClientScopes, Plain: j.plain()}
	switch j.ClientAuthenticatorType {
	case assertionBased:
		o.Proof = Proof{Alias: j.Attributes[attrIssuer], Subject: j.Attributes[attrSubject]}
	case keysBased:
		o.Proof.KeysURL = j.Attributes[attrKeys]
	}
	for _, m := range j.ProtocolMappers {
		if deref(m.Name) != mapperName {
			continue
		}
		o.mapper = deref(m.ID)
		if deref(m.ProtocolMapper) == mapperType && m.Config != nil {
			o.Audience = (*m.Config)[customAudience]
		}
	}
	return o, true, nil
}

// CreateOAuthClient creates the client with client scopes, which must exist under these names. Needs manage-clients.
func (c *Client) CreateOAuthClient(ctx context.Context, o OAuthClient) (ClientUUID, error) {
	const op = "create client"
	body := o.settings()
	body.DefaultClientScopes, body.OptionalClientScopes = o.Scopes, []string{}
	body.ProtocolMappers = []gocloak.ProtocolMapperRepresentation{audienceMapper(o.Audience)}
	location, err := c.create(ctx, op, "/clients", body)
	if err != nil {
		return ClientUUID{}, err
	}
	id, err := ParseClientUUID(location)
	return id, noLocation(op, err)
}

// RestoreOAuthClient resets a client to its settings. Its mappers and scopes do not change. Needs manage-clients.
func (c *Client) RestoreOAuthClient(ctx context.Context, o OAuthClient) error {
	body := o.settings()
	body.ID = o.UUID.String()
	return c.write(ctx, "update client", http.MethodPut, "/clients/"+o.UUID.escaped(), body)
}

// SetAudience replaces the audience of the tokens of a client that FindOAuthClient returned. Needs manage-clients.
func (c *Client) SetAudience(ctx context.Context, o OAuthClient, audience string) error {
	if o.mapper != "" { // it may have another type, and the type cannot be changed
		id, err := parseSegment(o.mapper)
		if err == nil {
			err = c.viaGocloak(ctx, "delete protocol mapper", func(ctx context.Context, token string) error {
				return c.cloak.DeleteClientProtocolMapper(ctx, token, c.realm.escaped(), o.UUID.escaped(), id.escaped())
			})
		}
		if err != nil && KindOf(err) != NotFound {
			return err
		}
	}
	return c.viaGocloak(ctx, "create protocol mapper", func(ctx context.Context, token string) error {
		_, err := c.cloak.CreateClientProtocolMapper(ctx, token, c.realm.escaped(), o.UUID.escaped(), audienceMapper(audience))
		return err
	})
}

// DeleteClient deletes a client with its service account. Needs manage-clients.
func (c *Client) DeleteClient(ctx context.Context, id ClientUUID) error {
	return c.viaGocloak(ctx, "delete client", func(ctx context.Context, token string) error {
		return c.cloak.DeleteClient(ctx, token, c.realm.escaped(), id.escaped())
	})
}

// NewClientSecret gives a client a new secret, which ClientSecret reads. The old secret stops working at once. Needs
// manage-clients.
func (c *Client) NewClientSecret(ctx context.Context, id ClientUUID) error {
	return c.viaGocloak(ctx, "create client secret", func(ctx context.Context, token string) error {
		_, err := c.cloak.RegenerateClientSecret(ctx, token, c.realm.escaped(), id.escaped())
		return err
	})
}

// FindClientScope finds a client scope for OpenID Connect. Needs view-clients.
func (c *Client) FindClientScope(ctx context.Context, name string) (id string, ok bool, err error) {
	var list []struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Protocol string `json:"protocol"`
	}
	if err := c.get(ctx, "list client scopes", "/client-scopes", nil, &list); err != nil {
		return "", false, err
	}
	for _, s := range list {
		if s.Name == name && s.Protocol == oidc {
			return s.ID, true, nil
		}
	}
	return "", false, nil
}

// CreateClientScope creates a client scope without mappers or roles; tokens name it. Needs manage-clients.
func (c *Client) CreateClientScope(ctx context.Context, name, description string) error {
	scope := gocloak.ClientScope{
		Name: &name, Description: &description, Protocol: new(oidc),
		ClientScopeAttributes: &gocloak.ClientScopeAttributes{IncludeInTokenScope: new("true"), DisplayOnConsentScreen: new("false")},
	}
	return c.viaGocloak(ctx, "create client scope", func(ctx context.Context, token string) error {
		_, err := c.cloak.CreateClientScope(ctx, token, c.realm.escaped(), scope)
		return err
	})
}

// AddClientScope adds a scope to a client. The client's tokens have the scope even if it is not requested. Needs
// manage-clients.
func (c *Client) AddClientScope(ctx context.Context, id ClientUUID, scopeID string) error {
	s, err := parseSegment(scopeID)
	if err != nil {
		return &Error{Op: "add client scope", Kind: Invalid, Err: err}
	}
	return c.viaGocloak(ctx, "add client scope", func(ctx context.Context, token string) error {
		return c.cloak.AddDefaultScopeToClient(ctx, token, c.realm.escaped(), id.escaped(), s.escaped())
	})
}

// TakesAssertions reports whether clients of the realm may authenticate with assertions of an identity provider of the
// realm. Only Keycloak 26.6 and newer can do that. Needs view-realm.
func (c *Client) TakesAssertions(ctx context.Context) (bool, error) {
	var list []struct {
		ID string `json:"id"`
	}
	err := c.get(ctx, "list client authenticators", "/authentication/client-authenticator-providers", nil, &list)
	for _, p := range list {
		if p.ID == assertionBased {
			return true, err
		}
	}
	return false, err
}

// Asserter is an identity provider whose assertions clients of the realm may send.
type Asserter struct {
	Alias, Issuer, KeysURL string
	Audience               string // of its assertions
}

type asserterJSON struct {
	Alias       string            `json:"alias"`
	DisplayName string            `json:"displayName,omitempty"`
	ProviderID  string            `json:"providerId"`
	Enabled     bool              `json:"enabled"`
	HideOnLogin bool              `json:"hideOnLogin"`
	LinkOnly    bool              `json:"linkOnly"`
	Config      map[string]string `json:"config"`
}

// Asserters are the identity providers whose assertions clients may send. Needs view-identity-providers.
func (c *Client) Asserters(ctx context.Context) ([]Asserter, error) {
	var list []asserterJSON
	if err := c.get(ctx, "list identity providers", "/identity-provider/instances", nil, &list); err != nil {
		return nil, err
	}
	var out []Asserter
	for _, p := range list {
		if p.Enabled && p.Config["supportsClientAssertions"] == "true" {
			out = append(out, Asserter{p.Alias, p.Config["issuer"], p.Config["jwksUrl"], p.Config["clientId"]})
		}
	}
	return out, nil
}

// assertionLifespan is how long an assertion may be valid, in seconds: Entra's are valid for 65 minutes.
const assertionLifespan = "4200"

// CreateAsserter creates an identity provider whose assertions clients may send. Nobody can log in through it. Needs
// manage-identity-providers. It sets the options directly, also where an older console has no switches for them.
func (c *Client) CreateAsserter(ctx context.Context, a Asserter) error {
	unused := a.Issuer + "/unused" // required but never called
	_, err := c.create(ctx, "create identity provider", "/identity-provider/instances", asserterJSON{
		Alias: a.Alias, DisplayName: "Assertions of clients that provision by SCIM", ProviderID: "oidc", Enabled: true, HideOnLogin: true, LinkOnly: true,
		Config: map[string]string{
			"issuer": a.Issuer, "useJwksUrl": "true", "jwksUrl": a.KeysURL, "validateSignature": "true",
			"authorizationUrl": unused, "tokenUrl": unused, "clientId": a.Audience, "clientSecret": "unused",
			"supportsClientAssertions": "true", "supportsClientAssertionReuse": "true", "allowClientIdAsAudience": "true",
			"federatedClientAssertionMaxExpiration": assertionLifespan,
		},
	})
	return err
}

// DirectRoles are all roles that a user has directly. Needs view-users and view-clients.
func (c *Client) DirectRoles(ctx context.Context, id UserID) ([]Role, error) {
	var answer struct {
		Realm  []Role `json:"realmMappings"`
		Client map[string]struct {
			Roles []Role `json:"mappings"`
		} `json:"clientMappings"`
	}
	err := c.get(ctx, "list roles of user", id.roleMappings(), nil, &answer)
	out := answer.Realm
	for _, name := range slices.Sorted(maps.Keys(answer.Client)) {
		for _, r := range answer.Client[name].Roles {
			r.Client = name
			out = append(out, r)
		}
	}
	return out, err
}

// OpenID is the realm's OpenID Connect configuration, with the addresses that clients use.
type OpenID struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"token_endpoint"`
}

// OpenID reads the configuration, without credentials.
func (c *Client) OpenID(ctx context.Context) (o OpenID, err error) {
	const op = "get OpenID configuration"
	err = c.ofRealm().exchange(withOp(ctx, op), http.MethodGet, "/.well-known/openid-configuration", nil, &o)
	return o, named(op, err)
}

// TokenOf gets an access token of the realm for a client, with the client's secret and a scope.
func (c *Client) TokenOf(ctx context.Context, clientID, secret, scope string) (string, error) {
	const op = "get token of client"
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}, "scope": {scope}}
	var answer tokenAnswer
	err := c.ofRealm().exchange(withOp(ctx, op), http.MethodPost, "/protocol/openid-connect/token", strings.NewReader(form.Encode()), &answer)
	return answer.AccessToken, named(op, err)
}

// ofRealm requests tokens from the client's realm; the bridge's own account may be in another realm.
func (c *Client) ofRealm() *tokenSource {
	return &tokenSource{http: c.http, realmURL: c.url + "/realms/" + c.realm.escaped()}
}
