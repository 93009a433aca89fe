package keycloaktest

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// userEvent is an event of an account.
type userEvent struct {
	id         string
	time       int64 // ms
	kind, user string
}

// stores reports whether the realm stores the user events of a type. An empty list means all types.
func (r *realm) stores(kind string) bool {
	types, _ := r.settings["enabledEventTypes"].([]any)
	return r.flag("eventsEnabled") && (len(types) == 0 || slices.Contains(types, any(kind)))
}

func listUserEvents(c *call) (reply, error) {
	from, _ := c.query("dateFrom")
	since, err := strconv.ParseInt(from, 10, 64)
	if direction, _ := c.query("direction"); err != nil || direction != "asc" {
		return reply{}, notModelled("user events without dateFrom in ms, or the newest first")
	}
	types, out := c.r.URL.Query()["type"], []map[string]any{}
	for _, name := range types {
		if !slices.Contains(keycloak.AccountEvents(), name) && name != "LOGIN" {
			return reply{}, broke()
		}
	}
	for _, e := range c.realm.userEvents {
		if e.time >= since && (len(types) == 0 || slices.Contains(types, e.kind)) {
			out = append(out, map[string]any{"id": e.id, "time": e.time, "type": e.kind, "userId": e.user})
		}
	}
	list, err := page(c, out, keycloak.MaxPage)
	if err != nil {
		return reply{}, err
	}
	return found(list)
}

// eventSettings are the settings of a realm that /events/config shows, apart from the listeners.
func eventSettings() []string {
	return []string{"eventsEnabled", "eventsExpiration", "enabledEventTypes", "adminEventsEnabled"}
}

func readEventsConfig(c *call) (reply, error) {
	out := map[string]any{"eventsListeners": []string{"jboss-logging"}}
	for _, name := range eventSettings() {
		out[name] = c.realm.settings[name]
	}
	return found(out)
}

func writeEventsConfig(c *call) (reply, error) {
	object, err := c.object("RealmEventsConfigRepresentation", "")
	if err != nil {
		return reply{}, err
	}
	c.realm.settings["eventsExpiration"] = json.Number("0") // unless it is given
	for _, name := range eventSettings() {
		if value, given := object[name]; given {
			c.realm.settings[name] = value
		}
	}
	return done()
}

func deleteEvents(c *call) (reply, error) {
	c.realm.events = nil
	return done()
}

// Account does something as a user does it, without the Admin API, and notes the user event if the realm stores events of
// that type. With "" nothing is noted, as of a synchronisation of LDAP or a login through an identity provider.
func (f *Fake) Account(realm, id, kind string, change func(*Account)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.realms[realm]
	if u := r.users[id]; u != nil && change != nil {
		a := Account{FirstName: u.first, LastName: u.last}
		change(&a)
		u.first, u.last = a.FirstName, a.LastName
	}
	if kind != "" && r.stores(kind) {
		r.userEvents = append(r.userEvents, userEvent{id: newID(), time: time.Now().UnixMilli(), kind: kind, user: id})
	}
}

// Account is what a user can change.
type Account struct{ FirstName, LastName string }
