package app

import (
	"context"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/simulate"
)

// Held is the content of a realm, as Keycloak's Admin API returns it.
type Held struct {
	Users   map[string]keycloak.User   // by user name
	Groups  map[string]map[string]bool // the members' user names, by group name
	Doubles int                        // users or groups that share a name or an externalId
}

// ReadBack reads the content of a realm, without the bridge.
func ReadBack(ctx context.Context, admin *keycloak.Client) (Held, error) {
	h := Held{Users: map[string]keycloak.User{}, Groups: map[string]map[string]bool{}}
	users, err := keycloak.Everything(func(first int) ([]keycloak.User, error) {
		return admin.Users(ctx, keycloak.UserQuery{First: first})
	})
	if err != nil {
		return h, err
	}
	ids := map[string]bool{}
	for _, u := range users {
		id := strings.Join(u.Attributes[mapping.AttrExternalID], "")
		if _, again := h.Users[u.Username]; again || ids[id] && id != "" {
			h.Doubles++
		}
		ids[id], h.Users[u.Username] = true, u
	}
	groups, err := keycloak.Everything(func(first int) ([]keycloak.Group, error) { return admin.TopGroups(ctx, first, keycloak.MaxPage) })
	if err != nil {
		return h, err
	}
	for _, g := range groups {
		if err := h.readMembers(ctx, admin, g); err != nil {
			return h, err
		}
	}
	return h, nil
}

func (h *Held) readMembers(ctx context.Context, admin *keycloak.Client, g keycloak.Group) error {
	id, err := keycloak.ParseGroupID(g.ID)
	if err != nil {
		return err
	}
	members, err := keycloak.Everything(func(first int) ([]keycloak.User, error) { return admin.Members(ctx, id, first, keycloak.MaxPage) })
	if h.Groups[g.Name] != nil {
		h.Doubles++
	}
	h.Groups[g.Name] = map[string]bool{}
	for _, m := range members {
		h.Groups[g.Name][m.Username] = true
	}
	return err
}

// Figure counts what was sent, and how much of it arrived unchanged.
type Figure struct {
	Provider      string // "realm" for all
	What          string
	Sent, Arrived int
}

// Compare compares the directories of providers, by name, with the content of the realm.
func (h Held) Compare(directories map[string]simulate.Directory) []Figure {
	var out []Figure
	users, groups := 0, 0
	for _, name := range scim.SortedNames(directories) {
		d := directories[name]
		for _, f := range h.compare(d) {
			f.Provider = name
			out = append(out, f)
		}
		groups += len(d.Groups)
		for _, u := range d.Users {
			if !u.Deleted {
				users++
			}
		}
	}
	const all = "realm"
	return append(out, Figure{all, "users in all", users, len(h.Users)}, Figure{all, "groups in all", groups, len(h.Groups)}, Figure{all, "duplicates", 0, h.Doubles})
}

// compare counts the content of a provider's directory, and how much of it arrived unchanged.
func (h Held) compare(d simulate.Directory) []Figure {
	users := Figure{What: "users with names, e-mail and externalId as sent"}
	titles := Figure{What: "titles and departments as last changed"}
	active, disabled, gone := Figure{What: "users enabled"}, Figure{What: "users disabled"}, Figure{What: "users deleted"}
	for _, u := range d.Users {
		got, there := h.Users[u.UserName]
		if u.Deleted {
			gone.count(!there)
			continue
		}
		users.count(there && same(got, u))
		titles.count(there && sameProfile(got, u))
		if u.Active {
			active.count(there && got.Enabled)
		} else {
			disabled.count(there && !got.Enabled)
		}
	}
	groups, members := Figure{What: "groups"}, Figure{What: "memberships"}
	for _, g := range d.Groups {
		got, there := h.Groups[g.Name]
		groups.count(there)
		for _, u := range g.Members {
			if !u.Deleted {
				members.count(got[u.UserName])
			}
		}
	}
	return []Figure{users, titles, active, disabled, gone, groups, members}
}

// count adds an item that was sent, and whether it arrived.
func (f *Figure) count(arrived bool) {
	f.Sent++
	if arrived {
		f.Arrived++
	}
}

func same(got keycloak.User, want *simulate.User) bool {
	return got.FirstName == want.GivenName && got.LastName == want.FamilyName && got.Email == want.Email &&
		strings.Join(got.Attributes[mapping.AttrExternalID], "|") == want.ExternalID
}

// sameProfile reads title and department from the remainder, where they are stored by default.
func sameProfile(got keycloak.User, want *simulate.User) bool {
	owner := strings.Join(got.Attributes[mapping.AttrOwner], "|")
	r, err := mapping.Default(scim.Tolerant).UserResource(mapping.Owner{Key: owner}, got)
	return err == nil && r.Document.String("title") == want.Title &&
		r.Document.Object(scim.EnterpriseUserURN)["department"] == want.Department
}
