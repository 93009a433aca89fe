package config

import (
	"crypto/tls"
	"crypto/x509"
	"reflect"
	"time"
)

// Version is the version of the file format that this package reads.
const Version = 1

// Config is config.yaml. The json tags are the keys of the file: a Config printed as JSON shows these names,
// with secrets redacted.
//
// The page docs/reference/configuration.md is generated from these types. The comment of a field has the
// meaning of the key and, on lines of their own, its default, if Default does not have it, and what is
// refused. The tag change is "restart" when a changed value takes effect only after a restart (see Restart).
// It also holds for all keys below. A change of any other key is applied at once. The tag type names a type
// that Go does not distinguish from text.
type Config struct {
	// Version is `version`: version of the file's format.
	// Default: required.
	// Refused: not 1.
	Version int `json:"version"`
	// Server is `server`: the listener for clients (identity providers).
	Server Server `json:"server" change:"restart"`
	// Admin is `admin`: the listener for health and metrics.
	Admin Admin `json:"admin" change:"restart"`
	// Metrics is `metrics`: which tenants the [metrics](metrics.md) name.
	Metrics Metrics `json:"metrics" change:"restart"`
	// Log is `log`.
	Log Log `json:"log" change:"restart"`
	// Tracing is `tracing`: where the [traces](operations.md#traces) of requests go.
	Tracing Tracing `json:"tracing" change:"restart"`
	// Keycloak is `keycloak`: the server whose Admin API is called.
	// Default: required.
	Keycloak Keycloak `json:"keycloak" change:"restart"`
	// Outbound is `outbound`: how the bridge calls servers other than Keycloak: the keys of other issuers
	// (`accessTokens[].jwksURL`) and the collector of traces. Each call has a time limit.
	Outbound Outbound `json:"outbound" change:"restart"`
	// Bulk is `bulk`: limits of [bulk requests](bulk.md). `/ServiceProviderConfig` shows them.
	Bulk Bulk `json:"bulk" change:"restart"`
	// Index is `index`: the index in memory that answers [filters](filters.md) and sort orders that Keycloak
	// cannot answer.
	Index Index `json:"index" change:"restart"`
	// Store is `store`: where the bridge keeps what it did. Without this section it remembers nothing of it.
	// Default: none.
	Store Store `json:"store,omitzero"`
	// Realms is `realms`: the realms that the bridge serves, by their names in Keycloak.
	// Default: required.
	// Refused: no entry; `master`; a name that Keycloak does not allow.
	Realms map[string]Realm `json:"realms"`

	// File is the name that Load got.
	File string `json:"-"`
	// Files are the digests of all files that Load read, this file too, by name. A file that Load could not read
	// has the zero digest. Watch takes Files.
	Files map[string]Digest `json:"-"`
}

// Server is the SCIM listener and its limits.
type Server struct {
	// Listen is `listen`: where the SCIM endpoints listen. An empty host means all interfaces.
	// Refused: not host:port.
	Listen Address `json:"listen"`
	// PublicURL is `publicURL`: the URL that clients call, without the path that the bridge adds. It is in
	// `meta.location`.
	// Default: `http://<server.listen>`.
	// Refused: missing although `server.listen` names no host or no port; has `/realms/` in it.
	PublicURL URL `json:"publicURL"`
	// ErrorDocs is `errorDocs`: the page that explains errors to people who set up identity providers: [the page
	// of this version](errors.md), or your copy with the same anchors. The detail of each error then ends with a
	// link, `<errorDocs>#<code>`.
	// Refused: not http or https; has a query or a fragment.
	ErrorDocs URL `json:"errorDocs,omitempty"`
	// MaxBodyBytes is `maxBodyBytes`: largest request body in bytes; a larger one is 413.
	// Refused: less than 4096 or more than 67108864.
	MaxBodyBytes int64 `json:"maxBodyBytes"`
	// RequestTimeout is `requestTimeout`: time for one request. Okta gives up after 60 s.
	// Refused: less than 1s or more than 10m; not longer than `keycloak.responseTimeout`.
	RequestTimeout Duration `json:"requestTimeout"`
	// DrainTimeout is `drainTimeout`: time for requests in flight to end after SIGTERM.
	// Refused: less than 0s or more than 10m.
	DrainTimeout Duration `json:"drainTimeout"`
	// TrustedProxies is `trustedProxies`: addresses (`10.0.0.0/8`, `10.1.2.3`) of the proxies in front of the
	// bridge. Only a request from such an address may name its client in `X-Forwarded-For`.
	// Refused: not an address or a range.
	TrustedProxies []Network `json:"trustedProxies,omitempty"`
	// FailuresPerMinute is `failuresPerMinute`: requests without a [good
	// credential](../guides/credentials.md#limits) that one address may send in a minute; further ones are 429
	// instead of 401.
	// Refused: less than 1 or more than 1000000.
	FailuresPerMinute int `json:"failuresPerMinute"`
	// MaxResults is `maxResults`: the most resources on a page of a [list](filters.md#pages), also when a client
	// asks for more.
	// Refused: less than 1 or more than 1000.
	MaxResults int `json:"maxResults"`
	// CursorTimeout is `cursorTimeout`: how long a cursor to the next page is valid.
	// Refused: less than 1m or more than 24h.
	CursorTimeout Duration `json:"cursorTimeout"`
	// HidePagination is `hidePagination`: leaves the attribute `pagination` (RFC 9865) out of
	// `/ServiceProviderConfig`, for clients that refuse unknown attributes. Cursors still work.
	// Refused: any other value.
	HidePagination bool `json:"hidePagination"`
}

