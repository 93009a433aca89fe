package keycloaktest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Send makes a call of the Admin API below the realm as the server's administrator, when package keycloak has no such
// call. It returns the id of the created resource, or the answer's body. A refusal fails the test.
func (r *Realm) Send(tb testing.TB, method, path, body string) string {
	tb.Helper()
	token := r.Server.token(tb, masterRealm, url.Values{"username": {r.Server.Admin}, "password": {r.Server.Password}})
	req, err := http.NewRequestWithContext(tb.Context(), method, r.Server.URL+"/admin/realms/"+r.Name.String()+path, strings.NewReader(body))
	if err != nil {
		tb.Fatalf("NewRequest() = %v", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	header, answer := exchange(tb, req)
	if location := header.Get("Location"); location != "" {
		return location[strings.LastIndexByte(location, '/')+1:]
	}
	return answer
}

// LogIn starts a session of a user at the client admin-cli. An offline session survives the user's logout.
func (r *Realm) LogIn(tb testing.TB, username, password string, offline bool) {
	tb.Helper()
	form := url.Values{"username": {username}, "password": {password}}
	if offline {
		form.Set("scope", "offline_access")
	}
	r.Server.token(tb, r.Name.String(), form)
}

func (s Server) token(tb testing.TB, realm string, form url.Values) string {
	tb.Helper()
	form.Set("grant_type", "password")
	form.Set("client_id", "admin-cli")
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL+"/realms/"+realm+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatalf("NewRequest() = %v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, body := exchange(tb, req)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		tb.Fatalf("token: %v", err)
	}
	return answer.Token
}

// exchange makes a call on a new connection. A kept connection could lead to another fake that had the port before.
func exchange(tb testing.TB, req *http.Request) (http.Header, string) {
	tb.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		tb.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer res.Body.Close() //nolint:errcheck // it was read, nothing can be lost
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices {
		tb.Fatalf("%s %s = %d %s, %v", req.Method, req.URL.Path, res.StatusCode, data, err)
	}
	return res.Header, string(data)
}
