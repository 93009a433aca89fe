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
//
// The page docs/reference/configuration.md is made of these types. The comment of a field says what stands
// there: the meaning behind the key, and on lines of their own its default, where Default does not have it, and
// what is refused. The tag change says "restart" of a key, and of all below it, whose change takes effect when
// the bridge is started again (see Restart); a change of any other key is applied at once. The tag type names a
// type that Go does not tell from text.
type Config struct {
	// Version is `version`: version of the file's format.
	// Default: required.
	// Refused: not 1.
	Version int `json:"version"`
	// Server is `server`: what clients (identity providers) call.
	Server Server `json:"server" change:"restart"`
	// Admin is `admin`: health and metrics.
	Admin Admin `json:"admin" change:"restart"`
	// Metrics is `metrics`: what the [metrics](metrics.md) name.
	Metrics Metrics `json:"metrics" change:"restart"`
	// Log is `log`.
	Log Log `json:"log" change:"restart"`
	// Tracing is `tracing`: where the [traces](operations.md#traces) of requests go.
	Tracing Tracing `json:"tracing" change:"restart"`
	// Keycloak is `keycloak`: the server whose Admin API is called.
	// Default: required.
	Keycloak Keycloak `json:"keycloak" change:"restart"`
	// Outbound is `outbound`: the way to others than Keycloak: the keys of other issuers
	// (`accessTokens[].jwksURL`) and the collector of traces. Each call is bounded in time.
	Outbound Outbound `json:"outbound" change:"restart"`
	// Bulk is `bulk`: limits of [bulk requests](bulk.md), which `/ServiceProviderConfig` says.
	Bulk Bulk `json:"bulk" change:"restart"`
	// Index is `index`: what answers [filters](filters.md) and orders that Keycloak cannot; it is in memory.
	Index Index `json:"index" change:"restart"`
	// Realms is `realms`: the realms that are served, by their names in Keycloak.
	// Default: required.
	// Refused: no entry; `master`; a name that Keycloak does not take.
	Realms map[string]Realm `json:"realms"`

	// File is the name that Load was given.
	File string `json:"-"`
	// Files are the digests of all files that were read, this one among them, by name; the
	// zero digest is that of one that could not be. Watch takes them.
	Files map[string]Digest `json:"-"`
}

// Server is the SCIM listener and its limits.
type Server struct {
	// Listen is `listen`: where the SCIM endpoints listen. An empty host means all interfaces.
	// Refused: not host:port.
	Listen Address `json:"listen"`
	// PublicURL is `publicURL`: what clients call, without the path that the bridge adds. It stands in
	// `meta.location`.
	// Default: `http://<server.listen>`.
	// Refused: missing although `server.listen` names no host or no port; holds `/realms/`.
	PublicURL URL `json:"publicURL"`
	// ErrorDocs is `errorDocs`: the page that explains errors to those who set up identity providers: [the one
	// of this version](errors.md), or a copy of yours with the same anchors. The detail of each error ends in a
	// link to it then, `<errorDocs>#<code>`.
	// Refused: not http or https; has a query or a fragment.
	ErrorDocs URL `json:"errorDocs,omitempty"`
	// MaxBodyBytes is `maxBodyBytes`: largest request body in bytes; more is 413.
	// Refused: not from 4096 to 67108864.
	MaxBodyBytes int64 `json:"maxBodyBytes"`
	// RequestTimeout is `requestTimeout`: time for one request. Okta gives up after 60 s.
	// Refused: not from 1s to 10m; not longer than `keycloak.responseTimeout`.
	RequestTimeout Duration `json:"requestTimeout"`
	// DrainTimeout is `drainTimeout`: time for requests in flight to end after SIGTERM.
	// Refused: not from 0s to 10m.
	DrainTimeout Duration `json:"drainTimeout"`
	// TrustedProxies is `trustedProxies`: addresses (`10.0.0.0/8`, `10.1.2.3`) of the proxies in front. From one
	// of them alone `X-Forwarded-For` says whose request it is.
	// Refused: no address or range.
	TrustedProxies []Network `json:"trustedProxies,omitempty"`
	// FailuresPerMinute is `failuresPerMinute`: requests without a [good
	// credential](../guides/credentials.md#limits) that one address may send in a minute; more are 429 in place
	// of 401.
	// Refused: not from 1 to 1000000.
	FailuresPerMinute int `json:"failuresPerMinute"`
	// MaxResults is `maxResults`: the most resources on a page of a [list](filters.md#pages); a client that asks
	// for more gets this many.
	// Refused: not from 1 to 1000.
	MaxResults int `json:"maxResults"`
	// CursorTimeout is `cursorTimeout`: how long a cursor to the next page is good.
	// Refused: not from 1m to 24h.
	CursorTimeout Duration `json:"cursorTimeout"`
	// HidePagination is `hidePagination`: leaves the attribute `pagination` (RFC 9865) out of
	// `/ServiceProviderConfig`, for clients that refuse what they do not know. Cursors work all the same.
	// Refused: another word.
	HidePagination bool `json:"hidePagination"`
}

