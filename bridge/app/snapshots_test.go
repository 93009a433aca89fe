package app_test

import (
	"slices"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestARestartedBridgeListsWithoutReadingTheRealm also when others wrote while the bridge was down, and when it ended
// before it could save its last writes.
func TestARestartedBridgeListsWithoutReadingTheRealm(t *testing.T) {
	t.Parallel()
	for name, server := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := storetest.NewMemory(nil)
			b := apptest.NewStoredBridge(t, server(t), &brokenStore{Store: memory}, nil, "--change-feed")
			b.Pass(time.Millisecond)
			people := b.People(t, 120, "person")
			if got := sortedIDs(t, b); len(got) != len(people) {
				t.Fatalf("%d users are listed", len(got))
			}
			b.App.Close(t.Context()) // it saves the index, and the bridge still serves
			late := b.Create(t, "/Users", `{"userName":"late"}`)
			gone, err := keycloak.ParseUserID(people[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Admin.DeleteUser(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			again := b.Restarted(t, memory)
			again.PassFrom(5*time.Second, time.Millisecond) // this clock was not read as often as the other one
			got := sortedIDs(t, again)
			if len(got) != len(people) || slices.Contains(got, people[0]) || !slices.Contains(got, late) {
				t.Errorf("%d users are listed; the deleted one: %t; the new one: %t", len(got), slices.Contains(got, people[0]), slices.Contains(got, late))
			}
			if n := again.Lines.FilterMessage("the indexes of a realm were restored from their snapshot").Len(); n != 1 {
				t.Errorf("the log tells of %d restored realms", n)
			}
			for _, status := range again.App.Service.Directory().Status() {
				if status.Age < time.Millisecond {
					t.Errorf("the index was made again: %+v", status)
				}
			}
		})
	}
}

// sortedIDs are the ids of all users, in the order of their names.
func sortedIDs(t *testing.T, b apptest.Bridge) (out []string) {
	t.Helper()
	for cursor := ""; ; {
		page := b.Must(t, "GET", "/Users?sortBy=userName&count=100&cursor="+cursor, "")
		list, _ := page["Resources"].([]any)
		for _, one := range list {
			user, _ := one.(map[string]any)
			id, _ := user["id"].(string)
			out = append(out, id)
		}
		next, more := page["nextCursor"].(string)
		if !more {
			return out
		}
		cursor = next
	}
}
