package guard_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// keeping is a Keycloak where a permission hides "boss" from the bridge. It answers like 26.6 and
// 26.7.
type keeping struct{ calls []string }

func (k *keeping) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body any) (*http.Response, error) {
		data, err := json.Marshal(body)
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(data))), Request: r}, err
	}
	user := func(id string) any {
		return map[string]any{"id": id, "username": "name-of-" + id, "enabled": true, "createdTimestamp": 1, "firstName": "Seen"}
	}
	_, path, admin := strings.Cut(r.URL.Path, "/admin/realms/acme")
	if !admin {
		return answer(http.StatusOK, map[string]any{"access_token": "e30.e30.e30", "expires_in": 60})
	}
	k.calls = append(k.calls, path+"?"+r.URL.Query().Get("search")+r.URL.Query().Get("username"))
	denied := strings.HasPrefix(path, "/users/boss") || strings.HasPrefix(path, "/users/stranger")
	search := r.URL.Query().Get("search")
	switch {
	case denied:
		return answer(http.StatusForbidden, map[string]any{"error": "HTTP 403 Forbidden"})
	case path == "/users" && search != "":
		list := []any{}
		for id := range strings.FieldsSeq(strings.TrimPrefix(search, "id:")) {
			if id == "jane" || id == "joe" {
				list = append(list, user(id))
			}
		}
		return answer(http.StatusOK, list)
	case path == "/users" && r.URL.Query().Get("username") == "name-of-boss":
		return answer(http.StatusOK, []any{user("boss")})
	case path == "/users":
		return answer(http.StatusOK, []any{})
	default:
		return answer(http.StatusOK, user(strings.TrimPrefix(path, "/users/")))
	}
}

// TestSecurity_38_AUserThatKeycloakShowsToNobody: the bridge finds such a user by the name from the last
// read of the realm, with one call more, and other users need no additional call. A user that Keycloak
// denies and the bridge does not know remains an error.
func TestSecurity_38_AUserThatKeycloakShowsToNobody(t *testing.T) {
	t.Parallel()
	server := &keeping{}
	c := keptClient(t, server)
	fitness := tenant.Fitness{Protected: &tenant.Protected{
		Users: map[string]bool{"boss": true, "gone": true}, Names: map[string]string{"boss": "name-of-boss", "gone": "name-of-gone", "jane": "name-of-jane"},
	}}
	wall := guard.For(&tenant.Tenant{Mapping: &mapping.Mapping{}}, fitness, c)
	read := func(text string) (keycloak.User, keycloak.Kind, []string) {
		t.Helper()
		id, err := keycloak.ParseUserID(text)
		if err != nil {
			t.Fatal(err)
		}
		server.calls = nil
		u, err := wall.User(t.Context(), id)
		return u, keycloak.KindOf(err), server.calls
	}
	if u, kind, calls := read("boss"); kind != "" || u.ID != "boss" || u.Username != "name-of-boss" || !u.Enabled || u.FirstName != "" || len(calls) != 2 {
		t.Errorf("boss is %+v, %s, by %q", u, kind, calls)
	}
	if u, kind, calls := read("jane"); kind != "" || u.FirstName != "Seen" || len(calls) != 1 {
		t.Errorf("jane is %+v, %s, by %q", u, kind, calls)
	}
	if _, kind, calls := read("stranger"); kind != keycloak.Denied || len(calls) != 1 {
		t.Errorf("a stranger is %s, by %q", kind, calls)
	}
	prove := func(ids ...string) (known, unknown []string, calls int) {
		t.Helper()
		server.calls = nil
		members, unknown, err := wall.Prove(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			known = append(known, m.Username)
		}
		return known, unknown, len(server.calls)
	}
	for _, want := range []struct {
		ids, known, unknown []string
		calls               int
	}{
		{[]string{"jane", "boss", "nobody", "joe"}, []string{"name-of-jane", "name-of-boss", "name-of-joe"}, []string{"nobody"}, 2},
		{[]string{"jane", "gone", "joe"}, []string{"name-of-jane", "name-of-joe"}, []string{"gone"}, 2},
		{[]string{"jane", "nobody", "stranger"}, []string{"name-of-jane"}, []string{"nobody", "stranger"}, 1},
	} {
		known, unknown, calls := prove(want.ids...)
		if diff := cmp.Diff([][]string{want.known, want.unknown}, [][]string{known, unknown}); diff != "" || calls != want.calls {
			t.Errorf("%q takes %d calls, want %d (-want +got)\n%s", want.ids, calls, want.calls, diff)
		}
	}
	list, err := wall.UsersByID(t.Context(), []string{"boss", "jane"})
	if err != nil || len(list) != 2 || list[1].ID != "boss" || list[1].FirstName != "" {
		t.Errorf("by their ids: %+v, %v", list, err)
	}
	boss, err := keycloak.ParseUserID("boss")
	if err != nil {
		t.Fatal(err)
	}
	if groups, err := wall.GroupsOf(t.Context(), boss); err != nil || len(groups) > 0 {
		t.Errorf("boss is in %v, %v", groups, err)
	}
}

// TestSecurity_38_ADelegateThatKeycloakShowsToNobody: such a delegate cannot be deactivated, because
// the bridge cannot read the delegate's rights.
func TestSecurity_38_ADelegateThatKeycloakShowsToNobody(t *testing.T) {
	t.Parallel()
	off := false
	for id, protected := range map[string]bool{"boss": true, "stranger": false} {
		user, err := keycloak.ParseUserID(id)
		if err != nil {
			t.Fatal(err)
		}
		fitness := tenant.Fitness{Protected: &tenant.Protected{Delegates: map[string]bool{"boss": true}}}
		step := plan.UpdateUser{User: user, Update: &keycloak.UserUpdate{Enabled: &off}, Live: true}
		err = guard.Allow(t.Context(), keptClient(t, &keeping{}), fitness, plan.Plan{step}, nil)
		if _, is := errors.AsType[guard.ProtectedError](err); is != protected || !protected && keycloak.KindOf(err) != keycloak.Denied {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func keptClient(t *testing.T, server http.RoundTripper) *keycloak.Client {
	t.Helper()
	realm, err := keycloak.ParseRealm("acme")
	if err != nil {
		t.Fatal(err)
	}
	c, err := keycloak.New(keycloak.Config{BaseURL: "http://keycloak.test", Realm: realm, Credentials: keycloak.ClientSecret("id", "secret"), Transport: server})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
