package bridge_test

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

// The files of testdata/client-traffic are request sequences of client libraries, in the format of
// testdata/idp-traffic. They concern an account that exists already.

// TestClientTraffic replays every sequence at a tenant of a realm and at one of an organization. The accounts were made
// by the tenant, by an administrator, or by a first login.
func TestClientTraffic(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/client-traffic/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sequences: %v", err)
	}
	for column, login := range map[tenantKind]string{
		{"realm", config.ScopeAll, config.AdoptNever}:          byOtherLogin,
		{"organization", config.ScopeAll, config.AdoptUnowned}: byOwnLogin,
	} {
		t.Run(column.of, func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, column)
			for _, file := range files {
				for _, s := range readTraffic(t, file).Sequences {
					for name, origin := range map[string]string{"scim": byThis, "console": byConsole, "login": login} {
						a := w.account(t, origin) // an identity provider ends with its test
						t.Run(strings.TrimSuffix(filepath.Base(file), ".json")+"/"+s.Name+"/"+name, func(t *testing.T) { w.replayOn(t, s, a) })
					}
				}
			}
		})
	}
}

// replayOn runs a sequence on an account.
func (w *walk) replayOn(t *testing.T, s scimtest.Sequence, a foundAccount) {
	t.Helper()
	shown := w.b.Must(t, http.MethodGet, "/Users/"+a.id, "")
	userName, _ := shown["userName"].(string)
	vars := map[string]string{
		"token": w.b.Token, "basic": base64.StdEncoding.EncodeToString([]byte("scim:" + w.b.Token)),
		"userId": a.id, "userName": userName, "display": userName, "unique": w.name("unique"),
	}
	failures, err := scimtest.Replayer{Base: w.b.Base, HTTP: http.DefaultClient}.Replay(t.Context(), s, vars)
	if err != nil {
		t.Error(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}
