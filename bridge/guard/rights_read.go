package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// RightsRead is a read of the rights of an account, under way while the request reads the account
// itself: neither needs the other, and nothing is written before both are there.
type RightsRead struct {
	user keycloak.UserID
	done chan struct{} // closed when the rest is known

	found []string
	err   error
}

// ReadRights begins to read the rights of a user. Whoever begins it waits for it.
func ReadRights(ctx context.Context, c *keycloak.Client, f tenant.Fitness, user keycloak.UserID) *RightsRead {
	l := &RightsRead{user: user, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.found, l.err = c.EffectiveRoles(ctx, user, f.Protected.Management)
	}()
	return l
}

// Wait returns when the rights are read.
func (l *RightsRead) Wait() { <-l.done }

// rights are those of realm-management that an account has. They come from the read under way. Where there is none, or it
// is of another account, rights asks Keycloak.
func (l *RightsRead) rights(ctx context.Context, c *keycloak.Client, f tenant.Fitness, user keycloak.UserID) ([]string, error) {
	if l == nil || l.user != user {
		return c.EffectiveRoles(ctx, user, f.Protected.Management)
	}
	l.Wait()
	return l.found, l.err
}