// Bulk bounds a bulk request.
type Bulk struct {
	// MaxOperations is `maxOperations`: the most operations of a bulk request; more is 413.
	// Refused: less than 1 or more than 10000.
	MaxOperations int `json:"maxOperations"`
	// MaxPayloadBytes is `maxPayloadBytes`: largest body of a bulk request in bytes; a larger one is 413.
	// Refused: less than 4096 or more than 67108864.
	MaxPayloadBytes int64 `json:"maxPayloadBytes"`
}

// Index bounds the indexes of all tenants, which are in memory.
type Index struct {
	// MaxMemoryBytes is `maxMemoryBytes`: memory for the indexes of all tenants together. A user or group takes
	// 300 to 500 bytes. When this memory is full, a query that needs an index gets 400 `tooMany`.
	// Refused: less than 1048576 or more than 4294967295.
	MaxMemoryBytes int64 `json:"maxMemoryBytes"`
	// Warm is `warm`: builds the indexes of all tenants at the start and keeps them, so that no query waits for
	// an index. Otherwise the first query that needs an index builds it, and the bridge drops it after an hour
	// without a query.
	// Refused: any other value.
	Warm bool `json:"warm"`
}

// Admin is the listener for health and metrics.
type Admin struct {
	// Listen is `listen`: where `/livez`, `/readyz`, `/statusz` and `/metrics` listen.
	// Refused: not host:port; the same as `server.listen`.
	Listen Address `json:"listen"`
	// Hosts is `hosts`: names by which programs call `/metrics` and `/statusz`. Addresses, `localhost` and the
	// name in `listen` always work. Any other name is 421, because a web page under that name could read the
	// metrics in an operator's browser.
	// Refused: not the name of a machine.
	Hosts []HostName `json:"hosts,omitempty"`
	// Socket is `socket`: path of a Unix socket for [commands of the operator](operations.md#tenants). Only the
	// user that runs the bridge can open it. The bridge creates a missing directory, and refuses a directory
	// that everybody may write into. A second bridge on the same socket does not start.
	// Refused: longer than 90 bytes with the directory.
	Socket string `json:"socket,omitempty" type:"file"`
}

// Log says how much is logged.
type Log struct {
	// Level is `level`: the lowest level that is logged.
	// Refused: any other value.
	Level Level `json:"level"`
}

// Tracing says where the traces of requests go (OpenTelemetry).
type Tracing struct {
	// Endpoint is `endpoint`: a collector of OpenTelemetry's OTLP over HTTP, like `http://collector:4318`.
	// Without it the bridge makes no traces, and still passes on headers of W3C Trace Context.
	// Refused: ends in `/v1/traces`, which the bridge adds.
	Endpoint URL `json:"endpoint,omitempty"`
	// Sample is `sample`: the share of traces that is sent, of the traces that begin at the bridge. For a trace
	// that a client with a valid credential began, the client decides whether it is sent.
	// Refused: less than 1% or more than 100%; without `endpoint`.
	Sample Percent `json:"sample"`
}