// Bulk bounds a bulk request.
type Bulk struct {
	// MaxOperations is `maxOperations`: the most operations of one; more is 413.
	// Refused: not from 1 to 10000.
	MaxOperations int `json:"maxOperations"`
	// MaxPayloadBytes is `maxPayloadBytes`: its largest body in bytes; more is 413.
	// Refused: not from 4096 to 67108864.
	MaxPayloadBytes int64 `json:"maxPayloadBytes"`
}

// Index bounds the indexes of all tenants, which are in memory.
type Index struct {
	// MaxMemoryBytes is `maxMemoryBytes`: what the indexes of all tenants may take together: 300 to 500 bytes a
	// user or group. Beyond it such queries are 400 `tooMany`.
	// Refused: not from 1048576 to 4294967295.
	MaxMemoryBytes int64 `json:"maxMemoryBytes"`
	// Warm is `warm`: makes the indexes of all tenants at the start and keeps them, so that no query waits for
	// one. Else one is made when it is needed, and dropped after an hour without a query.
	// Refused: another word.
	Warm bool `json:"warm"`
}

// Admin is the listener for health and metrics.
type Admin struct {
	// Listen is `listen`: where `/livez`, `/readyz`, `/statusz` and `/metrics` listen.
	// Refused: not host:port; the same as `server.listen`.
	Listen Address `json:"listen"`
	// Hosts is `hosts`: names by which `/metrics` and `/statusz` are called, beside any address, `localhost` and
	// the name in `listen`; another is 421, as a page of that name could read them in an operator's browser.
	// Refused: no name of a machine.
	Hosts []HostName `json:"hosts,omitempty"`
	// Socket is `socket`: where a Unix socket for [commands of the operator](operations.md#tenants) is made, for
	// the user alone that the bridge runs as, in a directory into which not everybody may write; one that is not
	// there is made. A second bridge on it does not start.
	// Refused: longer than 90 bytes with the directory.
	Socket string `json:"socket,omitempty" type:"file"`
}

// Log says how much is logged.
type Log struct {
	// Level is `level`: the lowest level that is logged.
	// Refused: another word.
	Level Level `json:"level"`
}

// Tracing says where the traces of requests go (OpenTelemetry).
type Tracing struct {
	// Endpoint is `endpoint`: a collector that takes OpenTelemetry's OTLP over HTTP, like
	// `http://collector:4318`. Without it no trace is made; headers of W3C Trace Context are passed on all the
	// same.
	// Refused: ends in `/v1/traces`, which the bridge adds.
	Endpoint URL `json:"endpoint,omitempty"`
	// Sample is `sample`: the share of the traces that begin at the bridge which are sent. Those that a client
	// with a good credential began are sent as it says.
	// Refused: not from 1% to 100%; without `endpoint`.
	Sample Percent `json:"sample"`
}

