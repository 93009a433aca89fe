package realm

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// followEvery is how often the bridge asks a realm for events that may make administrators.
	followEvery = time.Second
	// wakeEvery is the shortest time between two checks that such events start. Without this limit,
	// a realm where roles are granted all the time would keep the bridge busy with checks.
	wakeEvery = 10 * time.Second
)

// rightsEvents lists the resource types whose changes may make somebody an administrator: roles,
// the contents of a role, the place of a group, fine-grained permissions, and clients, which bring
// a service account. Memberships are not in the list, because every added member makes such an
// event.
func rightsEvents() []string {
	return []string{"REALM_ROLE", "CLIENT_ROLE", "REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING", "GROUP", "AUTHORIZATION_POLICY", "CLIENT"}
}

// follower knows what changed in a realm since the last check that it started.
type follower struct {
	tail    *keycloak.Tail
	woken   time.Time
	waiting bool // whether something changed since that check
}

// Follow starts a check about a second after somebody else changed rights, in realms with a change
// feed, until the context ends. In other realms the next regular check finds the change.
func (w *Watcher) Follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.FollowOnce(ctx, time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// FollowOnce reads the feed of every realm once, and reports whether it starts a check. Only one
// call may run at a time.
func (w *Watcher) FollowOnce(ctx context.Context, now time.Time) bool {
	fed := map[string]bool{}
	for _, t := range w.Tenants.All() {
		fed[t.Realm] = fed[t.Realm] || t.Fitness().Feed
	}
	wake := false
	for realm, c := range w.Realms.All() {
		if !fed[realm] {
			delete(w.followers, realm)
			continue
		}
		f := w.followers[realm]
		if f == nil {
			f = &follower{tail: keycloak.NewTail(now, rightsEvents()...)}
			if w.followers == nil {
				w.followers = map[string]*follower{}
			}
			w.followers[realm] = f
		}
		f.poll(ctx, c)
		if f.waiting && now.Sub(f.woken) >= wakeEvery {
			f.waiting, f.woken, wake = false, now, true
		}
	}
	if wake {
		w.Wake()
	}
	return wake
}

// poll requests a check when somebody else changed something since the last poll. When Keycloak
// does not answer, poll does nothing: the next poll reads the events.
func (f *follower) poll(ctx context.Context, c *keycloak.Client) {
	own, err := c.OwnAccount(ctx)
	if err != nil {
		return
	}
	_ = f.tail.Read(ctx, c, time.Now, func(e keycloak.AdminEvent) {
		f.waiting = f.waiting || e.By != own.String()
	})
}