// Keycloak is the server behind the bridge and how to reach it.
type Keycloak struct {
	// URL is `url`: root of the server, with its relative path (`/auth`) if the server has one.
	// Default: required.
	// Refused: has `/realms`, `/admin`, a user or a query in it.
	URL URL `json:"url"`
	// CAFile is `caFile`: PEM certificates to trust, instead of the system's certificates.
	// Default: the system's.
	// Refused: no certificate in it; `keycloak.url` is http.
	CAFile File `json:"caFile,omitempty"`
	// ClientCertFile is `clientCertFile`: PEM certificate chain for mutual TLS.
	// Refused: without `clientKeyFile`; certificate and key do not belong together.
	ClientCertFile File `json:"clientCertFile,omitempty"`
	// ClientKeyFile is `clientKeyFile`: PEM private key of that certificate, not encrypted.
	// Refused: without `clientCertFile`; open to every user.
	ClientKeyFile File `json:"clientKeyFile,omitempty"`
	// Proxy is `proxy`: proxy for calls to Keycloak: `http://`, `https://` or `socks5://`. Without it the
	// connection is direct.
	// Refused: has a path, a user or a password.
	Proxy ProxyURL `json:"proxy,omitempty"`
	// ConnectTimeout is `connectTimeout`: time to connect.
	// Refused: less than 100ms or more than 1m.
	ConnectTimeout Duration `json:"connectTimeout"`
	// ResponseTimeout is `responseTimeout`: time for one call to Keycloak.
	// Refused: less than 100ms or more than 5m; not shorter than `server.requestTimeout`.
	ResponseTimeout Duration `json:"responseTimeout"`
	// MaxInFlight is `maxInFlight`: calls to Keycloak at the same time.
	// Refused: less than 1 or more than 1000.
	MaxInFlight int `json:"maxInFlight"`
	// BreakerDelay is `breakerDelay`: when Keycloak did not answer 20 of the last 25 calls for a realm, the
	// bridge makes no call for this time, and requests are 503 at once. Then it tries one call.
	// Refused: less than 100ms or more than 5m.
	BreakerDelay Duration `json:"breakerDelay"`

	// RootCAs are the certificates of CAFile; nil means the system's.
	RootCAs *x509.CertPool `json:"-"`
	// ClientCertificate is the pair of ClientCertFile and ClientKeyFile, or nil.
	ClientCertificate *tls.Certificate `json:"-"`
}

// Outbound says how the bridge calls servers other than Keycloak: the keys of other issuers, and the
// collector of traces.
type Outbound struct {
	// CAFile is `caFile`: PEM certificates to trust for these servers, besides the system's certificates.
	// Refused: no certificate in it.
	CAFile File `json:"caFile,omitempty"`
	// Proxy is `proxy`: proxy for these calls: `http://`, `https://` or `socks5://`. Without it the variables
	// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` decide.
	// Default: the environment's.
	// Refused: has a path, a user or a password.
	Proxy ProxyURL `json:"proxy,omitempty"`

	// RootCAs are the system's certificates and those of CAFile; nil means the system's.
	RootCAs *x509.CertPool `json:"-"`
}

// Realm is a Keycloak realm that the bridge serves.
type Realm struct {
	// Credentials is `credentials`: the service account of the bridge in this realm.
	// Default: required.
	// Refused: not exactly one of the three sources below.
	Credentials Credentials `json:"credentials"`
	// Tenants is `tenants`: the SCIM endpoints of the realm and of its
	// [organizations](../guides/organizations.md).
	// Default: required without `organizations`.
	// Refused: no entry; two with the same path, key or organization; two of the realm that keep groups or
	// externalIds in the same place.
	Tenants []Tenant `json:"tenants"`
	// Organizations is `organizations`: serve every
	// [organization](../guides/organizations.md#every-organization-with-a-credential) of the realm that has a
	// credential and no entry in `tenants`. `limits` and `removalBrake` count for each organization by itself.
	// Refused: any other value.
	Organizations Organizations `json:"organizations,omitzero"`
	// Protected is `protected`: users and groups that SCIM shows only by name and never changes, besides
	// [administrators and service accounts](../guides/accounts.md#protected-accounts).
	Protected Protected `json:"protected,omitzero"`
	// Issuer is `issuer`: the claim `iss` of the realm's tokens, for
	// [`accessTokens`](../guides/credentials.md#access-tokens). Set it when clients reach Keycloak under another
	// address than the bridge does.
	// Default: `<keycloak.url>/realms/<realm>`.
	// Refused: not a URL.
	Issuer Issuer `json:"issuer,omitempty"`
	// CredentialKeyFile is `credentialKeyFile`: file with a secret of 32 characters or more. The bridge signs
	// the credentials of organizations with it; another secret makes all of them invalid. Required with
	// `organizations`.
	// Refused: absent, short, open to every user; without `organizations`.
	CredentialKeyFile File `json:"credentialKeyFile,omitempty"`

	// CredentialKey is the secret that was read.
	CredentialKey Secret `json:"-"`
}