// Keycloak is the server behind the bridge and how to reach it.
type Keycloak struct {
	// URL is `url`: root of the server, with its relative path (`/auth`) if it has one.
	// Default: required.
	// Refused: holds `/realms` or `/admin`, a user, a query.
	URL URL `json:"url"`
	// CAFile is `caFile`: PEM certificates to trust, in place of the system's.
	// Default: the system's.
	// Refused: no certificate in it; `keycloak.url` is http.
	CAFile File `json:"caFile,omitempty"`
	// ClientCertFile is `clientCertFile`: PEM certificate chain for mutual TLS.
	// Refused: without `clientKeyFile`; the two are no pair.
	ClientCertFile File `json:"clientCertFile,omitempty"`
	// ClientKeyFile is `clientKeyFile`: PEM private key of that certificate, not encrypted.
	// Refused: without `clientCertFile`; open to every user.
	ClientKeyFile File `json:"clientKeyFile,omitempty"`
	// Proxy is `proxy`: proxy on the way to Keycloak: `http://`, `https://` or `socks5://`. Without it the
	// connection is direct.
	// Refused: has a path, a user or a password.
	Proxy ProxyURL `json:"proxy,omitempty"`
	// ConnectTimeout is `connectTimeout`: time to connect.
	// Refused: not from 100ms to 1m.
	ConnectTimeout Duration `json:"connectTimeout"`
	// ResponseTimeout is `responseTimeout`: time for one call to Keycloak.
	// Refused: not from 100ms to 5m; not shorter than `server.requestTimeout`.
	ResponseTimeout Duration `json:"responseTimeout"`
	// MaxInFlight is `maxInFlight`: calls to Keycloak at one time.
	// Refused: not from 1 to 1000.
	MaxInFlight int `json:"maxInFlight"`
	// BreakerDelay is `breakerDelay`: when 20 of the last 25 calls of a realm were not answered, no call is made
	// for so long and requests are 503 at once; then one call finds out.
	// Refused: not from 100ms to 5m.
	BreakerDelay Duration `json:"breakerDelay"`

	// RootCAs are the certificates of CAFile; nil means the system's.
	RootCAs *x509.CertPool `json:"-"`
	// ClientCertificate is the pair of ClientCertFile and ClientKeyFile, or nil.
	ClientCertificate *tls.Certificate `json:"-"`
}

// Outbound is how others than Keycloak are called: the keys of other issuers, and the collector of traces.
type Outbound struct {
	// CAFile is `caFile`: PEM certificates to trust for them, beside the system's.
	// Refused: no certificate in it.
	CAFile File `json:"caFile,omitempty"`
	// Proxy is `proxy`: proxy on the way to them: `http://`, `https://` or `socks5://`. Without it the variables
	// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
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
	// Refused: no entry; two with one path, key or organization; two of the realm whose groups or externalIds
	// have the same place.
	Tenants []Tenant `json:"tenants"`
	// Organizations is `organizations`: serve every
	// [organization](../guides/organizations.md#every-organization-with-a-credential) of the realm that has a
	// credential and stands not in `tenants`. `limits` and `removalBrake` count for each of them by itself.
	// Refused: another word.
	Organizations Organizations `json:"organizations,omitzero"`
	// Protected is `protected`: what SCIM shows by its name alone and never changes, beside [administrators and
	// service accounts](../guides/accounts.md#protected-accounts).
	Protected Protected `json:"protected,omitzero"`
	// Issuer is `issuer`: the claim `iss` of the realm's tokens, for
	// [`accessTokens`](../guides/credentials.md#access-tokens): another one than the default when clients reach
	// Keycloak under another address than the bridge.
	// Default: `<keycloak.url>/realms/<realm>`.
	// Refused: no URL.
	Issuer Issuer `json:"issuer,omitempty"`
	// CredentialKeyFile is `credentialKeyFile`: file with a secret of 32 characters or more: what the bridge
	// signs the credentials of organizations with. Under another one all of them are void. Required with
	// `organizations`.
	// Refused: absent, short, open to every user; without `organizations`.
	CredentialKeyFile File `json:"credentialKeyFile,omitempty"`

	// CredentialKey is the secret that was read.
	CredentialKey Secret `json:"-"`
}

