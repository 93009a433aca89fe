package keycloaktest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// token is an access token, or a refresh token of a session.
type token struct {
	realm        *realm
	user, client string
	issued       time.Time
	expires      time.Time
	refresh      bool
	session      string
}

// session is a login of a user.
type session struct {
	id, user, client string
	offline          bool
}

func discover(c *call) (reply, error) {
	r := c.f.realms[c.path("realm")]
	if r == nil {
		return reply{}, refuse(http.StatusNotFound, "Realm does not exist")
	}
	issuer := c.issuer(r)
	return found(map[string]string{"issuer": issuer, "token_endpoint": issuer + "/protocol/openid-connect/token"})
}

func (c *call) issuer(r *realm) string { return c.f.server.URL + "/realms/" + url.PathEscape(r.name) }

func issueToken(c *call) (reply, error) {
	c.realm = c.f.realms[c.path("realm")]
	if c.realm == nil {
		return reply{}, refuse(http.StatusNotFound, "Realm does not exist")
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return reply{}, oauth(http.StatusBadRequest, "invalid_request", "Missing form parameter: grant_type")
	}
	client, err := c.client(form)
	if err != nil {
		return reply{}, err
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		return c.clientCredentials(client)
	case "password":
		return c.passwordGrant(client, form)
	case "refresh_token":
		return c.refreshGrant(client, form)
	case "":
		return reply{}, oauth(http.StatusBadRequest, "invalid_request", "Missing form parameter: grant_type")
	}
	return reply{}, oauth(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant_type")
}

const badClient = "Invalid client or Invalid client credentials"

// client authenticates the client of a token request.
func (c *call) client(form url.Values) (*client, error) {
	cl := c.realm.clientNamed(form.Get("client_id"))
	if cl == nil || !cl.enabled {
		return nil, oauth(http.StatusUnauthorized, "invalid_client", badClient)
	}
	good := cl.public
	switch {
	case cl.public:
	case cl.authenticator == clientJWT:
		return cl, c.checkAssertion(cl, form)
	default:
		good = cl.secret != "" && form.Get("client_secret") == cl.secret
	}
	if !good {
		return nil, oauth(http.StatusUnauthorized, "unauthorized_client", badClient)
	}
	return cl, nil
}

func (c *call) clientCredentials(cl *client) (reply, error) {
	if cl.public {
		return reply{}, oauth(http.StatusUnauthorized, "unauthorized_client", "Public client not allowed to retrieve service account")
	}
	u := c.realm.serviceAccount(cl)
	if u == nil {
		return reply{}, oauth(http.StatusUnauthorized, "unauthorized_client", "Client not enabled to retrieve service account")
	}
	if !u.enabled {
		return reply{}, oauth(http.StatusUnauthorized, "invalid_request", "User '"+u.username+"' disabled")
	}
	return c.tokens(cl, u, nil)
}

// serviceAccount is the user of a client. Like Keycloak, it creates the user again when it was deleted.
func (r *realm) serviceAccount(cl *client) *user {
	if !cl.service {
		return nil
	}
	for _, u := range r.users {
		if u.serviceOf == cl.id {
			return u
		}
	}
	return r.addServiceAccount(cl)
}

func (c *call) passwordGrant(cl *client, form url.Values) (reply, error) {
	if !cl.directGrants {
		return reply{}, oauth(http.StatusBadRequest, "unauthorized_client", "Client not allowed for direct access grants")
	}
	if form.Get("username") == "" {
		return reply{}, oauth(http.StatusUnauthorized, "invalid_request", "Missing parameter: username")
	}
	u := c.realm.userNamed(form.Get("username"))
	if u == nil || u.password == "" || form.Get("password") != u.password {
		return reply{}, oauth(http.StatusBadRequest, "invalid_grant", "Invalid user credentials")
	}
	switch {
	case !u.enabled:
		return reply{}, oauth(http.StatusBadRequest, "invalid_grant", "Account disabled")
	case len(u.actions) > 0, c.realm.name != masterRealm && !c.realm.complete(u):
		return reply{}, oauth(http.StatusBadRequest, "invalid_grant", "Account is not fully set up")
	}
	offline := slices.Contains(strings.Fields(form.Get("scope")), "offline_access")
	s := &session{id: newID(), user: u.id, client: cl.id, offline: offline}
	c.realm.sessions = append(c.realm.sessions, s)
	return c.tokens(cl, u, s)
}

// complete reports whether the profile lets a user log in: people must have all of these fields.
func (r *realm) complete(u *user) bool { return u.email != "" && u.first != "" && u.last != "" }

func (c *call) refreshGrant(cl *client, form url.Values) (reply, error) {
	invalid := func(text string) (reply, error) { return reply{}, oauth(http.StatusBadRequest, "invalid_grant", text) }
	t := c.f.tokens[form.Get("refresh_token")]
	if t == nil || !t.refresh || t.realm != c.realm || t.client != cl.id {
		return invalid("Invalid refresh token")
	}
	i := slices.IndexFunc(c.realm.sessions, func(s *session) bool { return s.id == t.session })
	u := c.realm.users[t.user]
	switch {
	case i < 0 && t.expires.IsZero(): // an offline token does not expire by itself
		return invalid("Offline user session not found")
	case i < 0:
		return invalid("Session not active")
	case !u.enabled:
		return invalid("User disabled")
	case t.issued.Unix() < u.notBefore:
		return invalid("Stale token")
	}
	return c.tokens(cl, u, c.realm.sessions[i])
}

// tokens answers with an access token, and with a refresh token for a session.
func (c *call) tokens(cl *client, u *user, s *session) (reply, error) {
	lifespan, err := c.realm.settings["accessTokenLifespan"].(json.Number).Int64()
	if err != nil {
		return reply{}, err
	}
	now := time.Now()
	t := &token{realm: c.realm, user: u.id, client: cl.id, issued: now, expires: now.Add(time.Duration(lifespan) * time.Second)}
	answer := map[string]any{
		"access_token": c.f.keep(t, c.claims(cl, u, t)), "expires_in": lifespan, "refresh_expires_in": 0,
		"token_type": "Bearer", "not-before-policy": u.notBefore, "scope": "profile email",
	}
	if s != nil {
		r := &token{realm: c.realm, user: u.id, client: cl.id, issued: now, refresh: true, session: s.id}
		if !s.offline {
			r.expires = now.Add(30 * time.Minute)
		}
		answer["refresh_token"] = c.f.keep(r, map[string]any{"typ": "Refresh", "sid": s.id})
		answer["session_state"] = s.id
	}
	return found(answer)
}

func (c *call) claims(cl *client, u *user, t *token) map[string]any {
	claims := map[string]any{
		"exp": t.expires.Add(c.f.ahead).Unix(), "iat": t.issued.Add(c.f.ahead).Unix(), "iss": c.issuer(c.realm), "sub": u.id, "typ": "Bearer",
		"azp": cl.clientID, "preferred_username": u.username, "scope": "profile email",
	}
	if roles := c.realm.effective(u); len(roles) > 0 {
		claims["resource_access"] = map[string]any{realmManagement: map[string]any{"roles": roles}}
	}
	return claims
}

// keep stores a token under a text that looks like a token. Its signature is not real, because the fake looks tokens
// up.
func (f *Fake) keep(t *token, claims map[string]any) string {
	claims["jti"] = rand.Text()
	payload := reply{body: claims}.bytes()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(payload) + "." + encode([]byte(rand.Text()))
	f.tokens[text] = t
	return text
}

func logoutUser(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	c.realm.sessions = slices.DeleteFunc(c.realm.sessions, func(s *session) bool { return s.user == u.id && !s.offline })
	u.notBefore = time.Now().Unix()
	return done()
}

func listSessions(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	out := []any{}
	for _, s := range c.realm.sessions {
		if s.user == u.id && !s.offline {
			out = append(out, map[string]any{"id": s.id, "userId": u.id, "username": u.username})
		}
	}
	return found(out)
}

func listConsents(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	out := []any{}
	for _, cl := range c.realm.clients {
		if len(c.realm.offline(u, cl)) > 0 {
			out = append(out, map[string]any{
				"clientId": cl.clientID, "grantedClientScopes": []string{},
				"additionalGrants": []any{map[string]string{"client": cl.id, "key": "Offline Token"}},
			})
		}
	}
	return found(out)
}

func (r *realm) offline(u *user, cl *client) []*session {
	var out []*session
	for _, s := range r.sessions {
		if s.offline && s.user == u.id && s.client == cl.id {
			out = append(out, s)
		}
	}
	return out
}

func revokeConsent(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	cl := c.realm.clientNamed(c.path("client"))
	if cl == nil {
		return reply{}, refuse(http.StatusNotFound, "Client not found")
	}
	sessions := c.realm.offline(u, cl)
	if len(sessions) == 0 {
		return reply{}, refuse(http.StatusNotFound, "Consent nor offline token not found")
	}
	c.realm.sessions = slices.DeleteFunc(c.realm.sessions, func(s *session) bool { return slices.Contains(sessions, s) })
	return done()
}
