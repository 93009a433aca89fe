package directory_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// countEvents adds a proxy in front of a server. It counts the admin events in the answers, and
// these answers.
func countEvents(t *testing.T, server *keycloaktest.Server) (events, answers *atomic.Int64) {
	t.Helper()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	events, answers = new(atomic.Int64), new(atomic.Int64)
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host // Keycloak names itself by this host
			p.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasSuffix(r.Request.URL.Path, "/admin-events") {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			events.Add(int64(bytes.Count(body, []byte(`"resourcePath"`))))
			answers.Add(1)
			r.Body = io.NopCloser(bytes.NewReader(body))
			return err
		},
	})
	t.Cleanup(front.Close)
	server.URL = front.URL
	return events, answers
}

// TestEventsReadPerRequest: a GET of a group reads the events since the last request, and the last
// event again. It costs the same during a burst of changes, after it, and when nothing happens.
func TestEventsReadPerRequest(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			events, answers := countEvents(t, &server)
			b := apptest.NewBridgeOn(t, server, nil, "--change-feed")
			b.Pass(time.Millisecond)
			users, group := make([]string, 11), ""
			for i := range users {
				users[i] = b.Create(t, "/Users", fmt.Sprintf(`{"userName":"member%02d"}`, i))
			}
			group = b.Create(t, "/Groups", `{"displayName":"Ten","members":[{"value":"`+strings.Join(users[:10], `"},{"value":"`)+`"}]}`)
			last, isIn := users[10], false
			change := func() {
				op := `{"op":"add","path":"members","value":[{"value":"` + last + `"}]}`
				if isIn {
					op = `{"op":"remove","path":"members[value eq \"` + last + `\"]"}`
				}
				b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(op))
				isIn = !isIn
			}
			get := func(what string, most int64) {
				t.Helper()
				events.Store(0)
				answers.Store(0)
				members, _ := b.Must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any)
				if want := map[bool]int{false: 10, true: 11}[isIn]; len(members) != want {
					t.Errorf("%s: the group has %d members, want %d", what, len(members), want)
				}
				if n, calls := events.Load(), answers.Load(); n > most || calls != 1 {
					t.Errorf("%s: a GET reads %d events by %d calls, want %d by one at most", what, n, calls, most)
				}
			}
			get("the first", 1000)
			get("nothing happened", 1)
			const burst = 150
			for range burst {
				change()
			}
			get("a burst of 150 changes", burst+1)
			for range 10 {
				get("after the burst", 1)
				change()
				get("one change later", 2)
			}
		})
	}
}
