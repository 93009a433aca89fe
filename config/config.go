package config

import (
	"crypto/tls"
	"crypto/x509"
	"reflect"
	"time"
)

// Version is the version of the file format that this package reads.
const Version = 1

// Config is config.yaml. The names in the json tags are the keys of the file, so
// that printing a Config as JSON shows the file's names with secrets redacted.
type Config struct {
	// Version is `version`: the version of the format, required, 1.
	Version int `json:"version"`
	// Server is `server`: the listener that clients (IdPs) speak SCIM to.
	Server Server `json:"server"`
	// Admin is `admin`: the listener for health and metrics.
	Admin Admin `json:"admin"`
	// Metrics is `metrics`: which tenants the metrics name.
	Metrics Metrics `json:"metrics"`
	// Log is `log`.
	Log Log `json:"log"`
	// Tracing is `tracing`: where traces go.
	Tracing Tracing `json:"tracing"`
	// Keycloak is `keycloak`: the server whose Admin API is called.
	Keycloak Keycloak `json:"keycloak"`
	// Outbound is `outbound`: the way to others than Keycloak.
	Outbound Outbound `json:"outbound"`
	// Bulk is `bulk`: the limits of bulk requests.
	Bulk Bulk `json:"bulk"`
	// Index is `index`: what answers filters and orders that Keycloak cannot.
	Index Index `json:"index"`
	// Realms is `realms`: Keycloak realm name to realm, required, never master.
	Realms map[string]Realm `json:"realms"`

	// File is the name that Load was given.
	File string `json:"-"`
	// Files are the digests of all files that were read, this one among them, by name; the
	// zero digest is that of one that could not be. Watch takes them.
	Files map[string]Digest `json:"-"`
}

// Server is the SCIM listener and its limits.
type Server struct {
	// Listen is `listen`: the address to listen at, default 127.0.0.1:8081.
	Listen Address `json:"listen"`
	// PublicURL is `publicURL`: the URL under which clients reach the service root,
	// without a trailing slash. Default http://<listen> when that names a host and
	// a port.
	PublicURL URL `json:"publicURL"`
	// ErrorDocs is `errorDocs`: the URL of a page that explains the codes of errors, such as a copy of
	// docs/reference/errors.md, where each has an anchor of its name. The detail of each error ends in a
	// link to it then. Default none.
	ErrorDocs URL `json:"errorDocs,omitempty"`
	// MaxBodyBytes is `maxBodyBytes`: the largest request body, in bytes, default
	// 2 MiB.
	MaxBodyBytes int64 `json:"maxBodyBytes"`
	// RequestTimeout is `requestTimeout`: the time one request may take, default
	// 55s, because Okta gives up after 60 s.
	RequestTimeout Duration `json:"requestTimeout"`
	// DrainTimeout is `drainTimeout`: how long requests in flight may take to end
	// after SIGTERM, default 30s.
	DrainTimeout Duration `json:"drainTimeout"`
	// TrustedProxies is `trustedProxies`: the addresses of proxies whose X-Forwarded-For
	// says who the client is, default none.
	TrustedProxies []Network `json:"trustedProxies,omitempty"`
	// FailuresPerMinute is `failuresPerMinute`: the requests without a good credential that
	// one address may send in a minute before they are 429 in place of 401, default 300.
	FailuresPerMinute int `json:"failuresPerMinute"`
	// MaxResults is `maxResults`: the most resources on a page of a list, default 1000.
	MaxResults int `json:"maxResults"`
	// CursorTimeout is `cursorTimeout`: how long a cursor to the next page is good, default
	// 1h.
	CursorTimeout Duration `json:"cursorTimeout"`
	// HidePagination is `hidePagination`: leave the attribute pagination, which is younger
	// than RFC 7643, out of the service provider configuration, for clients that refuse what
	// they do not know; default false. Cursors work without it.
	HidePagination bool `json:"hidePagination"`
}

// Bulk bounds a bulk request.
type Bulk struct {
	// MaxOperations is `maxOperations`: the most operations of one request, default 1000.
	MaxOperations int `json:"maxOperations"`
	// MaxPayloadBytes is `maxPayloadBytes`: the largest body of one, in bytes, default 4 MiB.
	MaxPayloadBytes int64 `json:"maxPayloadBytes"`
}

