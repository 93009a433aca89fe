package keycloaktest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (c *call) clientByID() (*client, error) {
	cl := c.realm.clients[c.path("client")]
	if cl == nil {
		return nil, refuse(http.StatusNotFound, "Could not find client")
	}
	return cl, nil
}

func listClients(c *call) (reply, error) {
	wanted, search := c.r.URL.Query().Get("clientId"), c.r.URL.Query().Get("search") == "true"
	clients, err := c.clientsPage(filter(slices.Collect(maps.Values(c.realm.clients)), func(cl *client) bool {
		return wanted == "" || cl.clientID == wanted || search && like("%"+strings.ToLower(wanted)+"%", strings.ToLower(cl.clientID))
	}))
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, cl := range clients {
		shown := map[string]any{
			"id": cl.id, "clientId": cl.clientID, "description": cl.description, "enabled": cl.enabled,
			"publicClient": cl.public, "serviceAccountsEnabled": cl.service, "secret": cl.secret,
		}
		if cl.authorization {
			shown["authorizationServicesEnabled"] = true
		}
		out = append(out, shown)
	}
	return found(out)
}

func createClient(c *call) (reply, error) {
	var body struct {
		ClientID                  string            `json:"clientId"`
		Description               string            `json:"description"`
		Enabled                   *bool             `json:"enabled"`
		PublicClient              bool              `json:"publicClient"`
		ServiceAccountsEnabled    bool              `json:"serviceAccountsEnabled"`
		DirectAccessGrantsEnabled bool              `json:"directAccessGrantsEnabled"`
		ClientAuthenticatorType   string            `json:"clientAuthenticatorType"`
		Attributes                map[string]string `json:"attributes"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return reply{}, notJSON("unknown_error")
	}
	taken := c.realm.clientNamed(body.ClientID) != nil || body.ServiceAccountsEnabled && c.realm.userNamed(serviceAccountName(body.ClientID)) != nil
	if body.ClientID != "" && taken {
		return reply{}, message(http.StatusConflict, "Client "+body.ClientID+" already exists")
	}
	cl := c.realm.addClient(&client{
		clientID: body.ClientID, description: body.Description, enabled: body.Enabled == nil || *body.Enabled,
		public: body.PublicClient, service: body.ServiceAccountsEnabled, directGrants: body.DirectAccessGrantsEnabled,
		authenticator: body.ClientAuthenticatorType, attributes: body.Attributes,
	})
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+cl.id, nil)
}

func readSecret(c *call) (reply, error) {
	cl, err := c.clientByID()
	if err != nil {
		return reply{}, err
	}
	out := map[string]string{"type": "secret"}
	if cl.secret != "" {
		out["value"] = cl.secret
	}
	return found(out)
}

func readServiceAccount(c *call) (reply, error) {
	cl, err := c.clientByID()
	if err != nil {
		return reply{}, err
	}
	u := c.realm.serviceAccount(cl)
	if u == nil {
		return reply{}, refuse(http.StatusBadRequest, "Service account not enabled for the client '"+cl.clientID+"'")
	}
	return found(c.realm.show(u, false, nil))
}
