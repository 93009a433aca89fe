package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// newToken is a token for the tenant of a bridge, and its text.
func newToken(t *testing.T, b apptest.Bridge, name string) (text string, n admin.NewToken) {
	t.Helper()
	text, keyID, sum := auth.NewToken()
	apptest.Wrote.Secret(text)
	of := b.App.Watcher.Tenants.ByPath(b.Path(t))
	return text, admin.NewToken{
		Tenant: of.Path, Realm: of.Realm, Key: of.Owner.Key, Name: name, KeyID: keyID, SHA256: hex.EncodeToString(sum[:]), Scopes: tenant.AllScopes, Expires: time.Now().Add(time.Hour).UTC().Truncate(time.Second),
	}
}

// added keeps a token in the store, and returns a client with it.
func added(t *testing.T, b apptest.Bridge, name string, edit func(*admin.NewToken)) apptest.Bridge {
	t.Helper()
	text, n := newToken(t, b, name)
	if edit != nil {
		edit(&n)
	}
	if err := b.App.Admin.AddToken(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return b.With(text)
}

// answers is the status and the code of an answer to a client.
func answers(t *testing.T, b apptest.Bridge) string {
	t.Helper()
	status, header, body := apptest.AskWith(t, b, apptest.ListUsers(), apptest.BearerOf(b.Token))
	if status == http.StatusOK {
		return "200"
	}
	_, code, _ := strings.Cut(body, "[")
	code, _, _ = strings.Cut(code, "]")
	if status == http.StatusServiceUnavailable && header.Get("Retry-After") == "" {
		code += " without Retry-After"
	}
	return fmt.Sprint(status, " ", code)
}

// wantAnswer fails the test unless a client gets an answer.
func wantAnswer(t *testing.T, what string, b apptest.Bridge, want string) {
	t.Helper()
	if got := answers(t, b); got != want {
		t.Errorf("%s gets %s, want %s", what, got, want)
	}
}

// credentialOf is the operator's view of a credential.
func credentialOf(t *testing.T, b apptest.Bridge, name string) admin.Credential {
	t.Helper()
	all := b.App.Admin.Credentials()
	i := slices.IndexFunc(all, func(c admin.Credential) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no credential %s in %+v", name, all)
	}
	return all[i]
}

// TestATokenOfTheStore works at once, at its tenant, with its scopes and until its end. It works after a restart, and is
// refused from its revocation on. The token of the configuration works all the time.
func TestATokenOfTheStore(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil)
	entra := added(t, b, "entra", nil)
	readOnly := added(t, b, "reader", func(n *admin.NewToken) { n.Scopes = tenant.UsersRead })
	old := added(t, b, "old", func(n *admin.NewToken) { n.Expires = time.Now().Add(-time.Hour) })
	endless := added(t, b, "endless", func(n *admin.NewToken) { n.Expires = time.Time{} })
	wantAnswer(t, "a token of the store", entra, "200")
	wantAnswer(t, "a token without an end", endless, "200")
	wantAnswer(t, "an expired token", old, "401 credential-expired")
	entra.Create(t, "/Users", `{"userName":"jane"}`)
	readOnly.Refused(t, http.StatusForbidden, http.MethodPost, "/Users", `{"userName":"joe"}`)
	entries := entriesOf(t, memory)
	if last := entries[len(entries)-1]; last.Actor.Name != "entra" || last.Actor.KeyID == "" {
		t.Errorf("the actor of the change is %+v", last.Actor)
	}
	c := credentialOf(t, b, "entra")
	if c.Place != admin.InStore || c.State != admin.Expiring || c.Expires == nil || c.Made == nil {
		t.Errorf("the credential is %+v", c)
	}
	if got := credentialOf(t, b, "idp"); got.Place != admin.InFile {
		t.Errorf("the token of the file is %+v", got)
	}
	if got := b.Metric(t, `scim_bridge_token_expiry_timestamp_seconds{client="entra",key_id="`+c.KeyID+`"`); got == "" {
		t.Error("no metric has the end of the token")
	}

	again := b.Restarted(t, memory)
	entraAgain, readerAgain := again.With(entra.Token), again.With(readOnly.Token)
	wantAnswer(t, "after a restart the token", entraAgain, "200")
	if _, err := again.App.Admin.RevokeToken(t.Context(), again.Path(t), c.KeyID); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, "a revoked token", entraAgain, "401 credential-invalid")
	wantAnswer(t, "another token", readerAgain, "200")
	wantAnswer(t, "the token of the file", again, "200")
	_, n := newToken(t, again, "entra")
	sum := sha256.Sum256([]byte(entra.Token))
	n.SHA256 = hex.EncodeToString(sum[:])
	if err := again.App.Admin.AddToken(t.Context(), n); err == nil || !strings.Contains(err.Error(), "was revoked for this tenant") {
		t.Errorf("the revoked token again: %v", err)
	}
}

