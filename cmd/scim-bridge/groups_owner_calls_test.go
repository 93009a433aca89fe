package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestDeletingALargeGroupAsksForEachAdministrator, not for each member.
func TestDeletingALargeGroupAsksForEachAdministrator(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	deleting := func(id string) int {
		got := b.calls(func() { b.must(t, http.MethodDelete, "/Groups/"+id, "") })
		return len(slices.DeleteFunc(got, func(c string) bool { return !strings.Contains(c, "/members") && !strings.Contains(c, "/users/") }))
	}
	if n := deleting(b.create(t, "/Groups", `{"displayName":"nobody administers"}`)); n != 0 {
		t.Errorf("where nobody administers the realm the deletion looks at members with %d calls", n)
	}
	var admins []string
	for i := range 3 {
		id := b.account(t, fmt.Sprintf("admin-%d", i), true)
		b.grant(t, id, b.known(t, right("view-users")))
		admins = append(admins, id.String())
	}
	b.look(t)
	if n := deleting(b.create(t, "/Groups", `{"displayName":"small"}`)); n != 1 {
		t.Errorf("the members of a small group take %d calls, want 1", n)
	}
	id := b.create(t, "/Groups", `{"displayName":"large"}`)
	group, err := keycloak.ParseGroupID(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range append(b.people(t, 350, "m"), admins[2]) {
		if err := b.admin.AddMember(t.Context(), userID(t, user), group); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+id, ""); !strings.Contains(got, admins[2]) {
		t.Errorf("the refusal says %q", got)
	}
	if err := b.admin.RemoveMember(t.Context(), userID(t, admins[2]), group); err != nil {
		t.Fatal(err)
	}
	if n := deleting(id); n != 1+len(admins) {
		t.Errorf("the members of a group of 350 take %d calls, want %d", n, 1+len(admins))
	}
}
