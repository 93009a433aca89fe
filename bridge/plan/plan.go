package plan

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Plan is a list of steps. They are carried out in order; consecutive changes of memberships run in
// parallel.
type Plan []Step

// String names the steps and what they write, without values, so it may be logged.
func (p Plan) String() string {
	lines := make([]string, len(p))
	for i, s := range p {
		lines[i] = Describe(s)
	}
	return strings.Join(lines, "\n")
}

func written(u keycloak.UserUpdate) []string {
	var names []string
	add := func(name string, given bool) {
		if given {
			names = append(names, name)
		}
	}
	add("username", u.Username != nil)
	add("email", u.Email != nil)
	add("emailVerified", u.EmailVerified != nil)
	add("firstName", u.FirstName != nil)
	add("lastName", u.LastName != nil)
	add("enabled", u.Enabled != nil)
	add("attributes", u.Attributes != nil)
	add("password", !u.Password.IsZero())
	return names
}
