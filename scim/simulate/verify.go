package simulate

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Verify reads every user and group of a run back. It returns a sentence for each difference between the endpoint and
// the directory. At most parallel requests run at the same time. progress is called with the number of resources read
// and of all; it may be nil.
func Verify(ctx context.Context, c *client.Client, d Directory, parallel int, progress func(done, all int)) ([]string, error) {
	r := &runner{client: c, parallel: max(1, parallel), progress: progress, all: len(d.Users) + len(d.Groups)}
	var mu sync.Mutex
	var wrong []string
	tell := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, fmt.Sprintf(format, args...))
	}
	err := each(ctx, r, d.Users, func(ctx context.Context, u *User) error {
		return retry(ctx, func(ctx context.Context) error { return u.verify(ctx, c, tell) })
	})
	if err == nil {
		err = each(ctx, r, d.Groups, func(ctx context.Context, g *Group) error {
			return retry(ctx, func(ctx context.Context) error { return g.verify(ctx, c, tell) })
		})
	}
	slices.Sort(wrong)
	return wrong, err
}

func (u *User) verify(ctx context.Context, c *client.Client, tell func(string, ...any)) error {
	found, err := c.Find(ctx, "/Users", "userName eq "+client.Quote(u.UserName), "")
	if err != nil {
		return err
	}
	want := 1
	if u.Deleted {
		want = 0
	}
	if len(found) != want {
		tell("user %s is there %d times, not %d", u.UserName, len(found), want)
	}
	if len(found) != 1 || u.Deleted {
		return nil
	}
	doc := scim.Document(found[0])
	enterprise := scim.Document(doc.Object(scim.EnterpriseUserURN))
	name, email := scim.Document(doc.Object("name")), ""
	for _, element := range doc.Values("emails") {
		if object, ok := element.(map[string]any); ok && object["primary"] == true {
			email, _ = object["value"].(string)
		}
	}
	for _, attribute := range [][3]string{
		{"externalId", doc.String("externalId"), u.ExternalID},
		{"name.givenName", name.String("givenName"), u.GivenName},
		{"name.familyName", name.String("familyName"), u.FamilyName},
		{"the primary e-mail", email, u.Email},
		{"title", doc.String("title"), u.Title},
		{"department", enterprise.String("department"), u.Department},
		{"active", fmt.Sprint(doc["active"]), strconv.FormatBool(u.Active)},
	} {
		if attribute[1] != attribute[2] {
			tell("user %s: %s is %q, but %q was sent", u.UserName, attribute[0], attribute[1], attribute[2])
		}
	}
	return nil
}

func (g *Group) verify(ctx context.Context, c *client.Client, tell func(string, ...any)) error {
	object, err := c.Do(ctx, http.MethodGet, "/Groups/"+g.id, nil)
	if client.StatusOf(err) == http.StatusNotFound {
		tell("group %s is not there", g.Name)
		return nil
	}
	if err != nil {
		return err
	}
	doc, got, want := scim.Document(object), map[string]bool{}, map[string]bool{}
	if doc.String("displayName") != g.Name {
		tell("group %s: displayName is %q", g.Name, doc.String("displayName"))
	}
	for _, element := range doc.Values("members") {
		if member, ok := element.(map[string]any); ok {
			got[fmt.Sprint(member["value"])] = true
		}
	}
	for _, u := range g.Members {
		if u.Deleted {
			continue
		}
		if want[u.id] = true; !got[u.id] {
			tell("group %s lacks the member %s", g.Name, u.UserName)
		}
	}
	for id := range got {
		if !want[id] {
			tell("group %s has the member %s, which was not sent", g.Name, id)
		}
	}
	return nil
}

// Remove deletes the users and groups of a run.
func Remove(ctx context.Context, c *client.Client, d Directory, parallel int, progress func(done, all int)) error {
	r := &runner{client: c, parallel: max(1, parallel), progress: progress, all: len(d.Users) + len(d.Groups)}
	err := each(ctx, r, d.Groups, func(ctx context.Context, g *Group) error { return r.delete(ctx, "/Groups/"+g.id, g.id) })
	if err == nil {
		err = each(ctx, r, d.Users, func(ctx context.Context, u *User) error { return r.delete(ctx, "/Users/"+u.id, u.id) })
	}
	return err
}
