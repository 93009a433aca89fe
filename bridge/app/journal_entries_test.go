package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/transfer"
)

// everyWay changes users and groups by every interface. It returns the ids of those that it changes, by name.
func everyWay(t *testing.T, b apptest.Bridge) map[string]string {
	t.Helper()
	ids := map[string]string{"ann": b.MakeAccount(t, "ann", true).String()}
	patch := func(path string, operations ...string) {
		b.Must(t, http.MethodPatch, path, apptest.PatchBody(strings.Join(operations, ",")))
	}
	ids["jane"] = b.Create(t, "/Users", `{"userName":"jane","title":"Boss"}`)
	patch("/Users/"+ids["jane"], `{"op":"replace","path":"title","value":"Clerk"}`)
	b.Must(t, http.MethodPut, "/Users/"+ids["jane"], `{"userName":"jane","title":"Chief"}`)
	patch("/Users/"+ids["jane"], `{"op":"replace","path":"active","value":false}`)
	ids["team"] = b.Create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+ids["jane"]+`"}]}`)
	ids["joe"] = b.Create(t, "/Users", `{"userName":"joe"}`)
	patch("/Groups/"+ids["team"], `{"op":"replace","path":"displayName","value":"squad"}`)
	patch("/Groups/"+ids["team"], `{"op":"add","path":"members","value":[{"value":"`+ids["joe"]+`"}]}`, `{"op":"remove","path":"members[value eq \"`+ids["jane"]+`\"]"}`)
	made := b.Bulk(t, "", apptest.BulkPost("/Users", "a", `{"userName":"bulky"}`))
	location := fmt.Sprint(made[0]["location"])
	ids["bulky"] = location[strings.LastIndex(location, "/")+1:]
	b.Must(t, http.MethodDelete, "/Users/"+ids["joe"], "")
	b.Must(t, http.MethodDelete, "/Groups/"+ids["team"], "")

	file := b.Controlled(t)
	b.Adoptions(t, file, b.Path(t))
	running := apptest.Control(t, file)
	i := transfer.Importer{Client: &client.Client{Base: control.Root(b.Path(t)), HTTP: running.HTTP()}, Advance: func(int, int) {}, Report: func(u transfer.Unimported) { t.Errorf("a row is not imported: %v", u) }}
	rows := transfer.File{In: strings.NewReader(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"imported"}` + "\n"), Format: transfer.FormatJSONLines}
	if done, _, err := i.Run(t.Context(), rows, filepath.Join(t.TempDir(), "journal"), b.Base); err != nil || done != 1 {
		t.Fatalf("%d rows are imported: %v", done, err)
	}
	ids["imported"] = b.Finds(t, `userName eq "imported"`)[0]
	return ids
}

// described is what an entry says, with names in place of ids.
func described(e store.Entry, names *strings.Replacer) string {
	shows := func(doc scim.Document) string {
		if doc == nil {
			return "nothing"
		}
		var out []string
		for _, attribute := range []string{"userName", "displayName", "title", "active"} {
			if value, there := doc[attribute]; there && value != true {
				out = append(out, fmt.Sprint(value))
			}
		}
		return strings.Join(out, " ")
	}
	out := fmt.Sprintf("%s by the %s %s, %s %s %s: %s, then %s", e.Origin, e.Actor.Kind, e.Actor.Name, e.Op, e.Resource.Type, e.Resource.ID, shows(e.Before), shows(e.After))
	if len(e.MembersAdded)+len(e.MembersRemoved) > 0 {
		out += fmt.Sprint("; members +", e.MembersAdded, " -", e.MembersRemoved)
	}
	return names.Replace(out)
}

// TestEveryChangeIsInTheJournalOnce with its author, its interface, its documents and its members, in whatever store and
// by whatever interface it was made. The audit records are those of a bridge without a store.
func TestEveryChangeIsInTheJournalOnce(t *testing.T) {
	t.Parallel()
	want := []string{
		"request by the client idp, created User <jane>: nothing, then jane Boss",
		"request by the client idp, updated User <jane>: jane Boss, then jane Clerk",
		"request by the client idp, updated User <jane>: jane Clerk, then jane Chief",
		"request by the client idp, deactivated User <jane>: jane Chief, then jane Chief false",
		"request by the client idp, created Group <team>: nothing, then team; members +[<jane>] -[]",
		"request by the client idp, created User <joe>: nothing, then joe",
		"request by the client idp, updated Group <team>: team, then squad",
		"request by the client idp, updated Group <team>: nothing, then nothing; members +[<joe>] -[<jane>]", // this does not read the group
		"bulk by the client idp, created User <bulky>: nothing, then bulky",
		"request by the client idp, deleted User <joe>: joe, then nothing",
		"request by the client idp, deleted Group <team>: squad, then nothing",
		"adopt by the operator operator, adopted User <ann>: nothing, then ann",
		"import by the operator operator, created User <imported>: nothing, then imported",
	}
	plain := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.AdoptUnowned)
	records := auditOf(t, plain, everyWay(t, plain))
	for name, s := range map[string]store.Store{"in memory": storetest.NewMemory(nil), "in SQLite": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), s, apptest.AdoptUnowned)
			ids := everyWay(t, b)
			s := b.App.Store()
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entriesOf(t, s) {
				got = append(got, described(e, namesOf(ids)))
				if e.Tenant != b.Path(t) || e.Realm != b.Realm || e.Outcome != change.Done || e.Done != len(e.Steps) || e.Recovered || e.Begun.IsZero() || (e.Actor.Kind == "client") != (e.Actor.KeyID != "") {
					t.Errorf("the entry is %+v", e)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the journal (-want +got):\n%s", diff)
			}
			if open, err := s.Open(t.Context()); err != nil || len(open) > 0 {
				t.Errorf("open changes: %v, %v", open, err)
			}
			if diff := cmp.Diff(records, auditOf(t, b, ids)); diff != "" {
				t.Errorf("the audit records (-without a store +with one):\n%s", diff)
			}
		})
	}
}

// namesOf replaces ids by names.
func namesOf(ids map[string]string) *strings.Replacer {
	var pairs []string
	for name, id := range ids {
		pairs = append(pairs, id, "<"+name+">")
	}
	return strings.NewReplacer(pairs...)
}

// random matches what differs in the audit records of two bridges.
var random = regexp.MustCompile(`"(req_id|key_id|tenant)":"[^"]*"`)

// auditOf are the audit records of a bridge, without what differs between two bridges.
func auditOf(t *testing.T, b apptest.Bridge, ids map[string]string) []string {
	t.Helper()
	var out []string
	names := namesOf(ids)
	for _, line := range b.Lines.FilterMessage("write").All() {
		text, err := json.Marshal(line.ContextMap())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, names.Replace(random.ReplaceAllString(string(text), `"$1":""`)))
	}
	if !slices.ContainsFunc(out, func(record string) bool { return strings.Contains(record, "<imported>") }) {
		t.Errorf("the audit records are %v", out)
	}
	return out
}
