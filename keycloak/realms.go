package keycloak

import (
	"maps"
	"sync/atomic"
)

// Realms are the clients of the realms that a bridge serves. The realms may change while the bridge runs. It is safe
// for concurrent use.
type Realms struct {
	byRealm atomic.Pointer[map[string]*Client]
}

// NewRealms makes Realms, by the names of the realms.
func NewRealms(byRealm map[string]*Client) *Realms {
	r := &Realms{}
	r.Replace(byRealm)
	return r
}

// Client is the client of a realm, or nil.
func (r *Realms) Client(realm string) *Client { return (*r.byRealm.Load())[realm] }

// All are all clients by realm.
func (r *Realms) All() map[string]*Client { return maps.Clone(*r.byRealm.Load()) }

// Replace replaces all clients. A caller that already has a client keeps it.
func (r *Realms) Replace(byRealm map[string]*Client) {
	others := maps.Clone(byRealm)
	r.byRealm.Store(&others)
}
