package config

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// checker finds what the types cannot refuse by themselves, fills in the defaults that depend on
// other values, and reads the files that the configuration names.
type checker struct {
	*report
	dir string
	env func(string) (string, bool)

	unkeyed bool // the keys of the store are not read
}

func (k checker) config(c *Config) {
	k.version(c.Version)
	k.server(&c.Server)
	k.bulk(&c.Bulk)
	k.index(&c.Index)
	k.tracing(c.Tracing)
	k.metrics(c.Metrics)
	if c.Admin.Listen.same(c.Server.Listen) {
		k.add("admin.listen", "is also server.listen", "Use another port; health and metrics are never on the SCIM port")
	}
	k.socket(&c.Admin)
	k.keycloak(&c.Keycloak)
	k.outbound(&c.Outbound)
	k.store(&c.Store)
	k.timeouts(c.Server.RequestTimeout, c.Keycloak.ResponseTimeout)
	k.realms(c.Realms)
}

// MaxSocket is the longest path of admin.socket, in bytes. Every system accepts this length, also
// for the temporary directory beside the socket in which the socket is made.
const MaxSocket = 90

func (k checker) socket(a *Admin) {
	if a.Socket == "" {
		return
	}
	if !filepath.IsAbs(a.Socket) {
		a.Socket = filepath.Join(k.dir, a.Socket)
	}
	if len(a.Socket) > MaxSocket {
		k.add("admin.socket", fmt.Sprintf("is longer than %d bytes, with the directory", MaxSocket), "Use a shorter path, such as /run/scim-bridge/control.sock")
	}
	if dir := filepath.Dir(a.Socket); Public(dir) {
		k.add("admin.socket", "is in "+dir+", into which everybody may write, so that another user could put a socket there", "Name a socket in its own directory, which the bridge creates, such as "+filepath.Join(dir, "own", filepath.Base(a.Socket)))
	}
}

// Public reports whether everybody may write into a directory. The bridge makes no socket there
// (see control.Listen), and setup no configuration. A missing directory is not public: the bridge
// or setup creates it.
func Public(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&0o002 != 0
}

func (k checker) version(v int) {
	k.missing("", "version", "Add the line: version: 1")
	if v != Version && k.given("version") && !k.failed("version") {
		k.add("version", fmt.Sprintf("must be %d", Version), "Write: version: 1")
	}
}

// timeouts reports the key that the file has: the other one is a default.
func (k checker) timeouts(request, response Duration) {
	const hint = "A call to Keycloak must end before the request that needs it"
	switch {
	case response < request:
	case k.given("keycloak.responseTimeout"):
		k.add("keycloak.responseTimeout", fmt.Sprintf("is not shorter than server.requestTimeout (%s)", request), hint)
	default:
		k.add("server.requestTimeout", fmt.Sprintf("is not longer than keycloak.responseTimeout (%s)", response), hint)
	}
}

func (k checker) server(s *Server) {
	within(k, "server.maxBodyBytes", s.MaxBodyBytes, 4<<10, 64<<20)
	within(k, "server.requestTimeout", s.RequestTimeout, Duration(time.Second), Duration(10*time.Minute))
	within(k, "server.drainTimeout", s.DrainTimeout, 0, Duration(10*time.Minute))
	within(k, "server.failuresPerMinute", s.FailuresPerMinute, 1, 1_000_000)
	within(k, "server.maxResults", s.MaxResults, 1, 1000)
	within(k, "server.cursorTimeout", s.CursorTimeout, Duration(time.Minute), Duration(24*time.Hour))
	if strings.Contains(string(s.PublicURL), "/realms/") {
		k.add("server.publicURL", "has the path of a realm in it", "Write only the root: the bridge adds /realms/.../scim/v2")
	}
	if k.given("server.publicURL") {
		return
	}
	base, ok := s.Listen.base()
	if !ok {
		k.missing("server", "publicURL", "server.listen names no host and port that a client could call; write the URL that clients call")
	}
	s.PublicURL = base
}

