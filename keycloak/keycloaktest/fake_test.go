package keycloaktest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func TestCallsNamesEachCallOnce(t *testing.T) {
	t.Parallel()
	fake := kct.NewFake(t)
	r := kct.NewRealm(t, fake.Server(), kct.RealmOptions{})
	fake.ResetCalls()
	id, err := r.Client.CreateUser(t.Context(), keycloak.NewUser{Username: "jdoe", Enabled: true})
	if err != nil {
		t.Fatalf("CreateUser() = %v", err)
	}
	if _, err := r.Client.User(t.Context(), id); err != nil {
		t.Fatalf("User() = %v", err)
	}
	want := []string{"POST /token", "POST /users", "GET /users/{id}"}
	if diff := cmp.Diff(want, fake.Calls()); diff != "" {
		t.Errorf("Calls() (-want +got):\n%s", diff)
	}
}
