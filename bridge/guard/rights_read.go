package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// RightsRead reads the rights of an account in the background, while the request reads the account
// itself. Neither read needs the other, and nothing is written before both have ended.
type RightsRead struct {
	user keycloak.UserID
	done chan struct{} // closed when the rights are known

	found []string
	err   error
}

// ReadRights begins to read the rights of a user. The caller must Wait for the result.
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

// rights returns the rights of realm-management that an account has. They come from the read in the
// background. When there is no such read, or it is about another account, rights asks Keycloak.
func (l *RightsRead) rights(ctx context.Context, c *keycloak.Client, f tenant.Fitness, user keycloak.UserID) ([]string, error) {
	if l == nil || l.user != user {
		return c.EffectiveRoles(ctx, user, f.Protected.Management)
	}
	l.Wait()
	return l.found, l.err
}