// Protected names users and groups that SCIM shows by their names alone and never changes, and says
// how others who administer the realm are treated.
type Protected struct {
	// Users is `users`: user names, like that of a break-glass account, or ids behind `id:`.
	// Refused: an empty name.
	Users []string `json:"users,omitempty"`
	// Groups is `groups`: paths of groups, like `/admins`, or ids behind `id:`. Their members, and all groups
	// below them with theirs, are protected too. A name [stays with what it meant
	// first](../guides/accounts.md#names-that-change).
	// Refused: does not begin with a slash; an empty name; no id behind `id:`; longer than 1,024 bytes.
	Groups []GroupPath `json:"groups,omitempty"`
	// Delegated is `delegated`: what SCIM may do to those who [administer by a
	// permission](../guides/accounts.md#administrators-by-a-permission): deactivate them, or nothing.
	// Default: `deactivate`.
	// Refused: another word.
	Delegated Delegated `json:"delegated,omitempty"`
	// Policies is `policies`: how it is known who they are: by policies that name people, where others stop
	// every write; or `users` and `groups` list the people of those others.
	// Default: `read`.
	// Refused: another word.
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
	Mapping    string     `json:"mapping,omitempty" type:"file"`

	Policies

	// Overrides is `overrides`: what holds for [some of
	// them](../guides/organizations.md#settings-for-one-organization) instead. A key that an entry does not give is
	// as above; a list is taken as a whole, so that `tolerances: { off: [] }` switches nothing off. Each keeps its
	// URL and the tokens that it has.
	// Refused: two with one organization; one that stands in `tenants`.
	Overrides []Override `json:"overrides,omitempty"`

	// All says that they are served.
	All bool `json:"-"`
	// Where is as in Tenant.
	Where Problem `json:"-"`
}

