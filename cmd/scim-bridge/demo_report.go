package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/simulate"
)

// held is what a realm holds, as Keycloak's Admin API tells.
type held struct {
	users   map[string]keycloak.User   // by user name
	groups  map[string]map[string]bool // user names of the members, by group name
	doubles int                        // users or groups of one name, or one externalId
}

// readBack reads a realm without the bridge.
func readBack(ctx context.Context, admin *keycloak.Client) (held, error) {
	h := held{users: map[string]keycloak.User{}, groups: map[string]map[string]bool{}}
	users, err := keycloak.Everything(func(first int) ([]keycloak.User, error) {
		return admin.Users(ctx, keycloak.UserQuery{First: first})
	})
	if err != nil {
		return h, err
	}
	ids := map[string]bool{}
	for _, u := range users {
		id := strings.Join(u.Attributes[mapping.AttrExternalID], "")
		if _, again := h.users[u.Username]; again || ids[id] && id != "" {
			h.doubles++
		}
		ids[id], h.users[u.Username] = true, u
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

func (h *held) readMembers(ctx context.Context, admin *keycloak.Client, g keycloak.Group) error {
	id, err := keycloak.ParseGroupID(g.ID)
	if err != nil {
		return err
	}
	members, err := keycloak.Everything(func(first int) ([]keycloak.User, error) { return admin.Members(ctx, id, first, keycloak.MaxPage) })
	if h.groups[g.Name] != nil {
		h.doubles++
	}
	h.groups[g.Name] = map[string]bool{}
	for _, m := range members {
		h.groups[g.Name][m.Username] = true
	}
	return err
}

// figure is one line of the table.
type figure struct {
	what          string
	sent, arrived int
}

// compare counts what a provider's directory holds and how much of it arrived as it
// is.
func (h held) compare(d simulate.Directory) []figure {
	users := figure{what: "users with names, e-mail and externalId as sent"}
	titles := figure{what: "titles and departments as last changed"}
	active, disabled, gone := figure{what: "users enabled"}, figure{what: "users disabled"}, figure{what: "users deleted"}
	for _, u := range d.Users {
		got, there := h.users[u.UserName]
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
	groups, members := figure{what: "groups"}, figure{what: "memberships"}
	for _, g := range d.Groups {
		got, there := h.groups[g.Name]
		groups.count(there)
		for _, u := range g.Members {
			if !u.Deleted {
				members.count(got[u.UserName])
			}
		}
	}
	return []figure{users, titles, active, disabled, gone, groups, members}
}

// count adds one that was sent and whether it arrived.
func (f *figure) count(arrived bool) {
	f.sent++
	if arrived {
		f.arrived++
	}
}

func same(got keycloak.User, want *simulate.User) bool {
	return got.FirstName == want.GivenName && got.LastName == want.FamilyName && got.Email == want.Email &&
		strings.Join(got.Attributes[mapping.AttrExternalID], "|") == want.ExternalID
}

// sameProfile reads the remainder, where title and department live by default.
func sameProfile(got keycloak.User, want *simulate.User) bool {
	owner := strings.Join(got.Attributes[mapping.AttrOwner], "|")
	r, err := mapping.Default(scim.Tolerant).UserResource(mapping.Party{Key: owner}, got)
	return err == nil && r.Document.String("title") == want.Title &&
		r.Document.Object(scim.EnterpriseUserURN)["department"] == want.Department
}

// report prints the table and fails when a figure does not match.
func report(out io.Writer, h held, directories map[string]simulate.Directory) error {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"Provider", "What", "Sent", "In Keycloak", "Match"})
	users, groups, wrong := 0, 0, 0
	row := func(provider string, f figure) {
		verdict := "yes"
		if f.sent != f.arrived {
			verdict = "NO"
			wrong++
		}
		t.AppendRow(table.Row{provider, f.what, f.sent, f.arrived, verdict})
	}
	for _, name := range scim.SortedNames(directories) {
		d := directories[name]
		for _, f := range h.compare(d) {
			row(name, f)
		}
		t.AppendSeparator()
		groups += len(d.Groups)
		for _, u := range d.Users {
			if !u.Deleted {
				users++
			}
		}
	}
	row("realm", figure{"users in all", users, len(h.users)})
	row("realm", figure{"groups in all", groups, len(h.groups)})
	row("realm", figure{"duplicates", 0, h.doubles})
	t.Render()
	if wrong > 0 {
		return fmt.Errorf("%d figures do not match", wrong)
	}
	return nil
}