// organizationToken keeps a token of an organization in the store, and returns a client with it.
func organizationToken(t *testing.T, c apptest.Customers, alias, name string) apptest.Bridge {
	t.Helper()
	text, keyID, sum := auth.NewToken()
	apptest.Wrote.Secret(text)
	path := c.Realm.Realm + "/organizations/" + alias
	err := c.Realm.App.Admin.AddToken(t.Context(), admin.NewToken{
		Tenant: path, Realm: c.Realm.Realm, Key: c.IDs[alias].String(), Name: name, KeyID: keyID, SHA256: hex.EncodeToString(sum[:]), Scopes: tenant.AllScopes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Realm.At(path).With(text)
}

// TestATokenOfTheStoreIsOfOneTenant of the two that share a realm.
func TestATokenOfTheStoreIsOfOneTenant(t *testing.T) {
	t.Parallel()
	c := apptest.NewStoredEvery(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil))
	acme, globex := organizationToken(t, c, "acme", "same name"), organizationToken(t, c, "globex", "same name")
	c.Check(t)
	wantAnswer(t, "the token of acme", acme, "200")
	wantAnswer(t, "the token of globex", globex, "200")
	wantAnswer(t, "acme's token at globex", globex.With(acme.Token), "401 credential-invalid")
	wantAnswer(t, "globex's token at acme", acme.With(globex.Token), "401 credential-invalid")
	if _, err := c.Realm.App.Admin.RevokeToken(t.Context(), globex.Path(t), "same name"); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, "the token of acme", acme, "200")
	wantAnswer(t, "the revoked token of globex", globex, "401 credential-invalid")
}