// Protected names users and groups that SCIM shows only by name and never changes. It also says how the
// bridge treats others who administer the realm.
type Protected struct {
	// Users is `users`: user names, like the name of a break-glass account, or ids after `id:`.
	// Refused: an empty name.
	Users []string `json:"users,omitempty"`
	// Groups is `groups`: paths of groups, like `/admins`, or ids after `id:`. Their members, all groups below
	// them and the members of these are protected too. A name [always means the
	// group that it meant first](../guides/accounts.md#names-that-change).
	// Refused: does not begin with a slash; an empty name; no id after `id:`; longer than 1,024 bytes.
	Groups []GroupPath `json:"groups,omitempty"`
	// Delegated is `delegated`: what SCIM may do to people who [administer by a
	// permission](../guides/accounts.md#administrators-by-a-permission): deactivate them, or nothing.
	// Default: `deactivate`.
	// Refused: any other value.
	Delegated Delegated `json:"delegated,omitempty"`
	// Policies is `policies`: how the bridge knows these people. `read`: from policies that name people; any
	// other policy stops every write. `listed`: you list the people of the other policies in `users` and
	// `groups`.
	// Default: `read`.
	// Refused: any other value.
	Policies PermissionPolicies `json:"policies,omitempty"`
}

// Organizations are the settings for the organizations of a realm that have their own credentials.
type Organizations struct {
	// These are as in Tenant.
	BareToken  bool       `json:"bareToken"`
	BasicAuth  bool       `json:"basicAuth"`
	Profile    Profile    `json:"profile"`
	Tolerances Tolerances `json:"tolerances,omitzero"`
	Mapping    string     `json:"mapping,omitempty" type:"file"`

	Policies

	// Overrides is `overrides`: other settings for [some
	// organizations](../guides/organizations.md#settings-for-one-organization). A key that an entry leaves out
	// is as above. A list replaces the whole list above, so that `tolerances: { off: [] }` switches nothing off.
	// Each organization keeps its URL and its tokens.
	// Refused: two for the same organization; an organization that is in `tenants`.
	Overrides []Override `json:"overrides,omitempty"`

	// All says that the organizations are served.
	All bool `json:"-"`
	// Where is as in Tenant.
	Where Problem `json:"-"`
}

// Override has the settings for one organization that replace those in Organizations. The organization keeps
// the tokens in its attributes, its URL and its key.
type Override struct {
	// Organization is `organization`: the alias of the organization.
	// Default: required.
	// Refused: as for a tenant.
	Organization string `json:"organization"`
	// OrganizationID is `organizationID`: the id of the organization, which `scim-bridge tenants show` prints.
	// The entry stays with this organization, whichever organization has the alias.
	// Default: required.
	// Refused: longer than 36.
	OrganizationID string `json:"organizationID" type:"id"`
	// These are as in Organizations. A key that is not given has the value there.
	BareToken  bool       `json:"bareToken"`
	BasicAuth  bool       `json:"basicAuth"`
	Profile    Profile    `json:"profile"`
	Tolerances Tolerances `json:"tolerances,omitzero"`
	Mapping    string     `json:"mapping,omitempty" type:"file"`

	Policies

	// AccessTokens is `accessTokens`: the issuers and clients whose [JWT access
	// tokens](../guides/credentials.md#access-tokens) are accepted, besides the tokens of the organization.
	// Refused: no entry.
	AccessTokens []AccessToken `json:"accessTokens,omitempty"`

	// SharesMapping says that Mapping comes from Organizations.
	SharesMapping bool `json:"-"`
	// Where is as in Tenant.
	Where Problem `json:"-"`
}

// decodeNode accepts "*" for a section without keys.
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

