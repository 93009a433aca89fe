package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/simulate"
)

// TestSimulate: what each provider sends arrives unchanged, also in a second run with the same
// prefix, and can be deleted again.
func TestSimulate(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for provider := range simulate.Providers() {
			t.Run(name+" "+provider, func(t *testing.T) {
				t.Parallel()
				b := apptest.NewBridgeOn(t, start(t), nil)
				args := []string{"simulate", provider, "--url", b.Base, "--token", b.Token, "--users", "20", "--groups", "3", "--prefix", "sim"}
				out, told, code := command(t, "", args...)
				if code != 0 || !strings.Contains(out, "20 users, 3 groups and 30 memberships are as "+provider+" sent them") {
					t.Fatalf("simulate ended with %d:\n%s%s", code, out, told)
				}
				out, told, code = command(t, "", append(args, "--delete", "--output", "json")...)
				var report simulate.Report
				if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || len(report.Wrong) != 0 {
					t.Fatalf("simulate a second time ended with %d: %v\n%s%s", code, err, out, told)
				}
				sent := map[string]int{}
				for _, r := range report.Requests {
					sent[r.Request] = r.Sent
				}
				if sent["DELETE /Groups/{id}"] != 3 || sent["GET /Users?filter"] < 40 {
					t.Errorf("requests %v", sent)
				}
				list := b.Must(t, http.MethodGet, "/Users?count=0", "")
				groups := b.Must(t, http.MethodGet, "/Groups?count=0", "")
				if list["totalResults"] != json.Number("0") && list["totalResults"] != 0.0 || groups["totalResults"] != list["totalResults"] {
					t.Errorf("after --delete there are %v users and %v groups", list["totalResults"], groups["totalResults"])
				}
			})
		}
	}
}

// TestSimulateReportsAnEndpointThatLies: the endpoint answers 204 to a change and does nothing, or
// drops an attribute. Users complain about such servers.
func TestSimulateReportsAnEndpointThatLies(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	lying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		b.App.Handler.ServeHTTP(w, r)
	}))
	defer lying.Close()
	url := lying.URL + "/realms/" + b.Realm + "/scim/v2"
	out, told, code := command(t, "", "simulate", "entra", "--url", url, "--token", b.Token, "--users", "20", "--groups", "1", "--prefix", "sim")
	for _, want := range []string{
		"WRONG group sim entra Team 01 lacks the member sim.ada.000@entra.example",
		`WRONG user sim.ada.000@entra.example: title is "Engineer", but "Director" was sent`,
		`active is "true", but "false" was sent`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if code != exitFailure || !strings.Contains(told, "differ from what was sent") {
		t.Errorf("simulate ended with %d:\n%s%s", code, out, told)
	}
}

// TestSimulateWithAWrongToken makes nothing, and says so.
func TestSimulateWithAWrongToken(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	token, _, _ := auth.NewToken()
	_, told, code := command(t, "", "simulate", "okta", "--url", b.Base, "--token", token)
	if code != exitFailure || !strings.Contains(told, "SCIM answer 401: ") || !strings.HasSuffix(told, "; nothing was made\n") {
		t.Errorf("simulate ended with %d: %s", code, told)
	}
}

// TestSimulateRefusesWhatItCannotDo with the exit code of a usage error.
func TestSimulateRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--url is required":                         {"simulate", "okta"},
		"give the endpoint's token":                 {"simulate", "okta", "--url", "http://127.0.0.1:1"},
		"invalid argument":                          {"simulate", "google", "--url", "http://127.0.0.1:1", "--token", "x"},
		"--users and --parallel must be at least 1": {"simulate", "okta", "--url", "http://127.0.0.1:1", "--token", "x", "--users", "0"},
	} {
		if _, told, code := command(t, "", args...); code == 0 || !strings.Contains(told, want) {
			t.Errorf("%v ended with %d: %s", args, code, told)
		}
	}
}
