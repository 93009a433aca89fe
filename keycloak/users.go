package keycloak

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Nerzal/gocloak/v13"
	"github.com/go-json-experiment/json"
)

// On a cold cache, the cost of a list in Keycloak grows with the square of its length.
const (
	// MaxPage is the most that one list call may ask for.
	MaxPage = 100
	// MaxIDs is the most ids that one call may ask for.
	MaxIDs = 50
)

// User is a user in the Admin API, with the fields that the bridge reads.
type User struct {
	ID             string
	Username       string
	Email          string
	FirstName      string
	LastName       string
	Enabled        bool
	EmailVerified  bool
	Created        time.Time // zero when absent
	Attributes     map[string][]string
	FederationLink string // the component of a federated user, or ""
	Managed        bool   // for a member of an organization: whether the account belongs to the organization
}

// userJSON is a User as Keycloak writes it.
type userJSON struct {
	ID               string              `json:"id"`
	Username         string              `json:"username"`
	Email            string              `json:"email"`
	FirstName        string              `json:"firstName"`
	LastName         string              `json:"lastName"`
	Enabled          bool                `json:"enabled"`
	EmailVerified    bool                `json:"emailVerified"`
	CreatedTimestamp int64               `json:"createdTimestamp"` // ms
	Attributes       map[string][]string `json:"attributes"`
	FederationLink   string              `json:"federationLink"`
	MembershipType   string              `json:"membershipType"` // MANAGED or UNMANAGED, of a member
}

func (j userJSON) user() User {
	u := User{
		ID: j.ID, Username: j.Username, Email: j.Email, FirstName: j.FirstName, LastName: j.LastName,
		Enabled: j.Enabled, EmailVerified: j.EmailVerified, Attributes: j.Attributes, FederationLink: j.FederationLink,
		Managed: j.MembershipType == "MANAGED",
	}
	if j.CreatedTimestamp > 0 && !strings.HasPrefix(j.ID, federatedMark) { // for a user that Keycloak does not keep, this is the time of the read
		u.Created = time.UnixMilli(j.CreatedTimestamp).UTC()
	}
	return u
}

func users(list []userJSON) []User {
	out := make([]User, len(list))
	for i, j := range list {
		out[i] = j.user()
	}
	return out
}

// User reads a user. Service accounts are users too, see IsServiceAccount.
func (c *Client) User(ctx context.Context, id UserID) (User, error) {
	var j userJSON
	if err := c.get(ctx, "get user", "/users/"+id.escaped(), nil, &j); err != nil {
		return User{}, err
	}
	if err := sameID("get user", MissingUser, id.segment, j.ID); err != nil {
		return User{}, err
	}
	return j.user(), nil
}

// AttributeQuery asks for an attribute by its value. Values of users are compared without case, values of groups with
// case. Name may contain letters, digits, ".", "_" and "-"; Keycloak cannot search for a name with a colon.
type AttributeQuery struct {
	Name  string
	Value string
}

// ErrNotSearchable says that Keycloak cannot search for a value. The value ends in a backslash, has a backslash before
// a quote, or is longer than a URL can be, or its name is not searchable.
var ErrNotSearchable = errors.New("the value cannot be searched for")

// maxColumn is how many characters Keycloak's columns hold. No user name, address, name of a group or value of a
// group's attribute is longer.
const maxColumn = 255

// unheld reports whether a text is too long for a column, so that nobody can have it.
func unheld(text string) bool { return utf8.RuneCountInString(text) > maxColumn }

var searchableName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// q writes the query (measured: blanks and quotes need quotes around the value, \" is the only escape, and a backslash
// is not doubled). A query without a colon would find all users.
func (a AttributeQuery) q() (string, error) {
	if !searchableName.MatchString(a.Name) || strings.HasSuffix(a.Value, `\`) || strings.Contains(a.Value, `\"`) {
		return "", ErrNotSearchable
	}
	return a.Name + `:"` + strings.ReplaceAll(a.Value, `"`, `\"`) + `"`, nil
}