// Index bounds the indexes of all tenants, which are in memory.
type Index struct {
	// MaxMemoryBytes is `maxMemoryBytes`: what they may take together, default 256 MiB, for
	// about 800,000 users.
	MaxMemoryBytes int64 `json:"maxMemoryBytes"`
	// Warm is `warm`: make them at the start and keep them, so that nobody waits; else they
	// are made when they are needed. Default false.
	Warm bool `json:"warm"`
}

// Admin is the listener for health and metrics.
type Admin struct {
	// Listen is `listen`: the address to listen at, default 127.0.0.1:9091.
	Listen Address `json:"listen"`
	// Hosts is `hosts`: the names by which browsers and Prometheus call the listener, beside its
	// addresses, localhost and the name in listen.
	Hosts []HostName `json:"hosts,omitempty"`
	// Socket is `socket`: the Unix socket for operators' commands, relative to the
	// directory of the file; "" for none.
	Socket string `json:"socket,omitempty"`
}

// Log says how much is logged.
type Log struct {
	// Level is `level`: debug, info, warn or error, default info.
	Level Level `json:"level"`
}

// Tracing says where the traces of requests go (OpenTelemetry).
type Tracing struct {
	// Endpoint is `endpoint`: the URL of a collector that takes OTLP over HTTP, without the path
	// /v1/traces; "" sends nothing.
	Endpoint URL `json:"endpoint,omitempty"`
	// Sample is `sample`: the share of the traces that begin at the bridge which are sent, default
	// 100%.
	Sample Percent `json:"sample"`
}

// Keycloak is the server behind the bridge and how to reach it.
type Keycloak struct {
	// URL is `url`: the root of the server, with its relative path if it has one,
	// without a trailing slash. Required.
	URL URL `json:"url"`
	// CAFile is `caFile`: PEM certificates that the server's chain may end in, in
	// place of the system's.
	CAFile File `json:"caFile,omitempty"`
	// ClientCertFile is `clientCertFile`: PEM certificate chain for mutual TLS.
	ClientCertFile File `json:"clientCertFile,omitempty"`
	// ClientKeyFile is `clientKeyFile`: PEM private key of that certificate.
	ClientKeyFile File `json:"clientKeyFile,omitempty"`
	// Proxy is `proxy`: the proxy on the way to Keycloak; "" is a direct connection.
	Proxy ProxyURL `json:"proxy,omitempty"`
	// ConnectTimeout is `connectTimeout`: the time to connect, default 3s.
	ConnectTimeout Duration `json:"connectTimeout"`
	// ResponseTimeout is `responseTimeout`: the time one call may take, default 10s.
	ResponseTimeout Duration `json:"responseTimeout"`
	// MaxInFlight is `maxInFlight`: the calls to Keycloak at one time, default 64.
	MaxInFlight int `json:"maxInFlight"`
	// BreakerDelay is `breakerDelay`: how long no call is made once Keycloak did not answer most
	// of the last, default 5s.
	BreakerDelay Duration `json:"breakerDelay"`

	// RootCAs are the certificates of CAFile; nil means the system's.
	RootCAs *x509.CertPool `json:"-"`
	// ClientCertificate is the pair of ClientCertFile and ClientKeyFile, or nil.
	ClientCertificate *tls.Certificate `json:"-"`
}

// Outbound is how others than Keycloak are called: the keys of other issuers, and the collector of traces.
type Outbound struct {
	// CAFile is `caFile`: PEM certificates that their chains may end in, beside the system's.
	CAFile File `json:"caFile,omitempty"`
	// Proxy is `proxy`: the proxy on the way to them; "" is what the environment says (HTTPS_PROXY, HTTP_PROXY,
	// NO_PROXY).
	Proxy ProxyURL `json:"proxy,omitempty"`

	// RootCAs are the system's certificates and those of CAFile; nil means the system's.
	RootCAs *x509.CertPool `json:"-"`
}

// Realm is a Keycloak realm that the bridge serves.
type Realm struct {
	// Credentials is `credentials`: the service account of the bridge, required.
	Credentials Credentials `json:"credentials"`
	// Tenants is `tenants`: the SCIM endpoints of the realm and of its organizations.
	Tenants []Tenant `json:"tenants"`
	// Organizations is `organizations`: "*" or keys; serves every organization that has a
	// credential in its attributes and stands not in Tenants.
	Organizations Organizations `json:"organizations,omitzero"`
	// Protected is `protected`: what SCIM may not write in the realm, beside its
	// administrators.
	Protected Protected `json:"protected,omitzero"`
	// Issuer is `issuer`: what the realm's tokens say their issuer is; "" for the realm's
	// address below Keycloak.URL, which is another one when clients reach Keycloak elsewhere.
	Issuer Issuer `json:"issuer,omitempty"`
	// CredentialKeyFile is `credentialKeyFile`: a file with the secret by which those
	// credentials are known to be the bridge's, required with organizations.
	CredentialKeyFile File `json:"credentialKeyFile,omitempty"`

	// CredentialKey is the secret that was read.
	CredentialKey Secret `json:"-"`
}