func (k checker) bulk(b *Bulk) {
	within(k, "bulk.maxOperations", b.MaxOperations, 1, 10_000)
	within(k, "bulk.maxPayloadBytes", b.MaxPayloadBytes, 4<<10, 64<<20)
}

func (k checker) index(i *Index) {
	within(k, "index.maxMemoryBytes", i.MaxMemoryBytes, 1<<20, 1<<32-1)
}

func (k checker) tracing(t Tracing) {
	if t.Endpoint == "" && k.given("tracing.sample") {
		k.add("tracing.sample", "has no effect without tracing.endpoint", "Add the URL of the collector, or remove the key")
	}
	if strings.HasSuffix(string(t.Endpoint), "/v1/traces") {
		k.add("tracing.endpoint", "has the path /v1/traces in it, which the bridge adds", "Remove it")
	}
}

func (k checker) keycloak(c *Keycloak) {
	const p = "keycloak."
	k.missing("keycloak", "url", `Write the root of the server, like "https://keycloak.example.com"`)
	for _, part := range []string{"/realms/", "/admin/"} {
		if strings.Contains(string(c.URL)+"/", part) {
			k.add(p+"url", "holds the path "+strings.TrimRight(part, "/"), "Write only the root of the server")
			break
		}
	}
	within(k, p+"connectTimeout", c.ConnectTimeout, Duration(100*time.Millisecond), Duration(time.Minute))
	within(k, p+"responseTimeout", c.ResponseTimeout, Duration(100*time.Millisecond), Duration(5*time.Minute))
	within(k, p+"maxInFlight", c.MaxInFlight, 1, 1000)
	within(k, p+"breakerDelay", c.BreakerDelay, Duration(100*time.Millisecond), Duration(5*time.Minute))
	if strings.HasPrefix(string(c.URL), "http:") {
		for _, key := range []string{"caFile", "clientCertFile", "clientKeyFile"} {
			if k.given(p + key) {
				k.add(p+key, "has no effect, because keycloak.url is http", "Use https, or remove the key")
			}
		}
	}
	k.certificates(c)
}

func (k checker) outbound(o *Outbound) {
	o.RootCAs = k.authorities("outbound.caFile", &o.CAFile, systemAuthorities)
}

func (k checker) realms(realms map[string]Realm) {
	if len(realms) == 0 {
		k.none("", "realms", realms == nil, "Add the realm that clients write to")
	}
	paths := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(realms)) {
		realm := realms[name]
		path := join("realms", name)
		if f := realmName(name); f != nil {
			k.add(path, f.text, f.hint)
		}
		k.credentials(path+".credentials", &realm.Credentials)
		k.organizations(path, &realm)
		if len(realm.Tenants) == 0 && !k.given(path+".organizations") {
			k.none(path, "tenants", realm.Tenants == nil, "Add a tenant with a token; without a token no client can use the endpoint")
		}
		keys := map[string]string{}
		for i := range realm.Tenants {
			k.organization(item(path+".tenants", i), &realm.Tenants[i])
			k.tenantKey(item(path+".tenants", i), &realm.Tenants[i], keys)
			k.tenant(item(path+".tenants", i), name, &realm.Tenants[i], paths, realm.Organizations.All)
		}
		for i := range realm.Organizations.Overrides {
			k.override(item(path+".organizations.overrides", i), name, &realm.Organizations, i, keys, paths)
		}
		realms[name] = realm
	}
}

// none reports a list that is missing or has no entry.
func (k checker) none(parent, key string, absent bool, hint string) {
	if absent {
		k.missing(parent, key, hint)
		return
	}
	k.add(join(parent, key), "has no entry", hint)
}

