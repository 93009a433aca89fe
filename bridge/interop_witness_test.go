package bridge_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// witness shows a program the state of Keycloak, read by its Admin API. It is a second way to read what was written
// through a bridge.
type witness struct {
	admin *keycloak.Client
	of    keycloak.OrganizationID // the organization of the groups; zero means the realm
}

// serveWitness serves a witness for acme, or for the realm, until the test ends.
func serveWitness(t *testing.T, c apptest.Customers, acme bool) (url string) {
	t.Helper()
	w := witness{admin: c.Realm.Admin}
	if acme {
		_, err := w.admin.OrganizationGroups(t.Context(), c.IDs["acme"], 0, 1)
		switch {
		case err == nil:
			w.of = c.IDs["acme"]
		case keycloak.KindOf(err) != keycloak.NotFound: // a Keycloak without groups of organizations
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(out http.ResponseWriter, r *http.Request) {
		has, err := w.user(r)
		answerWitness(out, has, err)
	})
	mux.HandleFunc("GET /groups/{id}", func(out http.ResponseWriter, r *http.Request) {
		has, err := w.group(r)
		answerWitness(out, has, err)
	})
	server := apptest.NewListener()
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// answerWitness answers with the state, or with 404 when has is nil.
func answerWitness(out http.ResponseWriter, has map[string]any, err error) {
	switch {
	case keycloak.KindOf(err) == keycloak.NotFound:
		out.WriteHeader(http.StatusNotFound)
	case err != nil:
		http.Error(out, err.Error(), http.StatusInternalServerError)
	default:
		_ = json.NewEncoder(out).Encode(has) //nolint:errchkjson // texts, truths and lists of them
	}
}

func (w witness) user(r *http.Request) (map[string]any, error) {
	id, err := keycloak.ParseUserID(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	u, err := w.admin.User(r.Context(), id)
	if err != nil {
		return nil, err
	}
	var in []keycloak.Group
	if w.of.IsZero() {
		in, err = w.admin.UserGroups(r.Context(), id)
	} else {
		in, err = w.admin.OrganizationGroupsOf(r.Context(), w.of, id)
	}
	groups := []string{}
	for _, g := range in {
		groups = append(groups, g.ID)
	}
	return map[string]any{
		"userName": u.Username, "email": u.Email, "givenName": u.FirstName, "familyName": u.LastName,
		"enabled": u.Enabled, "attributes": u.Attributes, "groups": groups,
	}, err
}

func (w witness) group(r *http.Request) (map[string]any, error) {
	id, err := w.of.ParseGroupID(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	g, err := w.admin.Group(r.Context(), id)
	if err != nil {
		return nil, err
	}
	const most = 100 // members of a group of a test
	list, err := w.admin.Members(r.Context(), id, 0, most)
	members := []string{}
	for _, u := range list {
		members = append(members, u.ID)
	}
	return map[string]any{"displayName": g.Name, "attributes": g.Attributes, "members": members}, err
}
