package keycloaktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// profile is the configuration of a realm's user profile: its text, and the parts that the fake understands.
type profile struct {
	raw        json.RawMessage
	Policy     string     `json:"unmanagedAttributePolicy"`
	Attributes []declared `json:"attributes"`
	Groups     []struct {
		Name string `json:"name"`
	} `json:"groups"`
}

type declared struct {
	Name        string                     `json:"name"`
	MultiValued bool                       `json:"multivalued"`
	Group       string                     `json:"group"`
	Validations map[string]json.RawMessage `json:"validations"`
	Required    *struct {
		Roles  []string `json:"roles"`
		Scopes []string `json:"scopes"`
	} `json:"required"`
	Permissions struct {
		View []string `json:"view"`
		Edit []string `json:"edit"`
	} `json:"permissions"`
}

const (
	configFields    = " attributes groups unmanagedAttributePolicy "
	attributeFields = " name displayName validations annotations required permissions selector group multivalued defaultValue "
)

// stockProfile is the answer of a new realm of 26.7.
const stockProfile = `{"attributes":[
{"name":"username","displayName":"${username}","validations":{"length":{"min":3,"max":255},"username-prohibited-characters":{},"up-username-not-idn-homograph":{}},"permissions":{"view":["admin","user"],"edit":["admin","user"]},"multivalued":false},
{"name":"email","displayName":"${email}","validations":{"email":{},"length":{"max":255}},"required":{"roles":["user"]},"permissions":{"view":["admin","user"],"edit":["admin","user"]},"multivalued":false},
{"name":"firstName","displayName":"${firstName}","validations":{"length":{"max":255},"person-name-prohibited-characters":{}},"required":{"roles":["user"]},"permissions":{"view":["admin","user"],"edit":["admin","user"]},"multivalued":false},
{"name":"lastName","displayName":"${lastName}","validations":{"length":{"max":255},"person-name-prohibited-characters":{}},"required":{"roles":["user"]},"permissions":{"view":["admin","user"],"edit":["admin","user"]},"multivalued":false}],
"groups":[{"name":"user-metadata","displayHeader":"User metadata","displayDescription":"Attributes, which refer to user metadata"}]}`

func defaultProfile() profile {
	p, err := parseProfile([]byte(stockProfile))
	if err != nil {
		return profile{} // cannot happen: the text is a constant
	}
	return p
}

func parseProfile(data []byte) (profile, error) {
	p := profile{raw: data}
	return p, json.Unmarshal(data, &p)
}

func (p *profile) declared(name string) *declared {
	for i := range p.Attributes {
		if p.Attributes[i].Name == name {
			return &p.Attributes[i]
		}
	}
	return nil
}

// writes reports whether undeclared attributes are stored. shows reports whether stored ones are visible.
func (p *profile) writes() bool { return p.Policy == "ADMIN_EDIT" || p.Policy == "ENABLED" }
func (p *profile) shows() bool  { return p.writes() || p.Policy == "ADMIN_VIEW" }

func (d *declared) writable() bool { return slices.Contains(d.Permissions.Edit, "admin") }
func (d *declared) visible() bool {
	return d.writable() || slices.Contains(d.Permissions.View, "admin")
}

// required reports whether an administrator must give the attribute too.
func (d *declared) required() bool {
	r := d.Required
	return r != nil && (slices.Contains(r.Roles, "admin") || len(r.Roles) == 0 && len(r.Scopes) == 0)
}

// writable reports whether the Admin API stores an attribute. visible reports whether it shows the attribute.
func (p *profile) writable(name string) bool {
	if d := p.declared(name); d != nil {
		return d.writable()
	}
	return p.writes()
}

func (p *profile) visible(name string) bool {
	if d := p.declared(name); d != nil {
		return d.visible()
	}
	return p.shows()
}

// profileOf is the profile for a user, nil for a new user. A service account keeps undeclared attributes under any
// policy.
func (r *realm) profileOf(u *user) *profile {
	if u == nil || u.serviceOf == "" {
		return &r.profile
	}
	out := r.profile
	out.Policy = "ENABLED"
	return &out
}

func readProfile(c *call) (reply, error) { return found(c.realm.profile.raw) }

func writeProfile(c *call) (reply, error) {
	object, err := c.object("UPConfig", configFields)
	if err != nil {
		return reply{}, err
	}
	if object["attributes"] == nil {
		return reply{}, notModelled("user profile without attributes")
	}
	list, _ := object["attributes"].([]any)
	for _, a := range list {
		members, _ := a.(map[string]any)
		if err := c.checkMembers("UPAttribute", attributeFields, members); err != nil {
			return reply{}, err
		}
	}
	p, err := parseProfile(c.body)
	if err != nil || !slices.Contains([]string{"", "ENABLED", "ADMIN_VIEW", "ADMIN_EDIT"}, p.Policy) {
		return reply{}, notJSON("unknown_error")
	}
	if err := p.check(); err != nil {
		return reply{}, err
	}
	if object["unmanagedAttributePolicy"] == nil {
		delete(object, "unmanagedAttributePolicy")
		if p.raw, err = json.Marshal(object); err != nil {
			return reply{}, err
		}
	}
	c.realm.profile = p
	return reply{status: http.StatusOK, body: p.raw, bare: true}, nil
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// check is Keycloak's check of a profile. It reports the first fault of each kind.
func (p *profile) check() error {
	bad := func(format string, args ...any) error {
		return message(http.StatusBadRequest, "["+fmt.Sprintf(format, args...)+"]")
	}
	seen := map[string]bool{}
	for _, a := range p.Attributes {
		switch {
		case a.Name == "":
			return bad("Attribute configuration without 'name' is not allowed")
		case !profileName.MatchString(a.Name):
			return bad("Invalid attribute name (only letters, numbers and '.' '_' '-' special characters allowed): %s'", a.Name)
		case seen[a.Name]:
			return bad("Attribute configuration already exists with 'name':'%s'", a.Name)
		case a.Group != "" && !p.hasGroup(a.Group):
			return bad("Attribute '%s' references unknown group '%s'", a.Name, a.Group)
		}
		seen[a.Name] = true
		for _, role := range a.Permissions.View {
			if role != "admin" && role != "user" {
				return bad("'permissions.view' configuration for attribute '%s' contains unsupported role '%s'", a.Name, role)
			}
		}
		if err := a.checkValidators(); err != nil {
			return err
		}
	}
	for _, name := range []string{"username", "email"} {
		if !seen[name] {
			return bad("The attribute '%s' can not be removed", name)
		}
	}
	return nil
}

func (p *profile) hasGroup(name string) bool {
	for _, g := range p.Groups {
		if g.Name == name {
			return true
		}
	}
	return false
}

func (d *declared) checkValidators() error {
	const unmodelled = " pattern options integer double uri local-date iso-date multivalued "
	for name := range d.Validations {
		if _, err := validator(name, d.Validations[name]); err == nil {
			continue
		}
		if strings.Contains(unmodelled, " "+name+" ") || name == "length" {
			return notModelled("such validator: " + name)
		}
		return message(http.StatusBadRequest, fmt.Sprintf("[Validator '%s' defined for attribute '%s' doesn't exist]", name, d.Name))
	}
	return nil
}