// TestWhatTheStoreTakesForAToken: hostile input is refused with a text for the operator.
func TestWhatTheStoreTakesForAToken(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	added(t, b, "taken", nil)
	for name, c := range map[string]struct {
		edit func(*admin.NewToken)
		want string
	}{
		"no name":                              {func(n *admin.NewToken) { n.Name = "" }, "a token needs a name"},
		"a blank name":                         {func(n *admin.NewToken) { n.Name = " " }, "a token needs a name"},
		"a line break":                         {func(n *admin.NewToken) { n.Name = "a\nb" }, "a token needs a name"},
		"a control character":                  {func(n *admin.NewToken) { n.Name = "a\x00b" }, "a token needs a name"},
		"invalid UTF-8":                        {func(n *admin.NewToken) { n.Name = "a\xff" }, "a token needs a name"},
		"a very long name":                     {func(n *admin.NewToken) { n.Name = strings.Repeat("x", 101) }, "a token needs a name"},
		"a taken name":                         {func(n *admin.NewToken) { n.Name = "taken" }, "a token with the name taken exists already"},
		"a name of the file":                   {func(n *admin.NewToken) { n.Name = "idp" }, "a token with the name idp exists already"},
		"a key id that is no id":               {func(n *admin.NewToken) { n.KeyID = "a b" }, "a token needs a name"},
		"no scope":                             {func(n *admin.NewToken) { n.Scopes = 0 }, "a token needs a name"},
		"an unknown scope":                     {func(n *admin.NewToken) { n.Scopes = 1 << 7 }, "a token needs a name"},
		"no hash":                              {func(n *admin.NewToken) { n.SHA256 = "" }, "the hash of the token is not a SHA-256"},
		"the token as its hash":                {func(n *admin.NewToken) { n.SHA256 = "ksb_8aZk2Qx1" }, "the hash of the token is not a SHA-256"},
		"a hash in upper case":                 {func(n *admin.NewToken) { n.SHA256 = strings.ToUpper(n.SHA256) }, "the hash of the token is not a SHA-256"},
		"an unknown tenant":                    {func(n *admin.NewToken) { n.Tenant = "nope" }, `has no tenant "nope"`},
		"another key":                          {func(n *admin.NewToken) { n.Key = "other" }, "another tenant at"},
		"another realm":                        {func(n *admin.NewToken) { n.Realm = "other" }, "another tenant at"},
		"an organization where none is served": {func(n *admin.NewToken) { n.Tenant += "/organizations/acme" }, "has no tenant"},
	} {
		_, n := newToken(t, b, "new")
		n.SHA256 = strings.Repeat("ab", 32)
		c.edit(&n)
		if err := b.App.Admin.AddToken(t.Context(), n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	good := added(t, b, "'; DROP TABLE token; -- \u00e4 <b>", nil)
	wantAnswer(t, "a token with an odd name", good, "200")
}

// tokenClock is the clock of the tokens in a store.
type tokenClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *tokenClock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *tokenClock) passes(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func clocked(b apptest.Bridge) *tokenClock {
	clock := &tokenClock{now: time.Now()}
	b.App.TokenClock(clock.time)
	return clock
}

// TestTokensWithoutTheirStore: what the store said last counts for a minute. Then the answer to a token that only the
// store can know is 503. Tokens of the configuration work all the time, and nobody can know a token
// that was not copied whole.
func TestTokensWithoutTheirStore(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil)
	clock := clocked(b)
	good, gone := added(t, b, "good", nil), added(t, b, "gone", nil)
	if _, err := b.App.Admin.RevokeToken(t.Context(), b.Path(t), "gone"); err != nil {
		t.Fatal(err)
	}
	cut := b.With(good.Token[:len(good.Token)-1])
	foreign := b.With("a-token-of-another-server")
	want := func(when, known, unknown string) {
		t.Helper()
		wantAnswer(t, when+" a token of the store", good, known)
		wantAnswer(t, when+" a revoked token", gone, "401 credential-invalid")
		wantAnswer(t, when+" a token that nobody knows", foreign, unknown)
		wantAnswer(t, when+" a token that was cut", cut, "401 credential-malformed")
		wantAnswer(t, when+" the token of the file", b, "200")
	}
	want("at first", "200", "401 credential-invalid")
	memory.Fail(errDisk)
	clock.passes(59 * time.Second)
	want("for a minute", "200", "401 credential-invalid")
	clock.passes(time.Second)
	want("after a minute", "503 credential-keys-unavailable", "503 credential-keys-unavailable")
	_, n := newToken(t, b, "new")
	if err := b.App.Admin.AddToken(t.Context(), n); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("a new token while the store is away: %v", err)
	}
	if _, err := b.App.Admin.RevokeToken(t.Context(), b.Path(t), "good"); err == nil {
		t.Error("a token is revoked while the store is away")
	}
	clock.passes(time.Hour)
	want("after an hour", "503 credential-keys-unavailable", "503 credential-keys-unavailable")
	memory.Fail(nil)
	clock.passes(time.Second)
	want("when the store answers", "200", "401 credential-invalid")
	memory.Fail(errDisk)
	clock.passes(30 * time.Second)
	b.App.KeepStore(t.Context(), time.Now())
	wantAnswer(t, "in the next outage a token of the store", good, "200")
	clock.passes(30 * time.Second)
	wantAnswer(t, "in the next outage a token of the store", good, "503 credential-keys-unavailable")
}

// unreadStore has tokens that cannot be read after a change, or that a read has as they were before the change.
type unreadStore struct {
	*storetest.Memory

	before func()     // the change happens after a read began, and before it ends; nil for no such read
	unread bool       // reads fail
	mu     sync.Mutex // guards before and unread
}

