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

// AdminEvent is a change that somebody made through the Admin API, this client among them.
// Keycloak writes it in the transaction of the change, where the realm stores admin events.
// What happens at a login, at a registration and in a synchronisation of LDAP is none; the
// deletion of a group is one, without any for its members.
type AdminEvent struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"-"`             // by Keycloak's clock, to the millisecond, before the commit
	Operation string    `json:"operationType"` // CREATE, UPDATE, DELETE or ACTION
	Resource  string    `json:"resourceType"`  // USER, GROUP, GROUP_MEMBERSHIP, ORGANIZATION_MEMBERSHIP and others
	Path      string    `json:"resourcePath"`  // below the realm: users/{id}, groups/{id}, users/{id}/groups/{id}, …
	// Username is that of the member of an organization, whose id a CREATE does not name.
	Username string `json:"-"`
	By       string `json:"-"` // the id of the user who made it, of this realm or of another
}

// UnmarshalJSON reads the representation, without what was changed, which it may hold.
func (e *AdminEvent) UnmarshalJSON(data []byte) error {
	type plain AdminEvent
	wire := struct {
		*plain

		Time    int64 `json:"time"` // ms
		Details struct {
			Username string `json:"username"`
		} `json:"details"`
		Auth struct {
			UserID string `json:"userId"`
		} `json:"authDetails"`
	}{plain: (*plain)(e)}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	e.Time, e.Username, e.By = time.UnixMilli(wire.Time), wire.Details.Username, wire.Auth.UserID
	return nil
}

// MaxEvents is the most that one call of AdminEvents asks for.
const MaxEvents = 1000

// EventQuery asks for admin events.
type EventQuery struct {
	Since time.Time // to the millisecond, at which they may be too
	First int       // offset
	Max   int       // MaxEvents at most
	Types []string  // of resources; none for all
}

// AdminEvents lists admin events, the oldest first. Needs view-events; a type that Keycloak does
// not know is Unknown.
func (c *Client) AdminEvents(ctx context.Context, q EventQuery) ([]AdminEvent, error) {
	v := url.Values{
		"dateFrom": {strconv.FormatInt(q.Since.UnixMilli(), 10)}, "direction": {"asc"}, "first": {strconv.Itoa(q.First)}, "max": {strconv.Itoa(q.Max)},
	}
	if len(q.Types) > 0 {
		v["resourceTypes"] = q.Types
	}
	var list []AdminEvent
	err := c.get(ctx, "list admin events", "/admin-events", v, &list)
	return list, err
}

// expiration is the attribute of a realm that says after how many seconds its admin events are
// deleted; without it they stay for ever.
const expiration = "adminEventsExpiration"

// StoreAdminEvents has the realm store admin events, for as long as it says, unless it says for
// how long already. A PUT removes the attributes of a realm that it does not name, so all are
// sent as they are. Needs manage-realm.
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

// IDs are the ids in the path of an event, by the collection in which they stand: users,
// groups, organizations, members.
func (e AdminEvent) IDs() map[string]string {
	out := map[string]string{}
	segments := strings.Split(e.Path, "/")
	for i := 0; i+1 < len(segments); i += 2 {
		out[segments[i]] = segments[i+1]
	}
	return out
}
