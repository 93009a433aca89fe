package keycloak_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestCallsOfTheOAuthCommand: what each sends, whoever sends it.
func TestCallsOfTheOAuthCommand(t *testing.T) {
	t.Parallel()
	var calls []string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body) > 0 {
			value := jsontext.Value(body)
			if err := value.Canonicalize(); err != nil {
				t.Error(err)
			}
			body = value
		}
		calls = append(calls, strings.TrimSpace(r.Method+" "+r.URL.EscapedPath()+" "+string(body)))
		switch {
		case strings.HasSuffix(r.URL.Path, "/client-secret"):
			answer(w, http.StatusOK, `{"type":"secret","value":"s3cret"}`)
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/clients"):
			answer(w, http.StatusOK, `[{"id":"c-1"}]`)
		case r.Method == http.MethodGet:
			answer(w, http.StatusOK, `{"id":"c-1","clientId":"idp","protocolMappers":[{"id":"m-1","name":"scim-bridge","protocolMapper":"oidc-audience-mapper","config":{"included.custom.audience":"old"}}]}`)
		default:
			w.Header().Set("Location", "http://x/y/new-id")
			w.WriteHeader(http.StatusCreated)
		}
	})
	c := newClient(t, s)
	id, err := keycloak.ParseClientUUID("c-1")
	if err != nil {
		t.Fatal(err)
	}
	const clients = "/admin/realms/acme/clients/c-1"
	for name, one := range map[string]struct {
		call func(context.Context) error
		want []string
	}{
		"delete client": {func(ctx context.Context) error { return c.DeleteClient(ctx, id) }, []string{"DELETE " + clients}},
		"new secret":    {func(ctx context.Context) error { return c.NewClientSecret(ctx, id) }, []string{"POST " + clients + "/client-secret"}},
		"audience": {
			func(ctx context.Context) error {
				o, _, err := c.FindOAuthClient(ctx, "idp")
				if err == nil && o.Audience != "old" {
					t.Errorf("the audience is %q", o.Audience)
				}
				calls = nil
				if err == nil {
					err = c.SetAudience(ctx, o, "new")
				}
				return err
			},
			[]string{
				"DELETE " + clients + "/protocol-mappers/models/m-1",
				"POST " + clients + `/protocol-mappers/models {"config":{"access.token.claim":"true","included.custom.audience":"new","introspection.token.claim":"true"},"name":"scim-bridge","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper"}`,
			},
		},
		"client scope": {
			func(ctx context.Context) error { return c.CreateClientScope(ctx, "scim", "why") },
			[]string{`POST /admin/realms/acme/client-scopes {"attributes":{"display.on.consent.screen":"false","include.in.token.scope":"true"},"description":"why","name":"scim","protocol":"openid-connect"}`},
		},
		"scope of a client": {
			func(ctx context.Context) error { return c.AddClientScope(ctx, id, "s-1") },
			[]string{"PUT " + clients + "/default-client-scopes/s-1"},
		},
	} {
		calls = nil
		if err := one.call(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(one.want, slices.Clone(calls)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if err := c.AddClientScope(t.Context(), id, ".."); keycloak.KindOf(err) != keycloak.Invalid {
		t.Errorf("a scope id that is a path = %v", err)
	}
}
