package keycloak

import (
	"context"
	"net/url"
	"strings"

	"github.com/Nerzal/gocloak/v13"
)

// FindClient finds a client by its clientId; ok is false when it does not exist.
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

// CreateClient creates a confidential client with a service account, through which no user can log in. Needs
// manage-clients.
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

// ServiceAccountPrefix starts the name of a client's service account; the clientId in lower case follows.
const ServiceAccountPrefix = "service-account-"

// IsServiceAccount reports whether a user is the service account of a client. The representation of a user does not say
// so (measured). The name leads to the client, and the client has the id of its account: a normal user can have such a
// name too.
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
		case err != nil && kind != NotFound && kind != Invalid: // the client is gone or no longer has an account
			return false, err
		}
	}
	return false, nil
}

// ServiceAccount is the user of a client. A client without permission to use a service account can still have one, when
// its realm was imported. The error is Invalid when the client has no service account.
func (c *Client) ServiceAccount(ctx context.Context, id ClientUUID) (UserID, error) {
	var u userJSON
	if err := c.get(ctx, "get service account", "/clients/"+id.escaped()+"/service-account-user", nil, &u); err != nil {
		return UserID{}, err
	}
	return ParseUserID(u.ID)
}

// ManagementRoles are all rights of the Admin API of the realm, and those that a user has in any way.
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