// Override says what holds for one organization in the place of what Organizations says. Its tokens are
// those in its attributes, and its URL and key those that it has without.
type Override struct {
	// Organization is `organization`: the alias of the organization.
	// Default: required.
	// Refused: as of a tenant.
	Organization string `json:"organization"`
	// OrganizationID is `organizationID`: the id of the organization, which `scim-bridge tenants show` prints.
	// The entry is for that organization, whoever has the alias.
	// Default: required.
	// Refused: longer than 36.
	OrganizationID string `json:"organizationID" type:"id"`
	// These are as in Organizations, and one that is not given is what that says.
	BareToken  bool       `json:"bareToken"`
	BasicAuth  bool       `json:"basicAuth"`
	Profile    Profile    `json:"profile"`
	Tolerances Tolerances `json:"tolerances,omitzero"`
	Mapping    string     `json:"mapping,omitempty" type:"file"`

	Policies

	// AccessTokens is `accessTokens`: whose [JWT access tokens](../guides/credentials.md#access-tokens) are
	// accepted, beside the tokens of the organization.
	// Refused: no entry.
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
	// ClientID is `clientID`: id of the client.
	// Default: required.
	// Refused: a slash, a control character, `..`.
	ClientID string `json:"clientID"`
	// ClientSecretFile is `clientSecretFile`: file with the client secret in one line.
	// Refused: absent, empty, several lines, open to every user.
	ClientSecretFile File `json:"clientSecretFile,omitempty"`
	// ClientSecretEnv is `clientSecretEnv`: environment variable with the client secret.
	// Refused: not set, empty, several lines.
	ClientSecretEnv string `json:"clientSecretEnv,omitempty" type:"name"`
	// PrivateKeyFile is `privateKeyFile`: PEM key for `private_key_jwt`: RSA of 2048 bits or more, or EC on
	// P-256, P-384 or P-521; PKCS #8, PKCS #1 or SEC 1.
	// Refused: absent, encrypted, another kind, open to every user.
	PrivateKeyFile File `json:"privateKeyFile,omitempty"`
	// KeyID is `keyID`: the `kid` of that key, as Keycloak knows it.
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
	// OrganizationID is `organizationID`: the id of that organization. The tenant stays with it: another
	// organization under the alias makes the tenant answer 503. `setup --organization` writes it.
	// Refused: without `organization`; longer than 36.
	OrganizationID string `json:"organizationID,omitempty" type:"id"`
	// Scope is `scope`: whose users a tenant of the realm has: all, or those that it created.
	// Refused: another word.
	Scope Scope `json:"scope"`
	// Path is `path`: segment of the endpoint's URL: `/realms/<path>/scim/v2`. Okta refuses `_` in a base URL;
	// give such a realm a path without it.
	// Default: the realm's name.
	// Refused: used twice; characters other than letters, digits, `-`, `.`, `_`, `~`.
	Path string `json:"path"`
	// Key is `key`: marks the values of the tenant in Keycloak. Never change it: what was stored under the old
	// key would be out of sight.
	// Default: `realm`, of an organization its id.
	// Refused: used twice in the realm; longer than 36; characters other than letters, digits, `-`.
	Key string `json:"key"`
	// Tokens is `tokens`: the bearer tokens that are accepted. Have two alive while you
	// [rotate](../guides/credentials.md#rotation).
	// Default: required without the next two.
	// Refused: no entry.
	Tokens []Token `json:"tokens"`
	// TokensFile is `tokensFile`: a file with `version: 1` and further `tokens`, which [`scim-bridge
	// tokens`](../guides/credentials.md) changes.
	// Refused: as of `tokens`; absent.
	TokensFile File `json:"tokensFile,omitempty"`
	// AccessTokens is `accessTokens`: whose [JWT access tokens](../guides/credentials.md#access-tokens) are
	// accepted.
	// Refused: no entry.
	AccessTokens []AccessToken `json:"accessTokens,omitempty"`
	// BareToken is `bareToken`: accept an `Authorization` header that holds the token without the word `Bearer`
	// (Okta's header mode).
	BareToken bool `json:"bareToken"`
	// BasicAuth is `basicAuth`: accept a token as the password of HTTP Basic, for clients that can do nothing
	// else: [Basic](../guides/credentials.md#basic).
	BasicAuth bool `json:"basicAuth"`
	// Profile is `profile`: how closely clients must keep to the RFCs. `tolerant` takes what identity providers
	// send beside them, see [tolerances.md](tolerances.md); `strict` refuses it and enforces the SCIM
	// interoperability profile.
	// Refused: another word.
	Profile Profile `json:"profile"`
	// Tolerances is `tolerances`: which of what `profile: tolerant` takes this tenant does not take.
	// Refused: with `profile: strict`.
	Tolerances Tolerances `json:"tolerances,omitzero"`
	// Mapping is `mapping`: the [mapping file](mapping.md): where attributes are stored. A change of it is
	// applied while the bridge runs.
	// Default: built in.
	// Refused: absent, not readable; every [problem of the mapping](mapping.md#problems).
	Mapping string `json:"mapping,omitempty" type:"file"`

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
	// UnknownMembers is `unknownMembers`: group members that do not exist, that are groups, or that are
	// [protected](../guides/accounts.md#protected-accounts): `refuse` answers 400 or 403 and changes nothing,
	// and Entra tries again; `ignore` leaves them as they are, counted and logged, for Okta, which never repeats
	// a 400.
	// Refused: another word.
	UnknownMembers UnknownMembers `json:"unknownMembers"`
	// OnDelete is `onDelete`: what becomes of an account that the tenant [owns](../guides/accounts.md#owners)
	// when its user is deleted: it goes too; it stays, disabled; it stays as it is. A group that it owns goes,
	// stays without members, or stays as it is. User and group are gone for the tenant each time.
	// Refused: another word; `disable` or `leave` at a tenant of the realm with `scope: all`.
	OnDelete OnDelete `json:"onDelete"`
	// Adopt is `adopt`: whether the tenant may [take over](../guides/accounts.md#adoption) accounts and groups
	// that no tenant owns.
	// Refused: another word.
	Adopt Adopt `json:"adopt"`
	// ExternalID is `externalId`: whether two users of the tenant may have one `externalId`. With `unique`, a
	// POST, PUT or PATCH that gives a user the `externalId` of another one is 409
	// [`external-id-taken`](errors.md). The guide of each identity provider says which fits.
	// Refused: another word.
	ExternalID ExternalID `json:"externalId"`
	// PatchResponse is `patchResponse`: what a PATCH is [answered with](endpoints.md#answers-to-writes): 200
	// with the resource, 200 with what tells which resource it is, or 204. `auto` is `full` for users and `none`
	// for groups. Write `full` for a client that takes a 204 for a failure, as scim-sdk-client does.
	// Refused: another word.
	PatchResponse PatchResponse `json:"patchResponse"`
	// Rehire is `rehire`: what a POST with the `externalId` of a user who was deactivated, or who left the
	// tenant, does: it is refused, or [takes that account up again](../guides/accounts.md#people-who-come-back).
	// Refused: another word; `revive` without `externalId: unique`.
	Rehire Rehire `json:"rehire"`
	// Domains is `domains`: which [addresses](../guides/accounts.md#domains) a tenant of an organization may
	// give its users: those in verified domains of the organization, or all.
	// Refused: another word; at a tenant of the realm.
	Domains Domains `json:"domains"`
	// Access is `access`: whether the tenant answers: `read-only` refuses writes with 403, `paused` every
	// request with 503, which clients repeat later.
	// Refused: another word.
	Access Access `json:"access"`
	// Limits is `limits`: what the tenant may ask for; more is 429 with `Retry-After`.
	Limits Limits `json:"limits"`
	// RemovalBrake is `removalBrake`: holds a [mass deprovisioning](../guides/accounts.md#the-removal-brake).
	RemovalBrake RemovalBrake `json:"removalBrake"`
}

