package directory

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// maxGap is how long a feed may go without a poll. After a longer pause the missing events are
	// not read, because Keycloak may have deleted some of them.
	maxGap = 10 * time.Minute
	// feedPause is how long the bridge does not ask a feed that Keycloak refused.
	feedPause = time.Minute
)

// feed follows the admin events of a realm. It is polled only by a request that must know what
// others wrote, before the answer.
type feed struct {
	at atomic.Pointer[time.Time] // when the last poll began; nil before the first poll

	mu        sync.Mutex // protects the following fields, and is held during a poll
	refusedAt time.Time
	tail      *keycloak.Tail // nil before the first poll
}

// follow applies the events up to now, unless a poll after View.Began did so already. ok is false
// when the realm has no feed.
func (d *Directory) follow(ctx context.Context, v View) (ok bool, err error) {
	r := d.realm(v.Tenant.Realm)
	f := &r.feed
	if !v.Fitness.Feed {
		f.at.Store(nil)        // until the feed is back, no event reports writes
		r.restored.Store(true) // nor what was written since the snapshot
		return false, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now, last := d.options.Now(), f.polled()
	switch {
	case !f.refusedAt.IsZero() && now.Sub(f.refusedAt) < feedPause:
		return false, nil
	case !last.IsZero() && !last.Before(v.Began):
		return true, nil
	}
	back, doubt := false, false
	if last.IsZero() || now.Sub(last) > maxGap {
		if f.tail, err = d.restore(ctx, v, r); err == nil && f.tail == nil {
			d.forgetRealm(v.Tenant.Realm) // writes since the last poll are not known
			f.tail = keycloak.NewTail(now)
		} else {
			back = true
		}
	}
	if err == nil {
		err = f.tail.Read(ctx, v.Events, d.options.Now, func(e keycloak.AdminEvent) {
			doubt = doubt || back && e.Resource == eventRealm
			d.apply(v.Tenant.Realm, r, e)
		})
	}
	if err == nil && doubt {
		d.forgetRealm(v.Tenant.Realm)
		d.options.ObserveRestore(v.Tenant.Realm, 0, 0, errForeign("somebody changed the settings of the realm meanwhile, and may have turned its admin events off and on"))
	}
	if err == nil {
		f.at.Store(&now)
		return true, nil
	}
	switch keycloak.KindOf(err) { //nolint:exhaustive // the others are outages, after which the feed continues
	case keycloak.Denied, keycloak.Invalid, keycloak.NotFound:
		f.refusedAt = now
		f.at.Store(nil)
		return false, nil
	}
	return false, err
}

// polled returns when the last poll began, or zero when no poll succeeded.
func (f *feed) polled() time.Time {
	if at := f.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Resource types of admin events.
const (
	eventRealm                   = "REALM"
	eventUser                    = "USER"
	eventGroup                   = "GROUP"
	eventGroupMembership         = "GROUP_MEMBERSHIP"
	eventOrganizationMembership  = "ORGANIZATION_MEMBERSHIP"
	eventOrganizationGroup       = "ORGANIZATION_GROUP"
	eventOrganizationGroupMember = "ORGANIZATION_GROUP_MEMBERSHIP"
)

// apply lets the indexes of a realm read again what an event reports as changed, and changes the
// members of groups accordingly.
func (d *Directory) apply(realm string, r *realmState, e keycloak.AdminEvent) {
	ids := e.IDs()
	user, group, organization, member := ids["users"], ids["groups"], ids["organizations"], ids["members"]
	gone := e.Operation == "DELETE"
	switch e.Resource {
	case eventUser:
		d.touchRealm(realm, []string{user}, nil)
		r.members.touch(user)
	case eventGroup:
		d.touchRealm(realm, nil, []string{group})
		if strings.HasSuffix(e.Path, "/children") { // a new group; the event does not contain its id
			d.outdateGroups(realm)
		}
		if gone {
			r.members.drop(group)
		}
	case eventGroupMembership:
		r.members.change(group, user, e.Username, gone)
	case eventOrganizationMembership:
		d.touchMember(realm, organization, member, e.Username)
		if gone {
			r.members.leave(organization, member)
		}
	case eventOrganizationGroup:
		d.touchRealm(realm, nil, []string{group})
		if group == "" { // a new group; the event does not contain its id
			d.outdateGroups(realm)
		}
		if gone {
			r.members.drop(group)
		}
	case eventOrganizationGroupMember:
		r.members.change(group, member, e.Username, gone)
	}
}
