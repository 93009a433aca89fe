package keycloak

import (
	"context"
	"slices"
)

// OwnAccount is the client's own user: its service account.
func (c *Client) OwnAccount(ctx context.Context) (UserID, error) {
	const op = "get own account"
	token, err := c.tokens.get(ctx, "")
	if err != nil {
		return UserID{}, named(op, err)
	}
	claims, err := claimsOf(token)
	if err != nil {
		return UserID{}, named(op, err)
	}
	id, err := ParseUserID(claims.Subject)
	if err != nil {
		return UserID{}, &Error{Op: op, Kind: Unavailable, Err: err}
	}
	return id, nil
}

// OwnValues reads the values of an attribute of the client's own account, sorted, because Keycloak does not keep their
// order.
func (c *Client) OwnValues(ctx context.Context, name string) ([]string, error) {
	account, err := c.ownUser(ctx)
	return sorted(account.Attributes[name]), err
}

// ChangeOwnValues reads the values of an attribute of the client's own account, passes them to change, and writes the
// result if it differs. It returns the values that Keycloak then has, sorted. Changes by one Client never overlap. The
// rest of the account does not change.
//
// The values are read again after a write, because Keycloak silently drops an undeclared attribute.
func (c *Client) ChangeOwnValues(ctx context.Context, name string, change func(values []string) ([]string, error)) ([]string, error) {
	c.own.Lock()
	defer c.own.Unlock()
	account, err := c.ownUser(ctx)
	if err != nil {
		return nil, err
	}
	had := sorted(account.Attributes[name])
	wanted, err := change(slices.Clone(had))
	if err != nil {
		return nil, err
	}
	if wanted = sorted(wanted); slices.Equal(had, wanted) {
		return had, nil
	}
	id, err := ParseUserID(account.ID)
	if err != nil {
		return nil, &Error{Op: "get own account", Kind: Unavailable, Err: err}
	}
	attributes := map[string][]string{name: wanted}
	for other, values := range account.Attributes {
		if other != name {
			attributes[other] = values
		}
	}
	err = c.UpdateUser(ctx, id, UserUpdate{
		Username: &account.Username, Email: &account.Email, FirstName: &account.FirstName, LastName: &account.LastName, Attributes: attributes,
	})
	if err != nil {
		return nil, err
	}
	return c.OwnValues(ctx, name)
}

func (c *Client) ownUser(ctx context.Context) (User, error) {
	id, err := c.OwnAccount(ctx)
	if err != nil {
		return User{}, err
	}
	return c.User(ctx, id)
}

// sorted are the distinct values in order.
func sorted(values []string) []string { return slices.Compact(slices.Sorted(slices.Values(values))) }
