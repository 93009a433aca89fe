package keycloak

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// RealmSettings are the settings of a realm that change what the bridge may do, or that are about provisioning.
type RealmSettings struct {
	EditUsernameAllowed         bool `json:"editUsernameAllowed"`
	RegistrationEmailAsUsername bool `json:"registrationEmailAsUsername"`
	DuplicateEmailsAllowed      bool `json:"duplicateEmailsAllowed"`
	RegistrationAllowed         bool `json:"registrationAllowed"` // whether people can register themselves
	OrganizationsEnabled        bool `json:"organizationsEnabled"`
	AdminEventsEnabled          bool `json:"adminEventsEnabled"` // whether it stores the events that AdminEvents lists
	// UserEventsEnabled says that the realm stores the user events of some types; see UserEventTypes.
	UserEventsEnabled bool `json:"eventsEnabled"`
	// UserEventTypes are the types of user events that the realm stores; empty for all types.
	UserEventTypes []string `json:"enabledEventTypes"`
	// UserEventsExpiration is how many seconds the realm keeps user events; see UserEventsKept.
	UserEventsExpiration int64 `json:"eventsExpiration"`
	SCIMAPIEnabled       bool  `json:"scimApiEnabled"` // Keycloak's own SCIM API, 26.6 and newer
	DefaultRole          Role  `json:"defaultRole"`    // the role that every user has
	Attributes           struct {
		AdminEventsExpiration string `json:"adminEventsExpiration"` // see AdminEventsKept
	} `json:"attributes"`
	// AdminPermissionsEnabled says that fine-grained admin permissions decide for callers who have no role about users
	// (26.2 and newer).
	AdminPermissionsEnabled bool `json:"adminPermissionsEnabled"`
	// AdminPermissionsClient is the client with the policies and permissions.
	AdminPermissionsClient struct {
		ID string `json:"id"`
	} `json:"adminPermissionsClient"`
}

// StoresAccountEvents reports whether the realm stores the user events of every type of AccountEvents.
func (s RealmSettings) StoresAccountEvents() bool {
	missing := func(name string) bool { return !slices.Contains(s.UserEventTypes, name) }
	return s.UserEventsEnabled && (len(s.UserEventTypes) == 0 || !slices.ContainsFunc(AccountEvents(), missing))
}

// RealmSettings reads the settings. It needs view-realm; without it Keycloak answers with fewer settings.
func (c *Client) RealmSettings(ctx context.Context) (RealmSettings, error) {
	var s RealmSettings
	err := c.get(ctx, "get realm", "", nil, &s)
	return s, err
}

