package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Look is a look at the rights of an account, under way while the request reads the account
// itself: neither needs the other, and nothing is written before both are there.
type Look struct {
	user keycloak.UserID
	done chan struct{} // closed when the rest is known

	found []string
	err   error
}

// BeginLook begins a look. Whoever begins it waits for it.
func BeginLook(ctx context.Context, c *keycloak.Client, f tenant.Fitness, user keycloak.UserID) *Look {
	l := &Look{user: user, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.found, l.err = c.EffectiveRoles(ctx, user, f.Protected.Management)
	}()
	return l
}

// Wait returns when the look is over.
func (l *Look) Wait() { <-l.done }

// rights are those of realm-management that an account has. They come from the look. Where there is no look, or it
// is at another account, rights asks Keycloak.
func (l *Look) rights(ctx context.Context, c *keycloak.Client, f tenant.Fitness, user keycloak.UserID) ([]string, error) {
	if l == nil || l.user != user {
		return c.EffectiveRoles(ctx, user, f.Protected.Management)
	}
	l.Wait()
	return l.found, l.err
}
