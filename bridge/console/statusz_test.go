package console_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/console"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// shown is a handler that shows a status.
func shown(s admin.Status) http.Handler {
	return console.Statusz(func(context.Context) admin.Status { return s })
}

// get requests the status from a handler.
func get(h http.Handler, accept string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost/statusz", nil)
	r.Header.Set("Accept", accept)
	h.ServeHTTP(w, r)
	return w
}

// browser is the header Accept of a browser.
const browser = "text/html,application/xhtml+xml,*/*;q=0.8"

// status is a status with everything that a page can show.
func status() admin.Status {
	now := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	at := func(seconds, status int, code string) *tenant.Request {
		return &tenant.Request{At: now.Add(-time.Duration(seconds) * time.Second), Client: "entra", Method: "PATCH", Route: "/Users/:id", Status: status, Code: code}
	}
	return admin.Status{
		Version: "1.2.3", Now: now, Started: now.Add(-time.Hour),
		Realms: []admin.Realm{
			{Realm: "away", Outage: true, Problems: []admin.Problem{{Effect: admin.Unready, Text: "Keycloak does not answer most calls", Fix: "look at Keycloak"}}},
			{Realm: "saas", FeedAge: new(2.4)},
		},
		Tenants: []admin.Tenant{
			{Path: "away", URL: "https://scim.example/realms/away/scim/v2", State: admin.Unfit, Problems: []admin.Problem{
				{Effect: admin.Unready, Text: "the realm lacks a right", Fix: "scim-bridge doctor --tenant away"},
				{Effect: admin.NoUsers, Text: "no verified domain", Fix: "verify one:\nkcadm.sh update"},
			}, RemovalBrake: "off"},
			{
				Path: "saas", State: admin.Fit, RemovalBrake: "clear", LastRequest: at(5, 200, ""), LastError: at(65, 409, "value-taken"),
				Credentials: []admin.Credential{
					{Name: "old", State: admin.Expired, Expires: new(now.Add(-time.Hour))},
					{Name: "soon", State: admin.Expiring, Expires: new(now.Add(time.Hour))},
					{Name: "new", State: admin.Good, Expires: new(now.AddDate(1, 0, 0))},
					{Name: "restored", State: admin.Suspended, LastUsed: new(now.Add(-time.Minute))},
					{Name: "oauth", State: admin.Good, Issuer: "https://issuer.example"},
				},
				Indexes: []admin.Index{{Type: "User", Resources: 1204, Age: 90}},
			},
			{Path: "paused", State: admin.Paused},
		},
	}
}

