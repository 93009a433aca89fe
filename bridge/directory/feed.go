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
	// maxGap is after how long without a poll the events of the time between are not asked
	// for any more: Keycloak may have deleted some.
	maxGap = 10 * time.Minute
	// feedPause is how long a feed is not asked that Keycloak refused.
	feedPause = time.Minute
)

// feed follows the admin events of a realm. It is polled by whoever needs to know what others
// wrote, before the answer, and not otherwise.
type feed struct {
	at atomic.Pointer[time.Time] // when the last poll began; nil for none

	mu        sync.Mutex // of what follows, held while it is polled
	refusedAt time.Time
	tail      *keycloak.Tail // nil before the first poll
}

// follow applies the events that others left until now, unless that was done since a time. ok
// is false when the realm has no feed.
func (d *Directory) follow(ctx context.Context, v View) (ok bool, err error) {
	r := d.realm(v.Tenant.Realm)
	f := &r.feed
	if !v.Fitness.Feed {
		f.at.Store(nil) // what is written until there is one again, none will tell
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
	if last.IsZero() || now.Sub(last) > maxGap {
		d.forgetRealm(v.Tenant.Realm) // what was written meanwhile is not known
		f.tail = keycloak.NewTail(now)
	}
	err = f.tail.Read(ctx, v.Events, d.options.Now, func(e keycloak.AdminEvent) { d.apply(v.Tenant.Realm, r, e) })
	if err == nil {
		f.at.Store(&now)
		return true, nil
	}
	switch keycloak.KindOf(err) { //nolint:exhaustive // the others are outages, after which it goes on
	case keycloak.Denied, keycloak.Invalid, keycloak.NotFound:
		f.refusedAt = now
		f.at.Store(nil)
		return false, nil
	}
	return false, err
}

// polled is when the last poll began, zero for none that went well.
func (f *feed) polled() time.Time {
	if at := f.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// The resource types of admin events.
const (
	eventUser                    = "USER"
	eventGroup                   = "GROUP"
	eventGroupMembership         = "GROUP_MEMBERSHIP"
	eventOrganizationMembership  = "ORGANIZATION_MEMBERSHIP"
	eventOrganizationGroup       = "ORGANIZATION_GROUP"
	eventOrganizationGroupMember = "ORGANIZATION_GROUP_MEMBERSHIP"
)

// apply makes the indexes of a realm read again what an event says was changed, and changes
// the members of groups as it says.
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
		if strings.HasSuffix(e.Path, "/children") { // of a new group, whose id is not told
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
		if group == "" { // a new one, whose id is not told
			d.outdateGroups(realm)
		}
		if gone {
			r.members.drop(group)
		}
	case eventOrganizationGroupMember:
		r.members.change(group, member, e.Username, gone)
	}
}
