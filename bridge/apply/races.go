package apply

import (
	"context"
	"errors"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// The following functions turn the errors of races into their real results. Each race was measured
// (see the reference on Keycloak): parallel deletions of one user answer 500, parallel additions of
// one membership answer 409.

func deleteUser(ctx context.Context, c *keycloak.Client, id keycloak.UserID) error {
	err := c.DeleteUser(ctx, id)
	if !is(err, keycloak.Unknown) {
		return err
	}
	if _, look := c.User(ctx, id); is(look, keycloak.NotFound) {
		return nil
	}
	return err
}

func addMember(ctx context.Context, c *keycloak.Client, user keycloak.UserID, group keycloak.GroupID) error {
	err := c.AddMember(ctx, user, group)
	if !is(err, keycloak.Conflict) {
		return err
	}
	groups, look := groupsOf(ctx, c, user, group)
	if look != nil {
		return errors.Join(err, look)
	}
	for _, g := range groups {
		if g.ID == group.String() {
			return nil
		}
	}
	return err
}

func groupsOf(ctx context.Context, c *keycloak.Client, user keycloak.UserID, group keycloak.GroupID) ([]keycloak.Group, error) {
	if o := group.Organization(); !o.IsZero() {
		return c.OrganizationGroupsOf(ctx, o, user)
	}
	return c.UserGroups(ctx, user)
}

// admit succeeds when the user is a member already.
func admit(ctx context.Context, c *keycloak.Client, o keycloak.OrganizationID, user keycloak.UserID) error {
	err := c.AddOrganizationMember(ctx, o, user)
	if !is(err, keycloak.Conflict) && !is(err, keycloak.Invalid) {
		return err
	}
	if _, look := c.OrganizationMember(ctx, o, user); look != nil {
		return err
	}
	return nil
}

// expel succeeds when the user is no longer a member.
func expel(ctx context.Context, c *keycloak.Client, o keycloak.OrganizationID, user keycloak.UserID) error {
	err := c.RemoveOrganizationMember(ctx, o, user)
	if is(err, keycloak.NotFound) {
		return nil
	}
	return err
}

// link succeeds when the user has that link already.
func link(ctx context.Context, c *keycloak.Client, user keycloak.UserID, l keycloak.Link) error {
	err := c.AddLink(ctx, user, l)
	if !is(err, keycloak.Conflict) {
		return err
	}
	links, look := c.Links(ctx, user)
	if look == nil && slices.ContainsFunc(links, func(have keycloak.Link) bool {
		return have.IdentityProvider == l.IdentityProvider && have.UserID == l.UserID
	}) {
		return nil
	}
	return errors.Join(err, look)
}

// removeMember succeeds when the user is gone, because then the membership is gone too.
func removeMember(ctx context.Context, c *keycloak.Client, user keycloak.UserID, group keycloak.GroupID) error {
	err := c.RemoveMember(ctx, user, group)
	var e *keycloak.Error
	if errors.As(err, &e) && e.Kind == keycloak.NotFound && e.Missing == keycloak.MissingUser {
		return nil
	}
	return err
}

// endSessions ends the online sessions and the offline sessions. A logout without the rest leaves
// offline tokens valid that were issued in the same second. A logout does not end offline sessions,
// so they are listed at the same time. They are revoked one after the other: Keycloak answers 204
// to each of several parallel revocations, but some tokens stay valid (measured on 26.7.5).
func endSessions(ctx context.Context, c *keycloak.Client, id keycloak.UserID) error {
	logout := make(chan error, 1)
	go func() { logout <- c.LogoutUser(ctx, id) }()
	clients, listed := c.OfflineClients(ctx, id)
	err := errors.Join(<-logout, listed)
	for _, client := range clients {
		err = errors.Join(err, c.RevokeConsent(ctx, id, client))
	}
	return err
}