func (k checker) tenant(path, realm string, t *Tenant, paths map[string]string, every bool) {
	t.Where = Problem{File: k.file, Line: k.position(path).line, Path: path}
	if t.Profile == "" {
		t.Profile = ProfileTolerant
	}
	k.tolerances(path, t.Tolerances, t.Profile)
	if t.Scope == "" {
		t.Scope = ScopeAll
	}
	if t.Mapping != "" {
		k.read(path+".mapping", (*File)(&t.Mapping), false)
	}
	k.policies(path, t)
	k.tenantPath(path, realm, t, paths)
	if len(t.Tokens) == 0 && !k.given(path+".tokensFile") && !k.given(path+".accessTokens") {
		k.none(path, "tokens", t.Tokens == nil, tokenHint(t, every))
	}
	named := names{}
	k.tokens(path+".tokens", t.Tokens, named)
	k.accessTokens(path+".accessTokens", t.AccessTokens, named)
	if t.TokensFile != "" {
		t.Tokens = append(t.Tokens, k.tokensFile(path+".tokensFile", t, named)...)
	}
}

// policies checks what only a tenant of an organization can do, or only a tenant that shows what it
// owns.
func (k checker) policies(path string, t *Tenant) {
	k.limits(path, t.Policies)
	k.rehire(path, t.Policies)
	t.Policies = t.orDefault()
	if t.Organization != "" {
		return
	}
	if k.given(path + ".domains") {
		k.add(path+".domains", "is for a tenant of an organization", "Remove it: a realm has no domains")
	}
	if t.OnDelete != OnDeleteDelete && t.Scope != ScopeOwned {
		k.add(path+".onDelete", fmt.Sprintf("cannot be %s with scope: all", t.OnDelete), "Add scope: owned: the account stays in the realm, and the tenant must no longer show it")
	}
}

// orDefault fills in the default of each policy that is not given.
func (p Policies) orDefault() Policies {
	return p.or(Policies{
		UnknownMembers: UnknownMembersRefuse, OnDelete: OnDeleteDelete, Adopt: AdoptNever, Domains: DomainsVerified, Access: AccessFull,
		ExternalID: ExternalIDShared, Rehire: RehireRefuse, PatchResponse: PatchAuto,
		Limits:       Limits{RequestsPerSecond: 250, InFlight: 64},
		RemovalBrake: RemovalBrake{Max: 20, Window: Duration(time.Hour), Floor: 3},
	})
}

// or fills in each policy that is not given from others.
func (p Policies) or(others Policies) Policies {
	return Policies{
		UnknownMembers: cmp.Or(p.UnknownMembers, others.UnknownMembers), OnDelete: cmp.Or(p.OnDelete, others.OnDelete),
		ExternalID: cmp.Or(p.ExternalID, others.ExternalID), Rehire: cmp.Or(p.Rehire, others.Rehire),
		PatchResponse: cmp.Or(p.PatchResponse, others.PatchResponse),
		Adopt:         cmp.Or(p.Adopt, others.Adopt), Domains: cmp.Or(p.Domains, others.Domains), Access: cmp.Or(p.Access, others.Access),
		Limits: Limits{RequestsPerSecond: cmp.Or(p.Limits.RequestsPerSecond, others.Limits.RequestsPerSecond), InFlight: cmp.Or(p.Limits.InFlight, others.Limits.InFlight)},
		RemovalBrake: RemovalBrake{
			Max: cmp.Or(p.RemovalBrake.Max, others.RemovalBrake.Max), Window: cmp.Or(p.RemovalBrake.Window, others.RemovalBrake.Window), Floor: cmp.Or(p.RemovalBrake.Floor, others.RemovalBrake.Floor),
		},
	}
}

// limits checks the limits that are given.
func (k checker) limits(path string, p Policies) {
	for key, value := range map[string]int{"limits.requestsPerSecond": p.Limits.RequestsPerSecond, "limits.inFlight": p.Limits.InFlight, "removalBrake.floor": p.RemovalBrake.Floor} {
		if here := path + "." + key; k.given(here) && !k.failed(here) {
			within(k, here, value, 1, 100_000)
		}
	}
	if here := path + ".removalBrake.window"; k.given(here) && !k.failed(here) {
		within(k, here, p.RemovalBrake.Window, Duration(time.Minute), Duration(7*24*time.Hour))
	}
}

// organization checks the keys about the organization of a tenant.
func (k checker) organization(path string, t *Tenant) {
	if !k.given(path+".organization") && !k.given(path+".organizationID") {
		return
	}
	k.identity(path, t)
	for _, key := range []string{"path", "key", "scope"} {
		if k.given(path + "." + key) {
			k.add(path+"."+key, "is for a tenant of the realm", "Remove it: this tenant has the URL, the key and the users of the organization")
		}
	}
}

