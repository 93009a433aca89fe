package outside

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// written are the types of admin events that the bridge causes only with changes that the journal has.
func written() []string {
	return []string{"USER", "GROUP", "GROUP_MEMBERSHIP", "ORGANIZATION_MEMBERSHIP", "ORGANIZATION_GROUP", "ORGANIZATION_GROUP_MEMBERSHIP"}
}

// early is how long after the start an event may be of a program that ran before.
const early = 10 * time.Second

// ownEvent looks whether the journal explains an event of the bridge's own account. If it does not, a second program writes
// with this account: another bridge with another store. Two such bridges lose each other's changes. Events from before the
// start and from the first seconds after it are not looked at: a restored store lacks the last changes, and a bridge without
// a store may have ended just before. The times of events are by Keycloak's clock.
func (r *round) ownEvent(ctx context.Context, e keycloak.AdminEvent) error {
	ids := slices.DeleteFunc([]string{e.IDs()["users"], e.IDs()["groups"], e.IDs()["members"]}, func(id string) bool { return id == "" })
	child := strings.HasSuffix(e.Path, "/children") // a new group, whose id the event does not have
	at := e.Time.Add(-r.client.Ahead())
	if !at.After(r.started.Add(early)) || !slices.Contains(written(), e.Resource) || len(ids) == 0 || child || slices.Contains(ids, r.own[r.realm]) || r.o.Unsure() {
		return nil
	}
	explained, err := r.explained(ctx, at, ids)
	if err == nil && !explained {
		r.o.Second(r.realm, e)
	}
	return err
}

// explained reports whether an open change or an entry is about one of some resources, or about a resource without an id,
// at about a time. It looks at the open changes first: those that end meanwhile are entries after the flush.
func (r *round) explained(ctx context.Context, at time.Time, ids []string) (explained bool, err error) {
	about := func(c change.Change) bool {
		near := !c.Begun.After(at.Add(overlap)) && c.Realm == r.realm && c.Origin != change.Observation
		return near && (c.Resource.ID == "" || slices.Contains(ids, c.Resource.ID))
	}
	err = r.call(ctx, func(ctx context.Context) error {
		open, err := r.o.Store.Open(ctx)
		if err == nil {
			err = r.o.Store.Flush(ctx)
		}
		explained = slices.ContainsFunc(open, about)
		return err
	})
	var queries []store.Query
	for _, id := range ids {
		queries = append(queries, store.Query{Resource: id})
	}
	// A creation that failed has no id. This query comes last: after an import it reads many entries.
	queries = append(queries, store.Query{Op: change.Created, Outcome: change.Failed}, store.Query{Op: change.Created, Outcome: change.Unknown}, store.Query{Op: change.Created, Outcome: change.Refused})
	for _, q := range queries {
		if err != nil || explained {
			break
		}
		q.Since = at.Add(-overlap)
		err = r.call(ctx, func(ctx context.Context) error {
			for one, err := range r.o.Store.Entries(ctx, q) {
				if err != nil {
					return err
				}
				if explained = about(one.Change); explained {
					break
				}
			}
			return nil
		})
	}
	return explained, err
}