// TestThePageOfTheStatus: the page shows what an operator has to know first, in the words of the documentation.
func TestThePageOfTheStatus(t *testing.T) {
	t.Parallel()
	w := get(shown(status()), browser)
	page := strings.Join(strings.Fields(w.Body.String()), " ")
	for _, want := range []string{
		"<h1>scim-bridge 1.2.3</h1>", "Up for 1h0m0s.", `<span class="good">Configuration is up to date.</span>`,
		`<td>away</td><td><div class="bad">does not answer</div><div><span class="bad">Keycloak does not answer most calls</span><br><small>fix: look at Keycloak</small></div></td><td>off</td>`,
		`<td>saas</td><td><div class="good">answers</div></td><td>read 2s ago</td>`,
		`<td>away<br><small>https://scim.example/realms/away/scim/v2</small></td><td><div class="bad">not ready (503)</div><div><span class="bad">the realm lacks a right</span><br><small>fix: scim-bridge doctor --tenant away</small></div>`,
		`<span class="soon">no verified domain</span><br><small>fix: verify one: kcadm.sh update</small>`, `<td>none since the start</td><td>none since the start</td><td>off</td>`,
		`<div class="good">ready</div>`, `<div class="soon">paused</div>`,
		`<td>5s ago, entra, PATCH /Users/:id <span class="good">200</span></td><td>1m5s ago, entra, PATCH /Users/:id <span class="bad">409 value-taken</span></td>`,
		`old <span class="bad">expired 2030-01-31</span>`, `soon <span class="soon">expires 2030-01-31</span>`, "new until 2031-01-31", "<div>oauth </div>", `restored <span class="bad">suspended since a restore</span> <small>used 1m0s ago</small>`, "1204 of User, 1m30s old",
		"JSON: Accept: application/json.", `<a href="metrics">/metrics</a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	changed := status()
	changed.Config = "config.yaml:3: <no>"
	if page := get(shown(changed), browser).Body.String(); !strings.Contains(page, `<span class="bad">The changed configuration is not applied in full:</span> config.yaml:3: &lt;no&gt;`) {
		t.Errorf("the page does not show the problem of the configuration:\n%s", page)
	}
}

// TestThePageRunsNothing: the policy permits only the page's own style, and the page has no script.
func TestThePageRunsNothing(t *testing.T) {
	t.Parallel()
	w := get(shown(status()), browser)
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, found := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := w.Header().Get("Content-Security-Policy"); !found || got != want {
		t.Errorf("the policy is %q, want %q", got, want)
	}
	for _, no := range []string{"<script", "style=", "onload", "http-equiv"} {
		if strings.Contains(w.Body.String(), no) {
			t.Errorf("the page has %q", no)
		}
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the headers are %v", w.Header())
	}
}

// TestNoTextOfAStatusIsHTML: every text of this status is hostile.
func TestNoTextOfAStatusIsHTML(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)></style></td>`
	request := &tenant.Request{At: time.Now(), Client: evil, Method: evil, Route: evil, Status: 400, Code: evil}
	problems := []admin.Problem{{Effect: evil, Text: evil, Fix: evil}}
	hostile := admin.Status{
		Version: evil, Config: evil, Realms: []admin.Realm{{Realm: evil, Problems: problems}},
		Tenants: []admin.Tenant{{
			Path: evil, URL: "javascript:" + evil, Organization: evil, State: evil, Problems: problems, RemovalBrake: evil, LastRequest: request, LastError: request,
			Credentials: []admin.Credential{{Name: evil, Expires: new(time.Now()), State: evil}}, Indexes: []admin.Index{{Type: evil}},
		}},
	}
	body := get(shown(hostile), browser).Body.String()
	for _, no := range []string{"<script", "<img", `"'>`, "</style></td>", "href=\"javascript"} {
		if strings.Contains(body, no) {
			t.Errorf("the page has %q:\n%s", no, body)
		}
	}
	if n := strings.Count(body, "&lt;script&gt;alert(1)&lt;/script&gt;"); n < 18 {
		t.Errorf("the page shows %d hostile texts", n)
	}
}

// TestProgramsGetJSON: the JSON is the status, unchanged.
func TestProgramsGetJSON(t *testing.T) {
	t.Parallel()
	for _, accept := range []string{"", "*/*", "application/json"} {
		w := get(shown(status()), accept)
		var got admin.Status
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%q: %v %s", accept, w.Header(), w.Body)
		}
		if diff := cmp.Diff(status(), got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", accept, diff)
		}
	}
}

// TestTheStatusOfARunningBridge: the admin listener shows the page. The last error stays visible after a later
// success.
func TestTheStatusOfARunningBridge(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for realm, r := range c.Realms {
			r.Tenants[0].Tokens = append(r.Tenants[0].Tokens,
				config.Token{Name: "old<b>", SHA256: config.Digest{1}, Expires: config.Expiry{Time: time.Now().Add(-time.Hour)}},
				config.Token{Name: "soon", SHA256: config.Digest{2}, Expires: config.Expiry{Time: time.Now().Add(time.Hour)}})
			c.Realms[realm] = r
		}
	})
	if _, err := b.Send(t, http.MethodGet, "/Users?filter=userName", ""); err == nil {
		t.Fatal("a malformed filter was accepted")
	}
	b.Must(t, http.MethodGet, "/Users", "")
	page := get(b.App.Health.Handler(), browser).Body.String()
	for _, want := range []string{
		"<td>" + b.Realm, "old&lt;b&gt; <span class=\"bad\">expired", "soon <span class=\"soon\">expires", "GET /Users <span class=\"bad\">400 filter-malformed</span>", "GET /Users <span class=\"good\">200</span>", ">ready</div>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	var status admin.Status
	if w := get(b.App.Health.Handler(), "*/*"); json.Unmarshal(w.Body.Bytes(), &status) != nil {
		t.Fatalf("%v %s", w.Header(), w.Body)
	}
	if len(status.Tenants) != 1 || len(status.Tenants[0].Credentials) != 3 || status.Tenants[0].LastError.Code != "filter-malformed" || status.Tenants[0].LastRequest.Code != "" || len(status.Realms) != 1 || status.Realms[0].Outage {
		t.Errorf("status = %+v", status)
	}
}