// Protected names users and groups that SCIM shows by their names alone and never changes, and says
// how others who administer the realm are treated.
type Protected struct {
	// Users is `users`: their user names, or their ids behind "id:".
	Users []string `json:"users,omitempty"`
	// Groups is `groups`: the paths of groups, or their ids behind "id:", which are protected with
	// all groups below them and their members.
	Groups []GroupPath `json:"groups,omitempty"`
	// Delegated is `delegated`: deactivate or refuse, default deactivate; for those who administer
	// the realm by a fine-grained permission.
	Delegated Delegated `json:"delegated,omitempty"`
	// Policies is `policies`: read or listed, default read; how it is known who they are.
	Policies PermissionPolicies `json:"policies,omitempty"`
}

// Organizations says what holds for the organizations of a realm that bring their own
// credentials.
type Organizations struct {
	// These are as in Tenant.
	BareToken  bool       `json:"bareToken"`
	BasicAuth  bool       `json:"basicAuth"`
	Profile    Profile    `json:"profile"`
	Tolerances Tolerances `json:"tolerances,omitzero"`
	Mapping    string     `json:"mapping,omitempty"`

	Policies

	// Overrides is `overrides`: what holds for some of them instead, each with the tokens that it has.
	Overrides []Override `json:"overrides,omitempty"`

	// All says that they are served.
	All bool `json:"-"`
	// Where is as in Tenant.
	Where Problem `json:"-"`
}

// Override says what holds for one organization in the place of what Organizations says. Its tokens are
// those in its attributes, and its URL and key those that it has without.
type Override struct {
	// Organization is `organization`: its alias, as in Tenant.
	Organization string `json:"organization"`
	// OrganizationID is `organizationID`: its id, required. The override is for the organization with
	// the id, whoever has the alias.
	OrganizationID string `json:"organizationID"`
	// These are as in Organizations, and one that is not given is what that says.
	BareToken  bool       `json:"bareToken"`
	BasicAuth  bool       `json:"basicAuth"`
	Profile    Profile    `json:"profile"`
	Tolerances Tolerances `json:"tolerances,omitzero"`
	Mapping    string     `json:"mapping,omitempty"`

	Policies

	// AccessTokens is `accessTokens`: whose JWT access tokens are taken beside the tokens of the organization.
	AccessTokens []AccessToken `json:"accessTokens,omitempty"`

	// SharesMapping says that Mapping is that of Organizations.
	SharesMapping bool `json:"-"`
	// Where is as in Tenant.
	Where Problem `json:"-"`
}

// decodeNode takes "*" for no key.
func (o *Organizations) decodeNode(d decoder, path string, n node) {
	type keys Organizations
	switch {
	case n.kind == kindText && n.text == "*":
	case n.kind == kindMapping:
		d.record(path, n, reflect.ValueOf((*keys)(o)).Elem())
	default:
		d.r.add(path, `must be "*", or keys and values`, `Write organizations: "*" to serve every organization that has a credential`)
		return
	}
	o.All = true
}

// Credentials are those of a confidential client with a service account. Exactly
// one of the three sources is set.
type Credentials struct {
	// ClientID is `clientID`: the client's id, required.
	ClientID string `json:"clientID"`
	// ClientSecretFile is `clientSecretFile`: a file that holds the client secret.
	ClientSecretFile File `json:"clientSecretFile,omitempty"`
	// ClientSecretEnv is `clientSecretEnv`: the name of an environment variable that
	// holds the client secret.
	ClientSecretEnv string `json:"clientSecretEnv,omitempty"`
	// PrivateKeyFile is `privateKeyFile`: a PEM private key for private_key_jwt.
	PrivateKeyFile File `json:"privateKeyFile,omitempty"`
	// KeyID is `keyID`: the kid of that key, "" for none.
	KeyID string `json:"keyID,omitempty"`

	// Secret is the client secret that was read; zero when a key is used.
	Secret Secret `json:"-"`
	// PrivateKey is the key that was read; zero when a secret is used.
	PrivateKey PrivateKey `json:"-"`
}