// Credentials are the credentials of a confidential client with a service account. Exactly one of the three
// sources is set.
type Credentials struct {
	// ClientID is `clientID`: id of the client.
	// Default: required.
	// Refused: a slash, a control character, `..`.
	ClientID string `json:"clientID"`
	// ClientSecretFile is `clientSecretFile`: file with the client secret on one line.
	// Refused: absent, empty, several lines, open to every user.
	ClientSecretFile File `json:"clientSecretFile,omitempty"`
	// ClientSecretEnv is `clientSecretEnv`: environment variable with the client secret.
	// Refused: not set, empty, several lines.
	ClientSecretEnv string `json:"clientSecretEnv,omitempty" type:"name"`
	// PrivateKeyFile is `privateKeyFile`: PEM key for `private_key_jwt`: RSA of 2048 bits or more, or EC on
	// P-256, P-384 or P-521; PKCS #8, PKCS #1 or SEC 1.
	// Refused: absent, encrypted, another kind, open to every user.
	PrivateKeyFile File `json:"privateKeyFile,omitempty"`
	// KeyID is `keyID`: the `kid` under which Keycloak knows this key.
	// Refused: without `privateKeyFile`.
	KeyID string `json:"keyID,omitempty"`

	// Secret is the client secret that was read; zero when a key is used.
	Secret Secret `json:"-"`
	// PrivateKey is the key that was read; zero when a secret is used.
	PrivateKey PrivateKey `json:"-"`
}

// Tenant is one SCIM endpoint: /realms/{path}/scim/v2 of a realm, or
// /realms/{realm}/organizations/{organization}/scim/v2.
type Tenant struct {
	// Organization is `organization`: the alias of the organization whose members are the tenant's users. The
	// URL is `/realms/<realm>/organizations/<organization>/scim/v2`.
	// Refused: without `organizationID`; characters other than letters, digits, `-`, `.`, `_`, `~`; with `path`,
	// `key` or `scope`.
	Organization string `json:"organization,omitempty"`
	// OrganizationID is `organizationID`: the id of that organization. The tenant stays with this organization:
	// when another organization gets the alias, the tenant answers 503. `setup --organization` writes the id.
	// Refused: without `organization`; longer than 36.
	OrganizationID string `json:"organizationID,omitempty" type:"id"`
	// Scope is `scope`: which users a tenant of the realm has: all users, or those that it created.
	// Refused: any other value.
	Scope Scope `json:"scope"`
	// Path is `path`: segment of the endpoint's URL: `/realms/<path>/scim/v2`. Okta refuses `_` in a base URL;
	// give such a realm a path without it.
	// Default: the realm's name.
	// Refused: used twice; characters other than letters, digits, `-`, `.`, `_`, `~`.
	Path string `json:"path"`
	// Key is `key`: marks the values of the tenant in Keycloak. Never change it: the tenant would no longer see
	// what it stored under the old key.
	// Default: `realm`; for an organization its id.
	// Refused: used twice in the realm; longer than 36; characters other than letters, digits, `-`.
	Key string `json:"key"`
	// Tokens is `tokens`: the bearer tokens that are accepted. Keep two of them while you
	// [rotate](../guides/credentials.md#rotation).
	// Default: required without the next two keys.
	// Refused: no entry.
	Tokens []Token `json:"tokens"`
	// TokensFile is `tokensFile`: a file with `version: 1` and further `tokens`. [`scim-bridge
	// tokens`](../guides/credentials.md) changes it.
	// Refused: as for `tokens`; absent.
	TokensFile File `json:"tokensFile,omitempty"`
	// AccessTokens is `accessTokens`: the issuers and clients whose [JWT access
	// tokens](../guides/credentials.md#access-tokens) are accepted.
	// Refused: no entry.
	AccessTokens []AccessToken `json:"accessTokens,omitempty"`
	// BareToken is `bareToken`: accept an `Authorization` header with only the token, without `Bearer` before it
	// (Okta's header mode).
	BareToken bool `json:"bareToken"`
	// BasicAuth is `basicAuth`: accept a token as the password of HTTP Basic, for clients that can only send
	// [Basic](../guides/credentials.md#basic).
	BasicAuth bool `json:"basicAuth"`
	// Profile is `profile`: how closely clients must follow the RFCs. `tolerant` accepts known deviations of
	// identity providers, see [tolerances.md](tolerances.md). `strict` refuses them and enforces the SCIM
	// interoperability profile.
	// Refused: any other value.
	Profile Profile `json:"profile"`
	// Tolerances is `tolerances`: deviations that this tenant refuses in `profile: tolerant`.
	// Refused: with `profile: strict`.
	Tolerances Tolerances `json:"tolerances,omitzero"`
	// Mapping is `mapping`: the [mapping file](mapping.md), which says where attributes are stored. A changed
	// file is applied while the bridge runs.
	// Default: built in.
	// Refused: absent, not readable; every [problem of the mapping](mapping.md#problems).
	Mapping string `json:"mapping,omitempty" type:"file"`

	Policies

	// OfOrganization says that the tenant is made from an Override: its tokens are in the attributes of its
	// organization. SharesMapping is as in Override.
	OfOrganization bool `json:"-"`
	SharesMapping  bool `json:"-"`
	// Where is the place of the tenant in the file: a Problem without a text, for problems that are found later.
	Where Problem `json:"-"`
}

