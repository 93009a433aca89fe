package guard

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Brake stops a mass deprovisioning. Within a window, each tenant may remove only as many of its
// users as its policy says. Further removals wait until the window has passed or an operator lifts
// the brake.
type Brake struct {
	now    func() time.Time
	ledger Ledger
}

// NewBrake makes a Brake from a clock and a ledger of the removals so far.
func NewBrake(now func() time.Time, l Ledger) *Brake { return &Brake{now: now, ledger: l} }

// Remove counts that a tenant ends the access of a user, or fails with a HeldError. A user that
// the tenant created within the window does not count, and each user counts once. count returns the
// number of users of the tenant; it is called once a window.
func (b *Brake) Remove(ctx context.Context, t *tenant.Tenant, user keycloak.User, count func(context.Context) (int, error)) error {
	return b.weigh(ctx, t, user, count, func(r *Removals, now time.Time, held error) {
		if r.Holding = held != nil; !r.Holding {
			r.add(user.ID, now)
		}
	})
}

// Holds returns the error that Remove would return, and counts nothing.
func (b *Brake) Holds(ctx context.Context, t *tenant.Tenant, user keycloak.User, count func(context.Context) (int, error)) error {
	return b.weigh(ctx, t, user, count, func(*Removals, time.Time, error) {})
}

// weigh finds out whether a removal is held. It calls book only for a removal that counts.
func (b *Brake) weigh(ctx context.Context, t *tenant.Tenant, user keycloak.User, count func(context.Context) (int, error), book func(r *Removals, now time.Time, held error)) error {
	policy, now := t.Policy.RemovalBrake, b.now()
	window := time.Duration(policy.Window)
	if policy.Off() || t.Owner.Made(user.Attributes) && now.Sub(user.Created) < window {
		return nil
	}
	var held error
	err := b.ledger.Change(ctx, LedgerKey(t), func(r *Removals) error {
		r.forget(now, window)
		if _, again := r.At[user.ID]; again || now.Before(r.Lifted) {
			return nil
		}
		if len(r.At) == 0 || now.Sub(r.Counted) > window {
			users, err := count(ctx)
			if err != nil {
				return err
			}
			r.Users, r.Counted = users, now
		}
		if most := policy.Most(r.Users); len(r.At) >= most {
			held = r.held(t, now, most)
		}
		book(r, now, held)
		return nil
	})
	return cmp.Or(err, held)
}

// held refuses a removal.
func (r *Removals) held(t *tenant.Tenant, now time.Time, most int) error {
	window, first := t.Policy.RemovalBrake.Window, now
	for _, at := range r.At {
		if at.Before(first) {
			first = at
		}
	}
	return HeldError{
		Tenant: t.Path, Lift: t.Command("tenants", "lift"), Most: most, Users: r.Users, Removed: len(r.At), Window: fmt.Sprint(window),
		RetryAfter: first.Add(time.Duration(window)).Sub(now) + time.Second,
	}
}

// Lift lets a tenant remove any number of users for one window.
func (b *Brake) Lift(ctx context.Context, t *tenant.Tenant) error {
	return b.ledger.Change(ctx, LedgerKey(t), func(r *Removals) error {
		clear(r.At)
		r.Holding = false
		r.Lifted = b.now().Add(time.Duration(t.Policy.RemovalBrake.Window))
		return nil
	})
}

// State describes the state of a tenant's brake in a few words, and reports whether it holds removals.
func (b *Brake) State(ctx context.Context, t *tenant.Tenant) (text string, holding bool) {
	policy, now := t.Policy.RemovalBrake, b.now()
	if policy.Off() {
		return "off", false
	}
	text = "clear"
	err := b.ledger.Change(ctx, LedgerKey(t), func(r *Removals) error {
		r.forget(now, time.Duration(policy.Window))
		switch {
		case now.Before(r.Lifted):
			text = "lifted until " + r.Lifted.UTC().Format(time.RFC3339)
		case r.Holding && len(r.At) >= policy.Most(r.Users):
			text, holding = fmt.Sprintf("holding: %d users were removed within %s", len(r.At), policy.Window), true
		}
		return nil
	})
	if err != nil {
		return "not known: " + err.Error(), false
	}
	return text, holding
}