// Tenant is one SCIM endpoint: /realms/{path}/scim/v2 of a realm, or
// /realms/{realm}/organizations/{organization}/scim/v2.
type Tenant struct {
	// Organization is `organization`: the alias of the organization whose members are the
	// tenant's users; "" for a tenant of the realm.
	Organization string `json:"organization,omitempty"`
	// OrganizationID is `organizationID`: the id of that organization, required with it. The
	// tenant is bound to it, whoever has the alias.
	OrganizationID string `json:"organizationID,omitempty"`
	// Scope is `scope`: whose users a tenant of a realm has: all, or those that it owns.
	// Default all.
	Scope Scope `json:"scope"`
	// Path is `path`: the segment of the URL, default the realm's name. Okta refuses
	// "_" in base URLs, hence the alias. Unique over all tenants.
	Path string `json:"path"`
	// Key is `key`: what marks the tenant's values in Keycloak, default realm, of an
	// organization its id. Unlike Path it must never change; unique in the realm.
	Key string `json:"key"`
	// Tokens is `tokens`: the static bearer tokens, and once loaded those of TokensFile too.
	// At least one of Tokens, TokensFile and AccessTokens is given.
	Tokens []Token `json:"tokens"`
	// TokensFile is `tokensFile`: a file of further tokens, see TokenList.
	TokensFile File `json:"tokensFile,omitempty"`
	// AccessTokens is `accessTokens`: whose JWT access tokens are taken.
	AccessTokens []AccessToken `json:"accessTokens,omitempty"`
	// BareToken is `bareToken`: take an Authorization header that holds the token
	// without the word Bearer (Okta's header mode), default false.
	BareToken bool `json:"bareToken"`
	// BasicAuth is `basicAuth`: take a token as the password of HTTP Basic, for clients that can do
	// nothing else, default false.
	BasicAuth bool `json:"basicAuth"`
	// Profile is `profile`: tolerant takes what identity providers send beside the
	// RFC, strict refuses it; default tolerant.
	Profile Profile `json:"profile"`
	// Tolerances is `tolerances`: what of that the tolerant profile does not take of this tenant's clients.
	Tolerances Tolerances `json:"tolerances,omitzero"`
	// Mapping is `mapping`: the mapping file, "" for the built-in mapping. Its meaning is
	// checked by bridge/mapping.
	Mapping string `json:"mapping,omitempty"`

	Policies

	// OfOrganization says that the tenant is made of an Override: its tokens are those in the attributes of
	// its organization. SharesMapping is as there.
	OfOrganization bool `json:"-"`
	SharesMapping  bool `json:"-"`
	// Where is where the tenant stands in the file: a Problem without a text, for those that
	// are found later.
	Where Problem `json:"-"`
}

// Policies are what the operator decides for a tenant.
type Policies struct {
	// UnknownMembers is `unknownMembers`: refuse or ignore, default refuse.
	UnknownMembers UnknownMembers `json:"unknownMembers"`
	// OnDelete is `onDelete`: delete, disable or leave, default delete.
	OnDelete OnDelete `json:"onDelete"`
	// Adopt is `adopt`: never or unowned, default never.
	Adopt Adopt `json:"adopt"`
	// ExternalID is `externalId`: shared or unique, default shared.
	ExternalID ExternalID `json:"externalId"`
	// PatchResponse is `patchResponse`: auto, full, minimal or none, default auto.
	PatchResponse PatchResponse `json:"patchResponse"`
	// Rehire is `rehire`: refuse or revive, default refuse; revive needs a unique externalId.
	Rehire Rehire `json:"rehire"`
	// Domains is `domains`: verified or any, of a tenant of an organization; default verified.
	Domains Domains `json:"domains"`
	// Access is `access`: full, read-only or paused, default full.
	Access Access `json:"access"`
	// Limits is `limits`.
	Limits Limits `json:"limits"`
	// RemovalBrake is `removalBrake`.
	RemovalBrake RemovalBrake `json:"removalBrake"`
}

// RemovalBrake bounds how many users one tenant may remove or deactivate within a time.
type RemovalBrake struct {
	// Max is `max`: of the tenant's users, default 20%; 100% is no brake.
	Max Percent `json:"max"`
	// Window is `window`: within that time, default 1h.
	Window Duration `json:"window"`
	// Floor is `floor`: as many may go whatever Max says, for tenants with few users; default 3.
	Floor int `json:"floor"`
}