// AdminEventsKept is how long the realm keeps admin events; 0 for ever.
func (s RealmSettings) AdminEventsKept() time.Duration {
	seconds, err := strconv.Atoi(s.Attributes.AdminEventsExpiration)
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// UserEventsKept is how long the realm keeps user events; 0 for ever.
func (s RealmSettings) UserEventsKept() time.Duration {
	return time.Duration(s.UserEventsExpiration) * time.Second
}

// Reach reads the realm's public description, without credentials. A realm that does not exist is NotFound.
func (c *Client) Reach(ctx context.Context) error {
	const op = "get public realm"
	req, err := newRequest(ctx, http.MethodGet, c.tokens.realmURL, http.NoBody)
	if err != nil {
		return named(op, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return named(op, err)
	}
	return res.Body.Close()
}

// RequiredActions are the names of the actions that every new user must do at the first login. Needs view-realm.
func (c *Client) RequiredActions(ctx context.Context) ([]string, error) {
	var list []struct {
		Alias   string `json:"alias"`
		Enabled bool   `json:"enabled"`
		Default bool   `json:"defaultAction"`
	}
	if err := c.get(ctx, "list required actions", "/authentication/required-actions", nil, &list); err != nil {
		return nil, err
	}
	var out []string
	for _, a := range list {
		if a.Enabled && a.Default {
			out = append(out, a.Alias)
		}
	}
	return out, nil
}

// AllowEditUsername allows changes of user names. The body contains only that flag, so that nothing else of the realm
// changes. Needs manage-realm.
func (c *Client) AllowEditUsername(ctx context.Context) error {
	return c.write(ctx, "update realm", http.MethodPut, "", map[string]bool{"editUsernameAllowed": true})
}

// HasIdentityProvider reports whether the realm has an identity provider with that alias. Needs
// view-identity-providers.
func (c *Client) HasIdentityProvider(ctx context.Context, alias string) (bool, error) {
	const op = "get identity provider"
	s, err := parseSegment(alias)
	if err != nil {
		return false, &Error{Op: op, Kind: Invalid, Err: err}
	}
	err = c.get(ctx, op, "/identity-provider/instances/"+s.escaped(), nil, &struct{}{})
	if KindOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// CreateRealm creates the realm of the client, enabled and otherwise with Keycloak's defaults. Needs an administrator
// of the server; for tests and the demo.
func (c *Client) CreateRealm(ctx context.Context) error {
	return c.createRealm(ctx, gocloak.RealmRepresentation{})
}

// CreateRealmWithKey is CreateRealm with an RSA key (PEM, PKCS #8) for its tokens; for tests. Making a key is most of
// the work of creating a realm.
func (c *Client) CreateRealmWithKey(ctx context.Context, key string) error {
	var keys []map[string]any
	for provider, config := range map[string]map[string][]string{"rsa": {"privateKey": {key}}, "hmac-generated": {}, "aes-generated": {}} {
		config["priority"] = []string{"100"}
		keys = append(keys, map[string]any{"name": provider, "providerId": provider, "config": config})
	}
	return c.createRealm(ctx, gocloak.RealmRepresentation{Components: map[string]any{"org.keycloak.keys.KeyProvider": keys}})
}

func (c *Client) createRealm(ctx context.Context, r gocloak.RealmRepresentation) error {
	name, yes := c.realm.String(), true
	r.Realm, r.Enabled = &name, &yes
	return c.viaGocloak(ctx, "create realm", func(ctx context.Context, token string) error {
		_, err := c.cloak.CreateRealm(ctx, token, r)
		return err
	})
}

// DeleteRealm deletes the realm with all its content; for tests.
func (c *Client) DeleteRealm(ctx context.Context) error {
	return c.viaGocloak(ctx, "delete realm", func(ctx context.Context, token string) error {
		return c.cloak.DeleteRealm(ctx, token, c.realm.escaped())
	})
}

// UserProfile is the configuration of a realm's user profile. UpdateUserProfile keeps the parts that this type does not
// know.
type UserProfile struct {
	Attributes []ProfileAttribute
	// UnmanagedPolicy says what happens to undeclared attributes: "" drops them silently; other values are "ENABLED",
	// "ADMIN_EDIT" and "ADMIN_VIEW".
	UnmanagedPolicy string

	raw map[string]jsontext.Value
}

// ProfileAttribute is the declaration of one user attribute.
type ProfileAttribute struct {
	Name        string
	DisplayName string
	MultiValued bool
	View, Edit  []string                  // of "admin" and "user"
	Validations map[string]jsontext.Value // by the name of the validator
	Annotations map[string]jsontext.Value // by their names

	raw map[string]jsontext.Value
}

// Annotation is the text of an annotation, or "" for another value.
func (a ProfileAttribute) Annotation(name string) string {
	var text string
	if json.Unmarshal(a.Annotations[name], &text) != nil {
		return ""
	}
	return text
}

// Attribute is the declaration with that name, or nil.
func (p *UserProfile) Attribute(name string) *ProfileAttribute {
	i := slices.IndexFunc(p.Attributes, func(a ProfileAttribute) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Attributes[i]
}

type profileAttributeJSON struct {
	Name        string                    `json:"name"`
	DisplayName string                    `json:"displayName"`
	MultiValued bool                      `json:"multivalued"`
	Validations map[string]jsontext.Value `json:"validations"`
	Annotations map[string]jsontext.Value `json:"annotations"`
	Permissions struct {
		View []string `json:"view"`
		Edit []string `json:"edit"`
	} `json:"permissions"`
}

// UserProfile reads the user profile.
func (c *Client) UserProfile(ctx context.Context) (UserProfile, error) {
	const op = "get user profile"
	var raw map[string]jsontext.Value
	if err := c.get(ctx, op, "/users/profile", nil, &raw); err != nil {
		return UserProfile{}, err
	}
	p := UserProfile{raw: raw}
	var attributes []map[string]jsontext.Value
	err := unmarshalMember(raw, "attributes", &attributes)
	err = errors.Join(err, unmarshalMember(raw, "unmanagedAttributePolicy", &p.UnmanagedPolicy))
	for _, a := range attributes {
		parsed, e := parseAttribute(a)
		err = errors.Join(err, e)
		p.Attributes = append(p.Attributes, parsed)
	}
	if err != nil {
		return UserProfile{}, &Error{Op: op, Kind: Unavailable, Err: err}
	}
	return p, nil
}

func unmarshalMember(raw map[string]jsontext.Value, name string, out any) error {
	value, ok := raw[name]
	if !ok || value.Kind() == 'n' {
		return nil
	}
	return json.Unmarshal(value, out)
}

func parseAttribute(raw map[string]jsontext.Value) (ProfileAttribute, error) {
	data, err := json.Marshal(raw)
	if err != nil {
		return ProfileAttribute{}, err
	}
	var j profileAttributeJSON
	err = json.Unmarshal(data, &j)
	return ProfileAttribute{
		Name: j.Name, DisplayName: j.DisplayName, MultiValued: j.MultiValued, Validations: j.Validations, Annotations: j.Annotations,
		View: j.Permissions.View, Edit: j.Permissions.Edit, raw: raw,
	}, err
}

// UpdateUserProfile writes the profile back as it was read, with the fields of ProfileAttribute and the policy changed.
// Needs manage-realm.
func (c *Client) UpdateUserProfile(ctx context.Context, p UserProfile) error {
	const op = "update user profile"
	body := map[string]any{}
	for name, value := range p.raw {
		body[name] = value
	}
	if len(body) == 0 {
		return &Error{Op: op, Kind: Invalid, Err: errors.New("the profile was not read from Keycloak")}
	}
	attributes := make([]map[string]any, len(p.Attributes))
	for i, a := range p.Attributes {
		attributes[i] = a.object()
	}
	body["attributes"] = attributes
	if p.UnmanagedPolicy != "" {
		body["unmanagedAttributePolicy"] = p.UnmanagedPolicy
	}
	return c.write(ctx, op, http.MethodPut, "/users/profile", body)
}

func (a ProfileAttribute) object() map[string]any {
	out := make(map[string]any, len(a.raw)+len(a.Annotations))
	for name, value := range a.raw {
		out[name] = value
	}
	out["annotations"] = a.Annotations
	if a.Annotations == nil {
		out["annotations"] = map[string]any{} // Keycloak's own SCIM fails without annotations
	}
	out["name"], out["multivalued"] = a.Name, a.MultiValued
	out["permissions"] = map[string][]string{"view": a.View, "edit": a.Edit}
	out["validations"] = a.Validations
	if a.Validations == nil {
		out["validations"] = map[string]any{}
	}
	if a.DisplayName != "" {
		out["displayName"] = a.DisplayName
	}
	return out
}

// OwnRoles are the rights of the client's own account: the roles of
// realm-management in its access token.
func (c *Client) OwnRoles(ctx context.Context) ([]string, error) {
	token, err := c.tokens.get(ctx, "")
	if err != nil {
		return nil, named("get token", err)
	}
	claims, err := claimsOf(token)
	return claims.Resources[RealmManagement].Roles, named("get token", err)
}

// ManagesUsers reports whether the client's own account may view and change an ordinary user. It tries this on itself,
// because with fine-grained admin permissions no role says so.
func (c *Client) ManagesUsers(ctx context.Context) (bool, error) {
	const op = "get own account"
	id, err := c.OwnAccount(ctx)
	if err != nil {
		return false, err
	}
	var answer struct {
		Access map[string]bool `json:"access"`
	}
	err = c.get(ctx, op, "/users/"+id.escaped(), nil, &answer)
	if KindOf(err) == Denied {
		return false, nil
	}
	return answer.Access["manage"], err
}

// Ahead is how far Keycloak's clock is ahead of the clock of this machine, to about a second; negative when it is behind.
// It is from the last access token, and 0 before the first one.
func (c *Client) Ahead() time.Duration {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.ahead
}

// RenewToken gets a new access token, because the rights in a token are those of the time of issue. It returns that
// time by Keycloak's clock, in seconds.
func (c *Client) RenewToken(ctx context.Context) (time.Time, error) {
	const op = "get token"
	old, err := c.tokens.get(ctx, "")
	if err != nil {
		return time.Time{}, named(op, err)
	}
	token, err := c.tokens.get(ctx, old)
	if err != nil {
		return time.Time{}, named(op, err)
	}
	claims, err := claimsOf(token)
	return time.Unix(claims.Issued, 0), named(op, err)
}
