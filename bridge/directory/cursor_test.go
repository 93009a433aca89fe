package directory_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// herd holds users of a tenant: some stay for the whole test, others are created and deleted.
type herd struct {
	apptest.Bridge
	lasting map[string]int // how often each was seen
	changes []func() error // each creates or deletes a user
}

// newHerd creates n users who stay and n users who will be deleted, and plans n new users. Somebody
// else than the bridge makes every other change.
func newHerd(t *testing.T, b apptest.Bridge, kind string, n int, join func(keycloak.UserID) error) *herd {
	t.Helper()
	h := &herd{Bridge: b, lasting: map[string]int{}}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%04d-%s-lasting", i, kind), fmt.Sprintf("%04d-%s-going", i, kind))
	}
	ids := make([]string, len(names))
	var g errgroup.Group
	g.SetLimit(8)
	for i, name := range names {
		g.Go(func() error {
			made, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"`+name+`","title":"T"}`)
			ids[i], _ = made["id"].(string)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if strings.HasSuffix(name, "-lasting") {
			h.lasting[ids[i]] = 0
			continue
		}
		h.changes = append(h.changes, h.deletes(t, ids[i], i%4 == 1), h.creates(t, fmt.Sprintf("%04d-%s-coming", i, kind), i%4 == 1, join))
	}
	return h
}

func (h *herd) deletes(t *testing.T, text string, own bool) func() error {
	t.Helper()
	return func() error {
		if own {
			_, err := h.Send(t, http.MethodDelete, "/Users/"+text, "")
			return wrapped("delete as a client", err)
		}
		id, err := keycloak.ParseUserID(text)
		if err != nil {
			return err
		}
		return wrapped("delete", h.Admin.DeleteUser(t.Context(), id))
	}
}

func (h *herd) creates(t *testing.T, name string, own bool, join func(keycloak.UserID) error) func() error {
	t.Helper()
	return func() error {
		if own {
			_, err := h.Send(t, http.MethodPost, "/Users", `{"userName":"`+name+`","title":"T"}`)
			return wrapped("create as a client", err)
		}
		id, err := h.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, Enabled: true})
		if err == nil {
			err = join(id)
		}
		return wrapped("create", err)
	}
}

func wrapped(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// walk reads all pages of a query by cursor, and makes changes while each page is read.
func (h *herd) walk(t *testing.T, query url.Values, pageSize int) {
	t.Helper()
	const atOnce = 7
	ids := map[string]int{}
	for cursor, more := "", true; more; {
		query.Set("cursor", cursor)
		query.Set("count", fmt.Sprint(pageSize))
		var page map[string]any
		var g errgroup.Group
		g.Go(func() (err error) {
			page, err = h.Send(t, http.MethodGet, "/Users?"+query.Encode(), "")
			return err
		})
		n := min(atOnce, len(h.changes))
		for _, change := range h.changes[:n] {
			g.Go(change)
		}
		h.changes = h.changes[n:]
		if err := g.Wait(); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for _, resource := range page["Resources"].([]any) {
			ids[fmt.Sprint(resource.(map[string]any)["id"])]++
		}
		cursor, more = page["nextCursor"].(string)
	}
	for id := range h.lasting {
		if ids[id] != 1 {
			t.Errorf("a user who was there throughout is shown %d times by %s, want once", ids[id], query)
		}
	}
}

// TestRFC9865_AWalkByCursorShowsEveryLastingUserOnce while the bridge and others create and delete
// 500 users: without an order, sorted, and filtered.
func TestRFC9865_AWalkByCursorShowsEveryLastingUserOnce(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			herds := map[*herd]int{
				newHerd(t, c.Of["acme"], "member", 50, func(id keycloak.UserID) error {
					return c.Realm.Admin.AddOrganizationMember(t.Context(), c.IDs["acme"], id)
				}): 10,
				newHerd(t, c.Realm, "user", 250, func(keycloak.UserID) error { return nil }): 20,
			}
			for herd, pageSize := range herds {
				for _, query := range []url.Values{{}, {"sortBy": {"userName"}, "sortOrder": {"descending"}}, {"filter": {`userName co "-"`}, "sortBy": {"title"}}} {
					herd.walk(t, query, pageSize)
				}
				if len(herd.changes) > 0 {
					t.Errorf("%d changes were left over", len(herd.changes))
				}
			}
		})
	}
}

// TestRFC9865_ACursorIsBound to its tenant, its client's scopes and its query, but not to a
// credential or a process.
func TestRFC9865_ACursorIsBound(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			for i := range r.Tenants {
				for name, scopes := range map[string][]config.TokenScope{"other": nil, "reader": {config.ScopeUsersRead, config.ScopeGroupsRead}} {
					r.Tenants[i].Tokens = append(r.Tenants[i].Tokens, config.Token{Name: name, SHA256: sha256.Sum256([]byte(name + r.Tenants[i].Path)), Scopes: scopes})
				}
			}
		}
	})
	for _, b := range []apptest.Bridge{c.Realm, c.Of["acme"], c.Of["globex"]} {
		for i := range 3 {
			b.Must(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"%s-%d"}`, b.Token, i))
		}
	}
	b := c.Of["acme"]
	path := c.Realm.Realm + "/organizations/acme"
	query := url.Values{"filter": {`userName co "-"`}, "sortBy": {"userName"}, "count": {"1"}, "cursor": {""}}
	cursor, _ := b.Must(t, http.MethodGet, "/Users?"+query.Encode(), "")["nextCursor"].(string)
	with := func(changes ...string) string {
		out := maps.Clone(query)
		out.Set("cursor", cursor)
		for i := 0; i < len(changes); i += 2 {
			out.Set(changes[i], changes[i+1])
		}
		return "/Users?" + out.Encode()
	}
	again := apptest.NewTestApp(t, b.Config)
	again.Watcher.Check(t.Context())
	restarted := httptest.NewServer(again.Handler)
	t.Cleanup(restarted.Close)
	elsewhere := b
	elsewhere.Client = &client.Client{Base: restarted.URL + strings.TrimPrefix(b.Base, string(b.Config.Server.PublicURL)), Token: b.Token, HTTP: http.DefaultClient}
	tampered := []byte(cursor)
	tampered[len(tampered)/2] ^= 1
	for _, tt := range []struct {
		name, path string
		by         apptest.Bridge
		want       string
	}{
		{"the same client", with(), b, ""},
		{"another page size", with("count", "2"), b, ""},
		{"another credential with the same scopes", with(), b.With("other" + path), ""},
		{"the bridge after a restart", with(), elsewhere, ""},
		{"fewer scopes", with(), b.With("reader" + path), "invalidCursor"},
		{"another organization", with(), c.Of["globex"], "invalidCursor"},
		{"the realm", with(), c.Realm, "invalidCursor"},
		{"another filter", with("filter", `userName sw "-"`), b, "invalidCursor"},
		{"another order", with("sortOrder", "descending"), b, "invalidCursor"},
		{"another attribute", with("sortBy", "title"), b, "invalidCursor"},
		{"another resource type", strings.Replace(with("filter", "", "sortBy", ""), "Users", "Groups", 1), b, "invalidCursor"},
		{"a changed cursor", with("cursor", string(tampered)), b, "invalidCursor"},
		{"half a cursor", with("cursor", cursor[:len(cursor)/2]), b, "invalidCursor"},
		{"no cursor at all", with("cursor", `"%00\\`+"\n"), b, "invalidCursor"},
		{"no count", with("count", "0"), b, "invalidCount"},
		{"a negative count", with("count", "-1"), b, "invalidCount"},
		{"no number", with("count", "ten"), b, "invalidCount"},
		{"an index beside it", with("startIndex", "2"), b, "invalidValue"},
	} {
		_, err := tt.by.Send(t, http.MethodGet, tt.path, "")
		var e *client.Error
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (!errors.As(err, &e) || e.Status != http.StatusBadRequest || e.Type != tt.want):
			t.Errorf("%s: %v, want 400 %s", tt.name, err, tt.want)
		}
	}
}

