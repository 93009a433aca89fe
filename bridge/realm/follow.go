package realm

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// followEvery is how often the events of a realm are asked for by which somebody may become an
	// administrator.
	followEvery = time.Second
	// wakeEvery is how often they have a look begin at most: where roles are given all the time,
	// looks would be all that the bridge does.
	wakeEvery = 10 * time.Second
)

// rightsEvents are the types of resources by whose change somebody may become an administrator: by
// a role, what a role contains, a group's place, a fine-grained permission. A client brings a service
// account. Memberships are not among them: there is one for every member that anybody adds.
func rightsEvents() []string {
	return []string{"REALM_ROLE", "CLIENT_ROLE", "REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING", "GROUP", "AUTHORIZATION_POLICY", "CLIENT"}
}

// follower knows what happened to a realm since the last look that it had begin.
type follower struct {
	tail    *keycloak.Tail
	woken   time.Time
	waiting bool // something was changed since
}

// Follow has a look begin about a second after somebody else changed what makes administrators, in
// realms with a change feed, until the context ends. Elsewhere the next look finds it.
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

// FollowOnce asks every realm with a feed once, and reports whether it has a look begin. It is not
// called twice at a time.
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

// poll waits for a look when somebody else changed something since the poll before. An outage is no
// news, and what it hides comes after it.
func (f *follower) poll(ctx context.Context, c *keycloak.Client) {
	own, err := c.OwnAccount(ctx)
	if err != nil {
		return
	}
	_ = f.tail.Read(ctx, c, time.Now, func(e keycloak.AdminEvent) {
		f.waiting = f.waiting || e.By != own.String()
	})
}