func (s *unreadStore) set(before func(), unread bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.unread = before, unread
}

func (s *unreadStore) Tokens(ctx context.Context) (store.TokenState, error) {
	s.mu.Lock()
	before, unread := s.before, s.unread
	s.before = nil
	s.mu.Unlock()
	if unread {
		return store.TokenState{}, store.ErrAway
	}
	state, err := s.Memory.Tokens(ctx)
	if before != nil {
		before()
	}
	return state, err
}

// TestARevokedTokenIsRefusedAtOnce, although the tokens cannot be read again, and although a read that began before the
// revocation ends after it. It is refused also when the file of a tenant has the token.
func TestARevokedTokenIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	memory := &unreadStore{Memory: storetest.NewMemory(nil)}
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil)
	clock := clocked(b)
	unread, during, kept := added(t, b, "unread", nil), added(t, b, "during", nil), added(t, b, "kept", nil)
	revoke := func(name string) error {
		_, err := b.App.Admin.RevokeToken(t.Context(), b.Path(t), name)
		return err
	}
	memory.set(nil, true)
	if err := revoke("unread"); err == nil || !strings.Contains(err.Error(), "it is done") {
		t.Errorf("a revocation after which nothing can be read: %v", err)
	}
	wantAnswer(t, "a revoked token while nothing can be read", unread, "401 credential-invalid")
	memory.set(func() {
		memory.set(nil, true)
		if err := revoke("during"); err == nil || !strings.Contains(err.Error(), "it is done") {
			t.Errorf("a revocation during a read: %v", err)
		}
		memory.set(nil, false)
	}, false)
	clock.passes(2 * time.Minute) // the next request waits for a read
	wantAnswer(t, "another token", kept, "200")
	wantAnswer(t, "a token that was revoked during a read", during, "401 credential-invalid")
	clock.passes(2 * time.Minute)
	wantAnswer(t, "another token", kept, "200")
	for name, token := range map[string]apptest.Bridge{"unread": unread, "during": during} {
		wantAnswer(t, "after a read the revoked token "+name, token, "401 credential-invalid")
	}
}

// TestARevocationOfTheStoreCountsForEveryPlace, also for the token of a file.
func TestARevocationOfTheStoreCountsForEveryPlace(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil)
	wantAnswer(t, "the token of the file", b, "200")
	of := store.OwnerOf(b.App.Watcher.Tenants.ByPath(b.Path(t)))
	if err := memory.Revoke(t.Context(), store.Revocation{Of: of, SHA256: sha256.Sum256([]byte(b.Token))}); err != nil {
		t.Fatal(err)
	}
	again := b.Restarted(t, memory)
	wantAnswer(t, "the token of the file", again, "401 credential-invalid")
	memory.Fail(errDisk)
	clocked(again).passes(time.Hour)
	wantAnswer(t, "while the store is away the token of the file", again, "401 credential-invalid")
}

// TestARevocationInKeycloakCountsAtOnce although the store does not answer, and is in the store when the store answers.
func TestARevocationInKeycloakCountsAtOnce(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	c := apptest.NewStoredEvery(t, keycloaktest.NewFake(t).Server(), memory)
	c.Check(t)
	acme, kept := organizationToken(t, c, "acme", "entra"), organizationToken(t, c, "acme", "kept")
	c.Check(t)
	wantAnswer(t, "the token", acme, "200")
	own := c.Realm.App.Watcher.Realms.Client(c.Realm.Realm)
	revoked := tenant.Token{KeyID: "k", SHA256: sha256.Sum256([]byte(acme.Token)), Expires: time.Now().Add(time.Hour)}
	if err := realm.Revoke(t.Context(), own, realm.Revocation(c.IDs["acme"], revoked), time.Now()); err != nil {
		t.Fatal(err)
	}
	memory.Fail(errDisk)
	c.Check(t)
	wantAnswer(t, "the revoked token while the store is away", acme, "401 credential-invalid")
	wantAnswer(t, "another token", kept, "200")
	memory.Fail(nil)
	c.Check(t)
	if state, err := memory.Tokens(t.Context()); err != nil || len(state.Revoked) != 1 {
		t.Errorf("the store has the revocations %v, %v", state.Revoked, err)
	}
	wantAnswer(t, "then the revoked token", acme, "401 credential-invalid")
}