// TestRFC9865_ACursorExpires.
func TestRFC9865_ACursorExpires(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) { c.Server.CursorTimeout = 0 })
	apptest.CreateUsers(t, b, 3)
	cursor, _ := b.Must(t, http.MethodGet, "/Users?cursor=&count=1", "")["nextCursor"].(string)
	_, err := b.Send(t, http.MethodGet, "/Users?count=1&cursor="+cursor, "")
	var e *client.Error
	if !errors.As(err, &e) || e.Type != "expiredCursor" {
		t.Errorf("a cursor whose time is over = %v, want 400 expiredCursor", err)
	}
}

// TestRFC9865_AWalkOfTheRootShowsAllTypes, one type after the other, and ends.
func TestRFC9865_AWalkOfTheRootShowsAllTypes(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	apptest.CreateUsers(t, b, 4)
	for i := range 3 {
		b.Must(t, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":"g%d"}`, i))
	}
	for _, pageSize := range []int{1, 2, 4, 5, 7, 100} {
		ids := map[string]int{}
		for cursor, more := "", true; more; {
			page := b.Must(t, http.MethodGet, fmt.Sprintf("?count=%d&cursor=%s", pageSize, cursor), "")
			list, _ := page["Resources"].([]any)
			if len(list) > pageSize || fmt.Sprint(page["totalResults"]) != "7" {
				t.Errorf("a page of %d has %d resources of %v", pageSize, len(list), page["totalResults"])
			}
			for _, resource := range list {
				ids[fmt.Sprint(resource.(map[string]any)["id"])]++
			}
			cursor, more = page["nextCursor"].(string)
		}
		for id, n := range ids {
			if n != 1 {
				t.Errorf("%s is shown %d times on pages of %d", id, n, pageSize)
			}
		}
		if len(ids) != 7 {
			t.Errorf("pages of %d show %d resources, want 7", pageSize, len(ids))
		}
	}
}
