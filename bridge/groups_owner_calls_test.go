package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestDeletingALargeGroupAsksForEachAdministrator, not for each member.
func TestDeletingALargeGroupAsksForEachAdministrator(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	deleting := func(id string) int {
		got := b.Calls(func() { b.Must(t, http.MethodDelete, "/Groups/"+id, "") })
		return len(slices.DeleteFunc(got, func(c string) bool { return !strings.Contains(c, "/members") && !strings.Contains(c, "/users/") }))
	}
	if n := deleting(b.Create(t, "/Groups", `{"displayName":"nobody administers"}`)); n != 0 {
		t.Errorf("where nobody administers the realm the deletion looks at members with %d calls", n)
	}
	var admins []string
	for i := range 3 {
		id := b.MakeAccount(t, fmt.Sprintf("admin-%d", i), true)
		b.Grant(t, id, b.KnownRole(t, apptest.ManagementRole("view-users")))
		admins = append(admins, id.String())
	}
	b.Check(t)
	if n := deleting(b.Create(t, "/Groups", `{"displayName":"small"}`)); n != 1 {
		t.Errorf("the members of a small group take %d calls, want 1", n)
	}
	id := b.Create(t, "/Groups", `{"displayName":"large"}`)
	group, err := keycloak.ParseGroupID(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range append(b.People(t, 350, "m"), admins[2]) {
		if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, user), group); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+id, ""); !strings.Contains(got, admins[2]) {
		t.Errorf("the refusal says %q", got)
	}
	if err := b.Admin.RemoveMember(t.Context(), apptest.UserID(t, admins[2]), group); err != nil {
		t.Fatal(err)
	}
	if n := deleting(id); n != 1+len(admins) {
		t.Errorf("the members of a group of 350 take %d calls, want %d", n, 1+len(admins))
	}
}