// TestSuspendedTokens are refused, with a reason for the client and a remedy for the operator, until the operator
// accepts them.
func TestSuspendedTokens(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	first := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil)
	token := added(t, first, "entra", nil).Token
	memory.Suspend()
	b := first.Restarted(t, memory)
	entra := b.With(token)
	status, _, body := apptest.AskWith(t, entra, apptest.ListUsers(), apptest.BearerOf(token))
	if status != http.StatusUnauthorized || !strings.Contains(body, "[credential-invalid]") || !strings.Contains(body, "ask the operator of this endpoint to accept the token again") {
		t.Errorf("a suspended token = %d %s", status, body)
	}
	if b.Lines.FilterMessageSnippet("its tokens are refused until an operator accepts them").Len() != 1 {
		t.Error("the log does not tell that tokens are suspended")
	}
	told := false
	for _, line := range b.Lines.All() {
		told = told || strings.Contains(fmt.Sprint(line.ContextMap()["cause"]), "scim-bridge tokens accept")
	}
	if !told {
		t.Error("no line of the log names the remedy")
	}
	wantAnswer(t, "a token that nobody knows", b.With("another"), "401 credential-invalid")
	wantAnswer(t, "the token of the file", b, "200")
	added(t, b, "new", nil)
	if c := credentialOf(t, b, "entra"); c.State != admin.Suspended {
		t.Errorf("the credential is %+v", c)
	}
	if n, err := b.App.Admin.AcceptTokens(t.Context(), ""); n != 1 || err != nil {
		t.Errorf("accepted %d tokens, %v", n, err)
	}
	wantAnswer(t, "an accepted token", entra, "200")
	if _, err := b.App.Admin.AcceptTokens(t.Context(), "nope"); err == nil {
		t.Error("the tokens of an unknown tenant are accepted")
	}
}

// TestTheLastUseOfACredential is recorded at most once a minute, for tokens of every place, and outlives a restart.
func TestTheLastUseOfACredential(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil)
	clock := clocked(b)
	entra := added(t, b, "entra", nil)
	added(t, b, "unused", nil)
	uses := func() int {
		t.Helper()
		b.App.KeepStore(t.Context(), time.Now())
		state, err := memory.Tokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(state.Uses)
	}
	if n := uses(); n != 0 {
		t.Fatalf("before any request there are %d uses", n)
	}
	began := clock.time()
	for range 3 {
		wantAnswer(t, "the token", entra, "200")
		wantAnswer(t, "the token of the file", b, "200")
		clock.passes(10 * time.Second)
	}
	wantAnswer(t, "an unknown token", b.With("unknown"), "401 credential-invalid")
	if n := uses(); n != 2 {
		t.Errorf("of two credentials there are %d uses", n)
	}
	used := func(b apptest.Bridge, name string, want time.Time) {
		t.Helper()
		if c := credentialOf(t, b, name); c.LastUsed == nil || !c.LastUsed.Truncate(time.Microsecond).Equal(want.Truncate(time.Microsecond)) || c.UnusedSince != nil {
			t.Errorf("%s was last used %v, want %s", name, c.LastUsed, want)
		}
	}
	used(b, "entra", began)
	used(b, "idp", began)
	if c := credentialOf(t, b, "unused"); c.LastUsed != nil || c.UnusedSince == nil || !c.UnusedSince.Equal(c.Made.UTC()) {
		t.Errorf("an unused token is %+v", c)
	}
	memory.Fail(errDisk)
	clock.passes(time.Minute)
	wantAnswer(t, "the token of the file while the store is away", b, "200")
	later := clock.time()
	b.App.KeepStore(t.Context(), time.Now())
	used(b, "idp", later)
	memory.Fail(nil)
	uses()
	again := b.Restarted(t, memory)
	used(again, "idp", later)
	used(again, "entra", began)
}