// Policies are the operator's decisions for a tenant.
type Policies struct {
	// UnknownMembers is `unknownMembers`: what happens to group members that do not exist, that are groups, or
	// that are [protected](../guides/accounts.md#protected-accounts). `refuse` answers 400 or 403 and changes
	// nothing; Entra then tries again. `ignore` leaves these members as they are, counts them and logs them; use
	// it for Okta, which never repeats a 400.
	// Refused: any other value.
	UnknownMembers UnknownMembers `json:"unknownMembers"`
	// OnDelete is `onDelete`: what happens to an account that the tenant [owns](../guides/accounts.md#owners)
	// when a client deletes its user. `delete` deletes the account, `disable` disables it, and `leave` leaves it
	// as it is. A group of the tenant is deleted, emptied, or left as it is. In each case the tenant no longer
	// has the user or group.
	// Refused: any other value; `disable` or `leave` in a tenant of the realm with `scope: all`.
	OnDelete OnDelete `json:"onDelete"`
	// Adopt is `adopt`: whether the tenant may [take over](../guides/accounts.md#adoption) accounts and groups
	// that no tenant owns.
	// Refused: any other value.
	Adopt Adopt `json:"adopt"`
	// ExternalID is `externalId`: whether two users of the tenant may have the same `externalId`. With `unique`,
	// a POST, PUT or PATCH that gives a user the `externalId` of another user is 409
	// [`external-id-taken`](errors.md). The guide of each identity provider says which value to use.
	// Refused: any other value.
	ExternalID ExternalID `json:"externalId"`
	// PatchResponse is `patchResponse`: the [answer to a PATCH](endpoints.md#answers-to-writes): 200 with the
	// resource (`full`), 200 with the identity of the resource (`minimal`), or 204 (`none`). `auto` is `full`
	// for users and `none` for groups. Write `full` for a client that treats a 204 as a failure, as
	// scim-sdk-client does.
	// Refused: any other value.
	PatchResponse PatchResponse `json:"patchResponse"`
	// Rehire is `rehire`: what a POST does with the `externalId` of a user that was deactivated, or that left the
	// tenant. `refuse` refuses it, and `revive` [uses that account
	// again](../guides/accounts.md#people-who-come-back).
	// Refused: any other value; `revive` without `externalId: unique`.
	Rehire Rehire `json:"rehire"`
	// Domains is `domains`: which [addresses](../guides/accounts.md#domains) a tenant of an organization may
	// give its users: addresses in verified domains of the organization, or all addresses.
	// Refused: any other value; in a tenant of the realm.
	Domains Domains `json:"domains"`
	// Access is `access`: whether the tenant answers. `read-only` refuses writes with 403. `paused` refuses
	// every request with 503, which clients repeat later.
	// Refused: any other value.
	Access Access `json:"access"`
	// Limits is `limits`: how many requests the tenant may send; more is 429 with `Retry-After`.
	Limits Limits `json:"limits"`
	// RemovalBrake is `removalBrake`: stops a [mass deprovisioning](../guides/accounts.md#the-removal-brake).
	RemovalBrake RemovalBrake `json:"removalBrake"`
}

// RemovalBrake bounds how many users one tenant may remove or deactivate within a time.
type RemovalBrake struct {
	// Max is `max`: the share of its users that the tenant may remove or deactivate within the window; 100%
	// switches the brake off.
	// Refused: less than 1% or more than 100%.
	Max Percent `json:"max"`
	// Window is `window`: the time in which removals count.
	// Refused: less than 1m or more than 168h.
	Window Duration `json:"window"`
	// Floor is `floor`: a number of removals that is always allowed, for tenants with few users.
	// Refused: less than 1 or more than 100000.
	Floor int `json:"floor"`
}

