package keycloak

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// UserEvent is something that a user did, such as a registration, when the realm stores user events of that type. The
// values that Keycloak stores with the event are left out.
type UserEvent struct {
	ID   string
	Time time.Time // by Keycloak's clock, in milliseconds
	Type string    // one of AccountEvents, or another type
	User string    // the id; "" when the event is about no user
}

// UnmarshalJSON reads an event. An event without an id gets one of what it says.
func (e *UserEvent) UnmarshalJSON(data []byte) error {
	var wire struct {
		ID     string `json:"id"`
		Time   int64  `json:"time"` // ms
		Type   string `json:"type"`
		UserID string `json:"userId"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*e = UserEvent{ID: wire.ID, Time: time.UnixMilli(wire.Time), Type: wire.Type, User: wire.UserID}
	if e.ID == "" {
		e.ID = wire.Type + " " + wire.UserID
	}
	return nil
}

// The types of user events that change an account.
const (
	EventRegister      = "REGISTER" // also of a first login through an identity provider
	EventUpdateProfile = "UPDATE_PROFILE"
	EventUpdateEmail   = "UPDATE_EMAIL"
	EventVerifyEmail   = "VERIFY_EMAIL"
	EventDeleteAccount = "DELETE_ACCOUNT"
	EventLink          = "FEDERATED_IDENTITY_LINK"
	EventInvited       = "INVITE_ORG" // an existing user accepted the invitation of an organization
)

// AccountEvents are the types of user events that change an account, sorted. Logins are not among them.
func AccountEvents() []string {
	return []string{EventDeleteAccount, EventLink, EventInvited, EventRegister, EventUpdateEmail, EventUpdateProfile, EventVerifyEmail}
}

// UserEvents lists user events, the oldest first. Needs view-events. A type that Keycloak does not know gives an Unknown
// error.
func (c *Client) UserEvents(ctx context.Context, q EventQuery) ([]UserEvent, error) {
	v := q.values()
	if len(q.Types) > 0 {
		v["type"] = q.Types
	}
	var list []UserEvent
	err := c.get(ctx, "list user events", "/events", v, &list)
	return list, err
}

// StoreUserEvents makes the realm store the user events of AccountEvents for as long as keep, unless the realm already
// has an expiration. A realm that stores user events already keeps their types. Needs manage-events.
func (c *Client) StoreUserEvents(ctx context.Context, keep time.Duration) error {
	const op, path = "update events config", "/events/config"
	var raw map[string]jsontext.Value
	if err := c.get(ctx, "get events config", path, nil, &raw); err != nil {
		return err
	}
	var enabled bool
	var types []string
	var expiration int64 // seconds
	if err := errors.Join(unmarshalMember(raw, "eventsEnabled", &enabled), unmarshalMember(raw, "enabledEventTypes", &types), unmarshalMember(raw, "eventsExpiration", &expiration)); err != nil {
		return &Error{Op: op, Kind: Unavailable, Err: err}
	}
	if !enabled {
		types = nil // nothing of the list is stored now, and it can have LOGIN
	}
	for _, name := range AccountEvents() {
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	body := map[string]any{}
	for name, value := range raw {
		body[name] = value
	}
	body["eventsEnabled"], body["enabledEventTypes"] = true, types
	if expiration == 0 {
		body["eventsExpiration"] = int64(keep.Seconds())
	}
	return c.write(ctx, op, http.MethodPut, path, body)
}
