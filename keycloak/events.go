package keycloak

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/go-json-experiment/json/jsontext"
)

// AdminEvent is a change through the Admin API, by this client or another. Keycloak writes it in the transaction of the
// change, when the realm stores admin events. Logins, registrations and synchronisations of LDAP make no admin event.
// The deletion of a group makes one event and none for its members.
type AdminEvent struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"-"`             // by Keycloak's clock, in milliseconds, before the commit
	Operation string    `json:"operationType"` // CREATE, UPDATE, DELETE or ACTION
	Resource  string    `json:"resourceType"`  // USER, GROUP, GROUP_MEMBERSHIP, ORGANIZATION_MEMBERSHIP and others
	Path      string    `json:"resourcePath"`  // below the realm: users/{id}, groups/{id}, users/{id}/groups/{id}, …
	// Username is the user name of a member of an organization, because a CREATE does not name the member's id.
	Username string `json:"-"`
	By       string `json:"-"` // the id of the user who made the change, of this realm or of another
	Client   string `json:"-"` // the id of the client through which that user made the change
}

// UnmarshalJSON reads an event. It drops the representation of the changed resource.
func (e *AdminEvent) UnmarshalJSON(data []byte) error {
	type plain AdminEvent
	wire := struct {
		*plain

		Time    int64 `json:"time"` // ms
		Details struct {
			Username string `json:"username"`
		} `json:"details"`
		Auth struct {
			UserID   string `json:"userId"`
			ClientID string `json:"clientId"`
		} `json:"authDetails"`
	}{plain: (*plain)(e)}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	e.Time, e.Username, e.By, e.Client = time.UnixMilli(wire.Time), wire.Details.Username, wire.Auth.UserID, wire.Auth.ClientID
	return nil
}

// MaxEvents is the most events that one call of AdminEvents may ask for.
const MaxEvents = 1000

// EventQuery asks for admin events or for user events.
type EventQuery struct {
	Since time.Time // in milliseconds, inclusive
	First int       // offset
	Max   int       // at most MaxEvents
	Types []string  // types of resources, or types of user events; empty for all
}

func (q EventQuery) values() url.Values {
	return url.Values{
		"dateFrom": {strconv.FormatInt(q.Since.UnixMilli(), 10)}, "direction": {"asc"}, "first": {strconv.Itoa(q.First)}, "max": {strconv.Itoa(q.Max)},
	}
}

// AdminEvents lists admin events, the oldest first. Needs view-events. A type that Keycloak does not know gives an
// Unknown error.
func (c *Client) AdminEvents(ctx context.Context, q EventQuery) ([]AdminEvent, error) {
	v := q.values()
	if len(q.Types) > 0 {
		v["resourceTypes"] = q.Types
	}
	var list []AdminEvent
	err := c.get(ctx, "list admin events", "/admin-events", v, &list)
	return list, err
}

// expiration is the attribute of a realm with the number of seconds after which admin events are deleted. Without it
// they stay for ever.
const expiration = "adminEventsExpiration"

// StoreAdminEvents makes the realm store admin events for as long as keep, unless the realm already has an expiration.
// It sends all attributes of the realm, because a PUT removes attributes that it does not name. Needs manage-realm.
func (c *Client) StoreAdminEvents(ctx context.Context, keep time.Duration) error {
	var realm struct {
		Attributes map[string]jsontext.Value `json:"attributes"`
	}
	if err := c.get(ctx, "get realm", "", nil, &realm); err != nil {
		return err
	}
	body := map[string]any{"adminEventsEnabled": true}
	if realm.Attributes[expiration] == nil {
		attributes := map[string]any{expiration: strconv.Itoa(int(keep.Seconds()))}
		for name, value := range realm.Attributes {
			attributes[name] = value
		}
		body["attributes"] = attributes
	}
	return c.write(ctx, "update realm", http.MethodPut, "", body)
}

// IDs are the ids in the path of an event, by the collection before each id: users, groups, organizations, members.
func (e AdminEvent) IDs() map[string]string {
	out := map[string]string{}
	segments := strings.Split(e.Path, "/")
	for i := 0; i+1 < len(segments); i += 2 {
		out[segments[i]] = segments[i+1]
	}
	return out
}