// Off reports whether the brake is off, as in the zero value.
func (r RemovalBrake) Off() bool { return r.Max == 0 || r.Max == All }

// Most is how many of the given number of users may be removed within the window.
func (r RemovalBrake) Most(users int) int { return max(r.Floor, (users*int(r.Max)+99)/100) }

// Limits bound the requests of one tenant; more is 429.
type Limits struct {
	// RequestsPerSecond is `requestsPerSecond`: requests in a second, sustained; twice as many may come at once.
	// Refused: less than 1 or more than 100000.
	RequestsPerSecond int `json:"requestsPerSecond"`
	// InFlight is `inFlight`: requests that the bridge answers at the same time.
	// Refused: less than 1 or more than 100000.
	InFlight int `json:"inFlight"`
}

// TokenList is a file of static tokens, which scim-bridge tokens writes.
type TokenList struct {
	// Version is `version`, 1.
	Version int `json:"version"`
	// Tokens is `tokens`. An empty list is allowed, because the last token may have been revoked.
	Tokens []Token `json:"tokens"`
}

// AccessToken says which JWT access tokens a tenant accepts: those that the issuer signed, for the audience,
// of one client or one subject.
type AccessToken struct {
	// Name is `name`: the client's name in the log.
	// Default: required.
	// Refused: used twice in the tenant.
	Name string `json:"name"`
	// Issuer is `issuer`: the value of the claim `iss`, which is compared character by character. Without it the entry is for tokens of a
	// service account of the realm.
	// Default: the realm.
	// Refused: not a URL.
	Issuer Issuer `json:"issuer,omitempty"`
	// JWKSURL is `jwksURL`: the URL of the issuer's keys. Required with `issuer`. The bridge uses `HTTPS_PROXY`
	// and does not follow redirects.
	// Refused: `http`, except to a loopback address; without `issuer`.
	JWKSURL KeysURL `json:"jwksURL,omitempty"`
	// Audience is `audience`: a value that the claim `aud` must have.
	// Default: required.
	Audience string `json:"audience"`
	// ClientID is `clientID`: the claim `azp`, `appid` or `client_id`. Required without `issuer`.
	ClientID string `json:"clientID,omitempty"`
	// Subject is `subject`: the claim `sub`. Required with `issuer`.
	Subject string `json:"subject,omitempty"`
	// RequiredScope is `requiredScope`: a value that the claim `scope` or `scp` must have.
	RequiredScope string `json:"requiredScope,omitempty"`
	// Scopes is `scopes`: as for a token.
	// Default: all.
	// Refused: any other value; no entry.
	Scopes []TokenScope `json:"scopes,omitempty"`
}

// Token is a static bearer token, known by its hash.
type Token struct {
	// Name is `name`: the client's name in the log.
	// Default: required.
	// Refused: used twice in the tenant.
	Name string `json:"name"`
	// KeyID is `keyID`: the public part of the token, for the log and `scim-bridge tokens`. `tokens new` writes
	// it.
	// Refused: another length.
	KeyID KeyID `json:"keyID,omitempty"`
	// SHA256 is `sha256`: SHA-256 of the token: `printf %s TOKEN | sha256sum`.
	// Default: required.
	// Refused: not 64 digits; the hash of nothing; used twice in the tenant.
	SHA256 Digest `json:"sha256"`
	// Expires is `expires`: the bridge refuses the token from then on. A date means its first moment in UTC.
	// Default: never.
	// Refused: not a date or time.
	Expires Expiry `json:"expires,omitzero"`
	// Scopes is `scopes`: what the client may do: `users:read`, `users:write`, `groups:read`, `groups:write`,
	// `bulk`.
	// Default: all.
	// Refused: any other value; no entry.
	Scopes []TokenScope `json:"scopes,omitempty"`

	// Where is the place of the token in the file, as in Tenant.
	Where Problem `json:"-"`
}

// Default returns the values of the keys that a file leaves out. It has no Keycloak and no realms; Load
// derives PublicURL.
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
		Store:   Store{Durability: DurabilityFull, Retention: Retention{Changes: Duration(90 * day), Activity: Duration(30 * day)}, OnFailure: OnFailureRefuse},

		Tracing: Tracing{Sample: All},
		Keycloak: Keycloak{
			ConnectTimeout:  Duration(3 * time.Second),
			ResponseTimeout: Duration(10 * time.Second),
			MaxInFlight:     64,
			BreakerDelay:    Duration(5 * time.Second),
		},
	}
}