// Off reports whether there is no brake, as in the zero value.
func (r RemovalBrake) Off() bool { return r.Max == 0 || r.Max == All }

// Most is how many of so many users may go within the window.
func (r RemovalBrake) Most(users int) int { return max(r.Floor, (users*int(r.Max)+99)/100) }

// Limits bound what one tenant may ask for; more is 429.
type Limits struct {
	// RequestsPerSecond is `requestsPerSecond`: sustained; twice as many may come at once.
	// Default 250.
	RequestsPerSecond int `json:"requestsPerSecond"`
	// InFlight is `inFlight`: requests answered at one time, default 64.
	InFlight int `json:"inFlight"`
}

// TokenList is a file of static tokens, which scim-bridge tokens writes.
type TokenList struct {
	// Version is `version`, 1.
	Version int `json:"version"`
	// Tokens is `tokens`; none is no problem, as the last one may have been revoked.
	Tokens []Token `json:"tokens"`
}

// AccessToken says which JWT access tokens a tenant takes: signed by the issuer's keys, for
// the audience, of the one client or subject.
type AccessToken struct {
	// Name is `name`: what the log calls the client, unique in the tenant. Required.
	Name string `json:"name"`
	// Issuer is `issuer`: the claim iss, character by character; "" for the tenant's realm,
	// whose tokens must be those of a client's service account.
	Issuer Issuer `json:"issuer,omitempty"`
	// JWKSURL is `jwksURL`: where the issuer has its keys, required with Issuer. https, or
	// http to a loopback address.
	JWKSURL KeysURL `json:"jwksURL,omitempty"`
	// Audience is `audience`: a value that the claim aud must hold. Required.
	Audience string `json:"audience"`
	// ClientID is `clientID`: the claim azp, appid or client_id. Required without Issuer.
	ClientID string `json:"clientID,omitempty"`
	// Subject is `subject`: the claim sub. Required with Issuer.
	Subject string `json:"subject,omitempty"`
	// RequiredScope is `requiredScope`: a value that the claim scope or scp must hold; "" for
	// none.
	RequiredScope string `json:"requiredScope,omitempty"`
	// Scopes is `scopes`: what the client may do, as in Token.
	Scopes []TokenScope `json:"scopes,omitempty"`
}

// Token is a static bearer token, known by its hash.
type Token struct {
	// Name is `name`: what the log calls it, unique in the tenant. Required.
	Name string `json:"name"`
	// KeyID is `keyID`: the public part of a token that scim-bridge tokens made; "" for one
	// that was made elsewhere.
	KeyID KeyID `json:"keyID,omitempty"`
	// SHA256 is `sha256`: the SHA-256 of the token as the client sends it, as 64
	// hexadecimal digits. Required.
	SHA256 Digest `json:"sha256"`
	// Expires is `expires`: from then on the token is refused; zero means never.
	Expires Expiry `json:"expires,omitzero"`
	// Scopes is `scopes`: what its client may do; none given is everything.
	Scopes []TokenScope `json:"scopes,omitempty"`

	// Where is where the token stands, as of Tenant.
	Where Problem `json:"-"`
}

// Default returns what holds for the keys that a file leaves out. It has no
// Keycloak and no realms, and its PublicURL is derived while loading.
func Default() Config {
	return Config{
		Server: Server{
			Listen:         "127.0.0.1:8081",
			MaxBodyBytes:   2 << 20,
			RequestTimeout: Duration(55 * time.Second),
			DrainTimeout:   Duration(30 * time.Second),

			FailuresPerMinute: 300,
			MaxResults:        1000,
			CursorTimeout:     Duration(time.Hour),
		},
		Bulk:  Bulk{MaxOperations: 1000, MaxPayloadBytes: 4 << 20},
		Index: Index{MaxMemoryBytes: 256 << 20},
		Admin: Admin{Listen: "127.0.0.1:9091"},
		Log:   Log{Level: LevelInfo},

		Metrics: Metrics{Tenants: NamedTenants{Top: 1000}},

		Tracing: Tracing{Sample: All},
		Keycloak: Keycloak{
			ConnectTimeout:  Duration(3 * time.Second),
			ResponseTimeout: Duration(10 * time.Second),
			MaxInFlight:     64,
			BreakerDelay:    Duration(5 * time.Second),
		},
	}
}