// TestATokenOfTheStoreGivesAnOrganizationItsEndpoint, which belongs to the organization and not to its alias. The other
// tokens of the organization work too.
func TestATokenOfTheStoreGivesAnOrganizationItsEndpoint(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	c := apptest.NewStoredEvery(t, keycloaktest.NewFake(t).Server(), memory)
	c.Check(t)
	acme := organizationToken(t, c, "acme", "entra")
	c.Check(t)
	acme.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
	wantAnswer(t, "the token at another organization", c.Realm.At(c.Realm.Realm+"/organizations/globex").With(acme.Token), "401 credential-invalid")
	attribute := c.NewToken(t, "acme")
	c.Check(t)
	wantAnswer(t, "a token in the attributes", attribute, "200")
	wantAnswer(t, "the token of the store", acme, "200")
	if got := credentialOf(t, c.Realm, "idp-1"); got.Place != admin.InOrganization {
		t.Errorf("the token in the attributes is %+v", got)
	}

	if err := c.Realm.Admin.DeleteOrganization(t.Context(), c.IDs["acme"]); err != nil {
		t.Fatal(err)
	}
	c.AddOrganization(t, c.Realm.Admin, "acme")
	c.Check(t)
	wantAnswer(t, "the token at another organization with the alias", acme, "401 credential-invalid")
	if got := credentialOf(t, c.Realm, "entra"); got.State != admin.NoTenant || got.Tenant != acme.Path(t) {
		t.Errorf("the token of the organization that is gone is %+v", got)
	}
	if _, err := c.Realm.App.Admin.RevokeToken(t.Context(), acme.Path(t), "entra"); err != nil {
		t.Errorf("it cannot be revoked: %v", err)
	}
}

// TestARevocationIsNotUndoneInKeycloak: somebody who may edit the bridge's service account and the organization removes
// the revocation and writes the token's entry again. The bridge had read the revocation in Keycloak.
func TestARevocationIsNotUndoneInKeycloak(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	c := apptest.NewStoredEvery(t, keycloaktest.NewFake(t).Server(), memory)
	acme, kept := c.NewToken(t, "acme"), c.NewToken(t, "acme")
	c.Check(t)
	wantAnswer(t, "the token", acme, "200")
	entries := func(list ...string) []string {
		t.Helper()
		o, err := c.Realm.Admin.Organization(t.Context(), c.IDs["acme"])
		if err == nil && list != nil {
			err = c.Realm.Admin.SetOrganizationAttribute(t.Context(), c.IDs["acme"], auth.AttrCredentials, list)
		}
		if err != nil {
			t.Fatal(err)
		}
		return o.Attributes[auth.AttrCredentials]
	}
	before := entries()
	id, err := auth.KeyID(acme.Token)
	if err != nil {
		t.Fatal(err)
	}
	own := c.Realm.App.Watcher.Realms.Client(c.Realm.Realm)
	revoked := tenant.Token{KeyID: id, SHA256: sha256.Sum256([]byte(acme.Token)), Expires: time.Now().Add(time.Hour)}
	if err := realm.Revoke(t.Context(), own, realm.Revocation(c.IDs["acme"], revoked), time.Now()); err != nil {
		t.Fatal(err)
	}
	c.Check(t) // it copies the revocation
	wantAnswer(t, "the revoked token", acme, "401 credential-invalid")
	if err := realm.Remember(t.Context(), own, mapping.AttrRevoked, func([]string) ([]string, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	entries(before...)
	c.Check(t)
	wantAnswer(t, "the token whose revocation was undone in Keycloak", acme, "401 credential-invalid")
	wantAnswer(t, "another token", kept, "200")
	if got := c.Realm.App.Watcher.Tenants.ByPath(c.Realm.Realm + "/organizations/acme"); len(got.Tokens) != 1 {
		t.Errorf("the tenant has %d tokens, want 1", len(got.Tokens))
	}
}