// join is the query for users that match all of some attributes.
func join(list []AttributeQuery) (string, error) {
	texts := make([]string, len(list))
	for i, a := range list {
		var err error
		if texts[i], err = a.q(); err != nil {
			return "", err
		}
	}
	return strings.Join(texts, " "), nil
}

// UserQuery is a search for users. Set at most one of Username, Email, Attributes, Link and IDs. Without them it lists
// all users except service accounts, by user name. Searches by a criterion find service accounts too.
type UserQuery struct {
	Username   string           // the whole name, without regard to case
	Email      string           // the whole primary address, without regard to case
	Attributes []AttributeQuery // which must all match
	Link       *Link            // UserName is ignored
	IDs        []UserID         // at most MaxPage; First and Max have no effect
	Brief      bool             // without attributes, for half the cost
	First      int              // offset
	Max        int              // 1 to MaxPage; 0 means MaxPage
}

// Users lists users, with their attributes unless the query is Brief. Ids that do not exist are left out.
func (c *Client) Users(ctx context.Context, q UserQuery) ([]User, error) {
	if unheld(q.Username) || unheld(q.Email) {
		return nil, nil
	}
	v, err := q.values()
	if err != nil {
		return nil, err
	}
	var list []userJSON
	if err := c.get(ctx, "list users", "/users", v, &list); err != nil {
		return nil, err
	}
	return users(list), nil
}

func (q UserQuery) values() (url.Values, error) {
	v := page(q.First, q.Max)
	v.Set("briefRepresentation", strconv.FormatBool(q.Brief))
	switch {
	case len(q.IDs) > MaxPage:
		return nil, &Error{Op: "list users", Kind: Invalid, Err: errors.New("too many ids")}
	case len(q.IDs) > 0:
		v.Set("search", "id:"+joinIDs(q.IDs))
	case q.Username != "":
		v.Set("username", q.Username)
		v.Set("exact", "true")
	case q.Email != "":
		v.Set("email", q.Email)
		v.Set("exact", "true")
	case len(q.Attributes) > 0:
		text, err := join(q.Attributes)
		if err != nil {
			return nil, err
		}
		v.Set("q", text)
	case q.Link != nil:
		v.Set("idpAlias", q.Link.IdentityProvider)
		v.Set("idpUserId", q.Link.UserID)
	}
	return v, nil
}

func page(first, limit int) url.Values {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	first = min(max(0, first), math.MaxInt32) // a larger number gives a 404 (measured)
	return url.Values{"first": {strconv.Itoa(first)}, "max": {strconv.Itoa(limit)}}
}

func joinIDs(ids []UserID) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return strings.Join(out, " ")
}

// CountUsers counts the users that Users lists without a criterion, or by attributes.
func (c *Client) CountUsers(ctx context.Context, attributes ...AttributeQuery) (int, error) {
	v := url.Values{}
	if len(attributes) > 0 {
		text, err := join(attributes)
		if err != nil {
			return 0, err
		}
		v.Set("q", text)
	}
	var n int
	err := c.get(ctx, "count users", "/users/count", v, &n)
	return n, err
}

// Link is a user's account at an identity provider of the realm. A login with that account is a login of this user.
type Link struct {
	IdentityProvider string `json:"identityProvider"` // its alias
	UserID           string `json:"userId"`           // at the identity provider
	UserName         string `json:"userName"`         // at the identity provider
}

// Links are the links of a user to identity providers, at most one for each.
func (c *Client) Links(ctx context.Context, id UserID) ([]Link, error) {
	var list []Link
	err := c.get(ctx, "list links", "/users/"+id.escaped()+"/federated-identity", nil, &list)
	return list, err
}

// AddLink links a user to an identity provider. A user who already has a link to it is a Conflict. Keycloak does not
// check whether another user has the link.
func (c *Client) AddLink(ctx context.Context, id UserID, l Link) error {
	const op = "add link"
	alias, err := parseSegment(l.IdentityProvider)
	if err != nil {
		return &Error{Op: op, Kind: Invalid, Err: err}
	}
	if err := refuseNUL(op, nil, l.UserID, l.UserName); err != nil {
		return err
	}
	return c.write(ctx, op, http.MethodPost, "/users/"+id.escaped()+"/federated-identity/"+alias.escaped(), l)
}

