package keycloaktest

import (
	"encoding/json"
	"net/http"
	"slices"
)

// link is a user's account at an identity provider.
type link struct {
	IdentityProvider string `json:"identityProvider"`
	UserID           string `json:"userId"`
	UserName         string `json:"userName"`
}

// createProvider creates an identity provider, through which nobody can log in.
func createProvider(c *call) (reply, error) {
	var body struct{ Alias, ProviderID string }
	if json.Unmarshal(c.body, &body) != nil || body.Alias == "" {
		return reply{}, notModelled("identity provider without an alias")
	}
	if slices.Contains(c.realm.providers, body.Alias) {
		return reply{}, message(http.StatusConflict, "Identity Provider "+body.Alias+" already exists")
	}
	c.realm.providers = append(c.realm.providers, body.Alias)
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+body.Alias, nil)
}

func readProvider(c *call) (reply, error) {
	if !slices.Contains(c.realm.providers, c.path("alias")) {
		return reply{}, badNumber()
	}
	return found(map[string]any{"alias": c.path("alias"), "providerId": "oidc", "enabled": true})
}

func listLinks(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	return found(append([]link{}, u.links...))
}

// addLink does not check whether another user has the link.
func addLink(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	alias := c.path("alias")
	if slices.ContainsFunc(u.links, func(l link) bool { return l.IdentityProvider == alias }) {
		return reply{}, message(http.StatusConflict, "User is already linked with provider")
	}
	var body link
	if json.Unmarshal(c.body, &body) != nil {
		return reply{}, notJSON("unknown_error")
	}
	if slices.Contains(c.realm.providers, alias) { // otherwise it is dropped silently
		u.links = append(u.links, link{alias, body.UserID, body.UserName})
	}
	return done()
}

// link adds the links of a new user. It drops a link to an unknown provider silently, and refuses a link that another
// user has.
func (c *call) link(u *user, value any) error {
	if value == nil {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return notJSON("unknown_error")
	}
	var links []link
	if json.Unmarshal(data, &links) != nil {
		return notJSON("unknown_error")
	}
	for _, l := range links {
		if slices.Contains(c.realm.providers, l.IdentityProvider) {
			u.links = append(u.links, l)
		}
	}
	return nil
}

func (u *user) linkedTo(alias, id string) bool {
	return slices.ContainsFunc(u.links, func(l link) bool { return l.IdentityProvider == alias && l.UserID == id })
}