// RemovalBrake bounds how many users one tenant may remove or deactivate within a time.
type RemovalBrake struct {
	// Max is `max`: how many of its users the tenant may remove or deactivate within the window; 100% is no
	// brake.
	// Refused: not from 1% to 100%.
	Max Percent `json:"max"`
	// Window is `window`: that time.
	// Refused: not from 1m to 168h.
	Window Duration `json:"window"`
	// Floor is `floor`: as many may go whatever `max` says, for tenants with few users.
	// Refused: not from 1 to 100000.
	Floor int `json:"floor"`
}

// Off reports whether there is no brake, as in the zero value.
func (r RemovalBrake) Off() bool { return r.Max == 0 || r.Max == All }

// Most is how many of so many users may go within the window.
func (r RemovalBrake) Most(users int) int { return max(r.Floor, (users*int(r.Max)+99)/100) }

// Limits bound what one tenant may ask for; more is 429.
type Limits struct {
	// RequestsPerSecond is `requestsPerSecond`: requests a second, sustained; twice as many may come at once.
	// Refused: not from 1 to 100000.
	RequestsPerSecond int `json:"requestsPerSecond"`
	// InFlight is `inFlight`: requests answered at one time.
	// Refused: not from 1 to 100000.
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
	// Name is `name`: what the log calls the client.
	// Default: required.
	// Refused: used twice in the tenant.
	Name string `json:"name"`
	// Issuer is `issuer`: the claim `iss`, character by character. Without it tokens of service accounts of the
	// realm are meant.
	// Default: the realm.
	// Refused: no URL.
	Issuer Issuer `json:"issuer,omitempty"`
	// JWKSURL is `jwksURL`: where the issuer has its keys. Required with `issuer`. `HTTPS_PROXY` is honoured,
	// redirects are not followed.
	// Refused: `http`, except to a loopback address; without `issuer`.
	JWKSURL KeysURL `json:"jwksURL,omitempty"`
	// Audience is `audience`: a value that the claim `aud` must hold.
	// Default: required.
	Audience string `json:"audience"`
	// ClientID is `clientID`: the claim `azp`, `appid` or `client_id`. Required without `issuer`.
	ClientID string `json:"clientID,omitempty"`
	// Subject is `subject`: the claim `sub`. Required with `issuer`.
	Subject string `json:"subject,omitempty"`
	// RequiredScope is `requiredScope`: a value that the claim `scope` or `scp` must hold.
	RequiredScope string `json:"requiredScope,omitempty"`
	// Scopes is `scopes`: as of a token.
	// Default: all.
	// Refused: another word; no entry.
	Scopes []TokenScope `json:"scopes,omitempty"`
}

// Token is a static bearer token, known by its hash.
type Token struct {
	// Name is `name`: what the log calls the client.
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
	// Expires is `expires`: from then on the token is refused. A date means its first moment in UTC.
	// Default: never.
	// Refused: not a date or time.
	Expires Expiry `json:"expires,omitzero"`
	// Scopes is `scopes`: what the client may do: `users:read`, `users:write`, `groups:read`, `groups:write`,
	// `bulk`.
	// Default: all.
	// Refused: another word; no entry.
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
