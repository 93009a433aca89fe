package keycloak

import (
	"context"
	"net/url"
	"strings"

	"github.com/Nerzal/gocloak/v13"
)

// FindClient looks a client up by its clientId; ok is false when there is none.
func (c *Client) FindClient(ctx context.Context, clientID string) (id ClientUUID, ok bool, err error) {
	var list []struct {
		ID string `json:"id"`
	}
	if err := c.get(ctx, "find client", "/clients", url.Values{"clientId": {clientID}}, &list); err != nil || len(list) == 0 {
		return ClientUUID{}, false, err
	}
	id, err = ParseClientUUID(list[0].ID)
	return id, err == nil, err
}

// ManagementClient finds realm-management, whose roles are the rights of the Admin API.
// Needs view-clients.
func (c *Client) ManagementClient(ctx context.Context) (ClientUUID, error) {
	id, ok, err := c.FindClient(ctx, RealmManagement)
	if err == nil && !ok {
		err = &Error{Op: "find client", Kind: NotFound, Message: RealmManagement}
	}
	return id, err
}

// HasManagementRole reports whether the server knows a right of the Admin API by its name.
// Needs view-clients.
func (c *Client) HasManagementRole(ctx context.Context, name string) (bool, error) {
	_, err := c.FindRole(ctx, RoleName{Client: RealmManagement, Name: name})
	if KindOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// CreateClient creates a confidential client that has a service account and no
// login of people. Needs manage-clients.
func (c *Client) CreateClient(ctx context.Context, clientID, description string) (ClientUUID, error) {
	const op = "create client"
	no, yes := false, true
	body := gocloak.Client{
		ClientID: &clientID, Description: &description, Enabled: &yes, Protocol: new("openid-connect"),
		PublicClient: &no, ServiceAccountsEnabled: &yes, StandardFlowEnabled: &no,
		DirectAccessGrantsEnabled: &no, ImplicitFlowEnabled: &no,
	}
	var location string
	err := c.viaGocloak(ctx, op, func(ctx context.Context, token string) (err error) {
		location, err = c.cloak.CreateClient(ctx, token, c.realm.escaped(), body)
		return err
	})
	if err != nil {
		return ClientUUID{}, err
	}
	id, err := ParseClientUUID(location)
	return id, noLocation(op, err)
}

// ClientSecret reads the secret of a client. Needs view-clients.
func (c *Client) ClientSecret(ctx context.Context, id ClientUUID) (string, error) {
	var answer struct {
		Value string `json:"value"`
	}
	err := c.get(ctx, "get client secret", "/clients/"+id.escaped()+"/client-secret", nil, &answer)
	return answer.Value, err
}

// ServiceAccountPrefix starts the name of the user that a client is; the client's id in lower
// case follows.
const ServiceAccountPrefix = "service-account-"

// IsServiceAccount reports whether a user is the service account of a client. No
// representation says so (measured). What follows the prefix of the name only finds the client,
// which tells the id of its account: a normal user may be called as one.
func (c *Client) IsServiceAccount(ctx context.Context, u User) (bool, error) {
	clientID, ok := strings.CutPrefix(strings.ToLower(u.Username), ServiceAccountPrefix)
	if !ok || clientID == "" || unheld(clientID) {
		return false, nil
	}
	clients, err := Everything(func(first int) ([]ClientInfo, error) { return c.findClients(ctx, clientID, first) })
	if err != nil {
		return false, err
	}
	for _, client := range clients {
		if client.Public || !strings.EqualFold(client.ClientID, clientID) {
			continue
		}
		account, err := c.ServiceAccount(ctx, client.UUID)
		switch kind := KindOf(err); {
		case err == nil && account.String() == u.ID:
			return true, nil
		case err != nil && kind != NotFound && kind != Invalid: // the client is gone, or has no account any more
			return false, err
		}
	}
	return false, nil
}

// ServiceAccount is the user that a client is. A client that may use none can have one, when
// its realm was imported; one that has none is Invalid.
func (c *Client) ServiceAccount(ctx context.Context, id ClientUUID) (UserID, error) {
	var u userJSON
	if err := c.get(ctx, "get service account", "/clients/"+id.escaped()+"/service-account-user", nil, &u); err != nil {
		return UserID{}, err
	}
	return ParseUserID(u.ID)
}

// ManagementRoles are all rights of the Admin API of the realm, and those that a
// user has by any way.
func (c *Client) ManagementRoles(ctx context.Context, user UserID) (all, granted []Role, err error) {
	id, err := c.ManagementClient(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err = c.get(ctx, "list roles", "/clients/"+id.escaped()+"/roles", nil, &all); err == nil {
		err = c.get(ctx, "list granted roles", "/users/"+user.escaped()+"/role-mappings/clients/"+id.escaped()+"/composite", nil, &granted)
	}
	return all, granted, err
}
