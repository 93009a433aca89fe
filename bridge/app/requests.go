package app

import (
	"cmp"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// requests are the server.Requests that a store remembers.
type requests struct{ store store.Activities }

// Count implements server.Requests.
func (r requests) Count(at time.Time, tenant string, code scim.Code) {
	r.store.Count(at, tenant, cmp.Or(string(code), store.Reads))
}

// Request implements server.Requests. An operation of a bulk request that failed gets a row of its own, before the row of
// the request: so that who lists the newest rows first reads the request before its operations.
func (r requests) Request(q server.Request) {
	t := q.By.Tenant
	a := store.Activity{
		ID: string(change.NewID()), At: q.At, Took: q.Took, Tenant: t.Path, Realm: t.Realm, Actor: change.Actor{Kind: string(q.By.Actor.Kind), Name: q.By.Actor.Name, KeyID: q.By.Actor.KeyID}, Origin: q.Origin,
		Method: q.Method, Route: q.Route, Resource: change.Resource{Type: q.Type, ID: q.ID}, Status: q.Status, Code: string(q.Code), Calls: q.Calls, Change: change.ID(q.Change), Failed: q.Failed, Size: q.Size,
	}
	for _, o := range slices.Backward(q.Operations) {
		one := store.Activity{
			ID: string(change.NewID()), At: q.At, Tenant: a.Tenant, Realm: a.Realm, Actor: a.Actor, Origin: q.Origin, Of: a.ID,
			Method: o.Method, Route: o.Route, Resource: change.Resource{Type: o.Type, ID: o.ID}, Status: o.Status, Code: string(o.Code), Change: change.ID(o.Change),
		}
		if one.Origin == change.Request {
			one.Origin = change.Bulk
		}
		r.store.Act(withSent(one, o.Sent))
	}
	r.store.Act(withSent(a, q.Sent))
}

// withSent adds what a client sent to a row.
func withSent(a store.Activity, s server.Sent) store.Activity {
	a.Document, a.Detail, a.Password = s.Document, s.Detail, s.Password
	switch {
	case s.TooLarge:
		a.Lacks = store.LacksSize
	case s.Invalid:
		a.Lacks = store.LacksJSON
	}
	return a
}