// NewUser is a user to create.
type NewUser struct {
	Username      string
	Email         string // "" when there is no address
	FirstName     string
	LastName      string
	Enabled       bool         // always sent: absent would mean disabled
	EmailVerified bool         // always sent
	Password      UserPassword // zero when there is no password
	Created       time.Time    // Keycloak stores it, so that the user need not be read for it
	Link          *Link        // may be nil; Keycloak silently drops a link to an unknown identity provider
	Attributes    map[string][]string
}

// UserPassword is a password to set. It prints as an empty text, so that no log shows it.
type UserPassword struct {
	text      string
	temporary bool
}

// NewUserPassword makes a password. The user must change a temporary password at the next login.
func NewUserPassword(text string, temporary bool) UserPassword { return UserPassword{text, temporary} }

// IsZero reports whether there is no password. An empty password counts as none: Keycloak accepts it and then fails at
// the login.
func (p UserPassword) IsZero() bool { return p.text == "" }

// Temporary reports whether the user must change it.
func (p UserPassword) Temporary() bool { return p.temporary }

// MarshalJSON writes the credentials of a UserRepresentation.
func (p UserPassword) MarshalJSON() ([]byte, error) { return json.Marshal(p.credentials()) }

// String hides the password.
func (p UserPassword) String() string { return "" }

// GoString hides the password from %#v.
func (p UserPassword) GoString() string { return "" }

func (p UserPassword) credentials() *[]gocloak.CredentialRepresentation {
	if p.IsZero() {
		return nil
	}
	return &[]gocloak.CredentialRepresentation{{Type: new("password"), Value: &p.text, Temporary: &p.temporary}}
}

// newUserJSON is NewUser as Keycloak reads it. gocloak's type has no links.
type newUserJSON struct {
	gocloak.User

	Links []Link `json:"federatedIdentities,omitempty"`
}

// CreateUser creates a user in one transaction. It is never repeated.
func (c *Client) CreateUser(ctx context.Context, u NewUser) (UserID, error) {
	const op = "create user"
	if err := refuseNUL(op, u.Attributes, u.Username, u.Email, u.FirstName, u.LastName); err != nil {
		return UserID{}, err
	}
	body := newUserJSON{User: gocloak.User{
		Username: &u.Username, FirstName: optional(u.FirstName), LastName: optional(u.LastName), Email: optional(u.Email),
		Enabled: &u.Enabled, EmailVerified: &u.EmailVerified, Attributes: &u.Attributes, Credentials: u.Password.credentials(),
	}}
	if !u.Created.IsZero() {
		body.CreatedTimestamp = new(u.Created.UnixMilli())
	}
	if u.Link != nil {
		if err := refuseNUL(op, nil, u.Link.UserID, u.Link.UserName); err != nil {
			return UserID{}, err
		}
		body.Links = []Link{*u.Link}
	}
	location, err := c.create(ctx, op, "/users", body)
	if err != nil {
		return UserID{}, err
	}
	id, err := ParseUserID(location)
	return id, noLocation(op, err)
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// noLocation makes the error for a 201 that does not name the created resource.
func noLocation(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Kind: Unavailable, Status: http.StatusCreated, Err: errors.New("the answer has no Location with an id")}
}

// refuseNUL refuses values with a NUL character, which PostgreSQL cannot store.
func refuseNUL(op string, attributes map[string][]string, fields ...string) error {
	for _, values := range attributes {
		fields = append(fields, values...)
	}
	for _, text := range fields {
		if strings.ContainsRune(text, 0) {
			return &Error{Op: op, Kind: Invalid, Err: errors.New("a value contains a NUL character")}
		}
	}
	return nil
}

