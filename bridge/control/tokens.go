package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// The requests about tokens.
const (
	tokensPath      = "/tokens"        // GET: the credentials of all tenants; POST token: keep a token in the store
	revokeTokenPath = "/tokens/revoke" // POST tenant, which: revoke a token of the store; the answer is the token
	acceptPath      = "/tokens/accept" // POST tenant, or nothing for all tenants: accept suspended tokens
)

// accepted is the answer about suspended tokens.
type accepted struct {
	Tokens int `json:"tokens"`
}

// tokens adds the requests about tokens. No request has the text of a token.
func tokens(mux *http.ServeMux, a *admin.Admin) {
	mux.HandleFunc("GET "+tokensPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, a.Credentials(), nil) })
	mux.HandleFunc("POST "+tokensPath, func(w http.ResponseWriter, r *http.Request) {
		var n admin.NewToken
		in := json.NewDecoder(strings.NewReader(r.FormValue("token")))
		in.DisallowUnknownFields()
		if err := in.Decode(&n); err != nil {
			answer(w, nil, admin.InputError{Text: "the bridge that runs here does not understand the command; both must have the same version"})
			return
		}
		answer(w, struct{}{}, a.AddToken(r.Context(), n))
	})
	mux.HandleFunc("POST "+revokeTokenPath, func(w http.ResponseWriter, r *http.Request) {
		c, err := a.RevokeToken(r.Context(), r.FormValue("tenant"), r.FormValue("which"))
		answer(w, c, err)
	})
	mux.HandleFunc("POST "+acceptPath, func(w http.ResponseWriter, r *http.Request) {
		n, err := a.AcceptTokens(r.Context(), r.FormValue("tenant"))
		answer(w, accepted{n}, err)
	})
}

// Credentials returns the credentials of all tenants, wherever they are kept.
func (c Client) Credentials(ctx context.Context) (out []admin.Credential, err error) {
	err = c.ask(ctx, http.MethodGet, tokensPath, nil, &out)
	return out, err
}

// AddToken keeps a token in the store.
func (c Client) AddToken(ctx context.Context, n admin.NewToken) error {
	return c.ask(ctx, http.MethodPost, tokensPath, url.Values{"token": {string(line(n))}}, &struct{}{})
}

// RevokeToken revokes a token of the store.
func (c Client) RevokeToken(ctx context.Context, path, which string) (out admin.Credential, err error) {
	err = c.ask(ctx, http.MethodPost, revokeTokenPath, url.Values{"tenant": {path}, "which": {which}}, &out)
	return out, err
}

// AcceptTokens accepts the suspended tokens of a tenant; with "" those of all tenants. It returns their number.
func (c Client) AcceptTokens(ctx context.Context, path string) (int, error) {
	var out accepted
	err := c.ask(ctx, http.MethodPost, acceptPath, url.Values{"tenant": {path}}, &out)
	return out.Tokens, err
}