// identity checks the alias and the id of the organization.
func (k checker) identity(path string, t *Tenant) {
	k.missing(path, "organization", "Give the alias of the organization, which is part of the URL")
	k.missing(path, "organizationID", "Give the organization's id, which scim-bridge setup --organization writes: the endpoint stays with this organization, whichever organization gets the alias")
	if t.Organization != "" && (len(t.Organization) > 255 || !only(t.Organization, "._~-") || strings.Trim(t.Organization, ".") == "") {
		k.add(path+".organization", fmt.Sprintf("%q cannot be a segment of a URL", shorten(t.Organization)), "Give the organization's alias, of letters, digits, '-', '.', '_' or '~'")
	}
	if t.OrganizationID != "" && (len(t.OrganizationID) > maxTenantKey || !only(t.OrganizationID, "-")) {
		k.add(path+".organizationID", fmt.Sprintf("%q is not the id of an organization", shorten(t.OrganizationID)), "Write the UUID that Keycloak gave it")
	}
}

// maxTenantKey bounds the keys of tenants. An id of Keycloak has this length.
const maxTenantKey = 36

// tenantKey fills in the organization's id, or "realm", when no key is given. keys are the keys of
// the tenants before, with their places in the file.
func (k checker) tenantKey(path string, t *Tenant, keys map[string]string) {
	if t.Organization != "" || t.OrganizationID != "" {
		t.Key = t.OrganizationID
	}
	if t.Key == "" {
		if k.given(path+".key") || t.Organization != "" {
			return // reported already
		}
		t.Key = "realm"
	}
	if len(t.Key) > maxTenantKey || !only(t.Key, "-") {
		if t.OrganizationID == "" {
			k.add(path+".key", fmt.Sprintf("%q cannot mark values in Keycloak", shorten(t.Key)), "Give the tenant a key of at most 36 letters, digits or '-'")
		}
		return
	}
	first, twice := keys[t.Key]
	switch {
	case twice && t.OrganizationID != "":
		k.add(path+".organizationID", "is also the organizationID of "+first, "Give each organization only one tenant")
	case twice:
		k.add(path, fmt.Sprintf("has the key %q of %s", t.Key, first), "Give each tenant of the realm its own key: two tenants with the same key would overwrite each other's values")
	default:
		keys[t.Key] = path
	}
}

// tenantPath fills in the realm's name when no path is given. paths are the paths of the tenants
// before, with their places in the file.
func (k checker) tenantPath(path, realm string, t *Tenant, paths map[string]string) {
	if t.Organization != "" {
		t.Path = realm + "/organizations/" + t.Organization
		if first, twice := paths[t.Path]; twice {
			k.add(path+".organization", fmt.Sprintf("%q is also the organization of %s", shorten(t.Organization), first), "Give each organization only one tenant")
		}
		paths[t.Path] = path
		return
	}
	if t.Path == "" {
		if k.given(path+".path") || k.failed(join("realms", realm)) {
			return // reported already
		}
		t.Path = realm
	}
	const hint = "Give the tenant a path of letters, digits, '-', '.', '_' or '~'"
	if len(t.Path) > 255 || !only(t.Path, "._~-") || t.Path == "." || t.Path == ".." {
		k.add(path+".path", fmt.Sprintf("%q cannot be a segment of a URL", shorten(t.Path)), hint)
		return
	}
	if first, twice := paths[t.Path]; twice {
		k.add(path+".path", fmt.Sprintf("%q is also the path of %s", shorten(t.Path), first), "Give each tenant its own path")
		return
	}
	paths[t.Path] = path
}

// within reports a value out of its range. A value that could not be decoded was reported before,
// and has its default.
func within[T int | int64 | Duration](k checker, path string, v, least, most T) {
	if v < least || v > most {
		k.add(path, fmt.Sprintf("must be from %v to %v", least, most), "")
	}
}