// UserUpdate is a change of a user. Fields that are nil do not change; "" clears a field.
//
// Attributes that are not nil replace all attributes of the user. Keycloak then also clears every missing field, so
// Username, Email, FirstName and LastName must be given with them. Without attributes, Keycloak refuses to clear the
// address of a member of an organization.
//
// The tags are omitzero, because omitempty of JSON v2 leaves out a pointer to "", and a field could not be cleared.
type UserUpdate struct {
	Username      *string             `json:"username,omitzero"`
	Email         *string             `json:"email,omitzero"`
	EmailVerified *bool               `json:"emailVerified,omitzero"`
	FirstName     *string             `json:"firstName,omitzero"`
	LastName      *string             `json:"lastName,omitzero"`
	Enabled       *bool               `json:"enabled,omitzero"`
	Attributes    map[string][]string `json:"attributes,omitzero"`

	// Password is set in the same transaction. When it breaks the realm's policy, nothing changes.
	Password UserPassword `json:"credentials,omitzero"`
}

// UpdateUser changes a user with the smallest possible body. It does not send values that were only read: Keycloak
// would store a locked user as disabled.
func (c *Client) UpdateUser(ctx context.Context, id UserID, u UserUpdate) error {
	const op = "update user"
	if u.Attributes != nil && (u.Username == nil || u.Email == nil || u.FirstName == nil || u.LastName == nil) {
		return &Error{Op: op, Kind: Invalid, Err: errors.New("attributes without all fields would clear the missing ones")}
	}
	if err := refuseNUL(op, u.Attributes, deref(u.Username), deref(u.Email), deref(u.FirstName), deref(u.LastName)); err != nil {
		return err
	}
	if u.Attributes != nil && *u.Email == "" {
		u.Email = nil // leaving it out clears it too, and Keycloak refuses an empty address for a member of an organization
	}
	return c.write(ctx, op, http.MethodPut, "/users/"+id.escaped(), u)
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// DeleteUser deletes a user. When a user is deleted in parallel, all calls except one get Unknown.
func (c *Client) DeleteUser(ctx context.Context, id UserID) error {
	return c.viaGocloak(ctx, "delete user", func(ctx context.Context, token string) error {
		return c.cloak.DeleteUser(ctx, token, c.realm.escaped(), id.escaped())
	})
}

// LogoutUser ends the online sessions of a user and makes older offline tokens invalid.
func (c *Client) LogoutUser(ctx context.Context, id UserID) error {
	return c.viaGocloak(ctx, "log user out", func(ctx context.Context, token string) error {
		return c.cloak.LogoutAllSessions(ctx, token, c.realm.escaped(), id.escaped())
	})
}

// OfflineClients are the clientIds for which a user has an offline session.
func (c *Client) OfflineClients(ctx context.Context, id UserID) ([]string, error) {
	var consents []struct {
		ClientID string           `json:"clientId"`
		Grants   []map[string]any `json:"additionalGrants"`
	}
	if err := c.get(ctx, "list consents", "/users/"+id.escaped()+"/consents", nil, &consents); err != nil {
		return nil, err
	}
	var out []string
	for _, consent := range consents {
		if len(consent.Grants) > 0 { // "Offline Token" is the only additional grant that exists
			out = append(out, consent.ClientID)
		}
	}
	return out, nil
}

// OnlineSessions counts the login sessions of a user, without offline sessions.
func (c *Client) OnlineSessions(ctx context.Context, id UserID) (int, error) {
	var list []struct{}
	err := c.get(ctx, "list sessions", "/users/"+id.escaped()+"/sessions", nil, &list)
	return len(list), err
}

// RevokeConsent ends the offline session that a user has for a client.
func (c *Client) RevokeConsent(ctx context.Context, id UserID, clientID string) error {
	return c.viaGocloak(ctx, "revoke consent", func(ctx context.Context, token string) error {
		return c.cloak.RevokeUserConsents(ctx, token, c.realm.escaped(), id.escaped(), url.PathEscape(clientID))
	})
}

// UserGroups lists the groups of which a user is a direct member, with attributes.
func (c *Client) UserGroups(ctx context.Context, id UserID) ([]Group, error) {
	v := url.Values{"briefRepresentation": {"false"}}
	var list []Group
	err := c.get(ctx, "list groups of user", "/users/"+id.escaped()+"/groups", v, &list)
	return list, err
}
