package guard

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Brake holds a mass deprovisioning: it lets each tenant remove so many of its users within a
// window, as its policy says, and no more until they are long enough ago or an operator lifts it. What
// it knows is in memory: after a start it begins anew.
type Brake struct {
	now func() time.Time

	mu      sync.Mutex
	tenants map[string]*removals // by the tenant's path
}

// NewBrake makes a Brake over a clock.
func NewBrake(now func() time.Time) *Brake {
	return &Brake{now: now, tenants: make(map[string]*removals)}
}

// removals are those of a tenant. Its lock is held while the users are counted: others wait for the
// same number.
type removals struct {
	mu      sync.Mutex
	at      map[string]time.Time // by the id of a user
	users   int                  // of the tenant when they were counted
	counted time.Time
	lifted  time.Time // until then nothing is held
	holding bool
}

func (b *Brake) of(t *tenant.Tenant) *removals {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.tenants[t.Path]
	if r == nil {
		r = &removals{at: make(map[string]time.Time)}
		b.tenants[t.Path] = r
	}
	return r
}

// Remove counts that a tenant takes its access from a user, or is a *scim.Error with 503. One
// whom the tenant made within the window does not count, nor does one twice. count counts the users of the
// tenant, once a window.
func (b *Brake) Remove(ctx context.Context, t *tenant.Tenant, user keycloak.User, count func(context.Context) (int, error)) error {
	policy, now := t.Policy.RemovalBrake, b.now()
	window := time.Duration(policy.Window)
	if policy.Off() || t.Party.Made(user.Attributes) && now.Sub(user.Created) < window {
		return nil
	}
	r := b.of(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now.Add(-window))
	if _, again := r.at[user.ID]; again || now.Before(r.lifted) {
		return nil
	}
	if len(r.at) == 0 || now.Sub(r.counted) > window {
		users, err := count(ctx)
		if err != nil {
			return err
		}
		r.users, r.counted = users, now
	}
	most := policy.Most(r.users)
	if r.holding = len(r.at) >= most; !r.holding {
		r.at[user.ID] = now
		return nil
	}
	first := now
	for _, at := range r.at {
		if at.Before(first) {
			first = at
		}
	}
	return &scim.Error{
		Code: CodeHeld, Status: http.StatusServiceUnavailable, RetryAfter: int(first.Add(window).Sub(now).Seconds()) + 1, Cause: HeldError{t.Path, t.Command("tenants", "lift"), most, r.users},
		Detail: fmt.Sprintf("nothing was changed: %d users of this endpoint were removed or deactivated within %s, as many as it lets go in that time, lest a mistake removes all; "+
			"repeat the request later, or have the operator look and lift the removal brake", len(r.at), policy.Window),
	}
}

// forget forgets what was before a time.
func (r *removals) forget(before time.Time) {
	for id, at := range r.at {
		if at.Before(before) {
			delete(r.at, id)
		}
	}
}

// HeldError is why a removal was held, for the log.
type HeldError struct {
	Tenant      string // path
	Lift        string // the command that lifts it
	Most, Users int
}

// Error names the remedy.
func (e HeldError) Error() string {
	return fmt.Sprintf("the removal brake holds: more than %d of %d users would go within its window; lift it with: %s", e.Most, e.Users, e.Lift)
}

// Lift lets a tenant remove whom it wants for one window.
func (b *Brake) Lift(t *tenant.Tenant) {
	r := b.of(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.at)
	r.holding = false
	r.lifted = b.now().Add(time.Duration(t.Policy.RemovalBrake.Window))
}

// State says in a word how the brake of a tenant stands.
func (b *Brake) State(t *tenant.Tenant) string {
	policy, now := t.Policy.RemovalBrake, b.now()
	r := b.of(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now.Add(-time.Duration(policy.Window)))
	switch {
	case policy.Off():
		return "off"
	case now.Before(r.lifted):
		return "lifted until " + r.lifted.UTC().Format(time.RFC3339)
	case r.holding && len(r.at) >= policy.Most(r.users):
		return fmt.Sprintf("holding: %d users were removed within %s; lift it with: %s", len(r.at), policy.Window, t.Command("tenants", "lift"))
	}
	return "clear"
}
