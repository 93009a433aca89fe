package admin

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// Known is a user that the journal knows, in Keycloak or deleted there.
type Known struct {
	ID      string    `json:"id"`
	Realm   string    `json:"realm"`
	Name    string    `json:"name,omitempty"` // the last userName
	Entries int       `json:"entries"`        // about this user
	Last    time.Time `json:"last"`           // when the change of the last of these entries was made
}

// Found is what the journal has about a person.
type Found struct {
	Answer

	// Users are the users that a text names, sorted by id. They are several when the text is or was a name, an address
	// or an externalId of several users. They are empty when only changes without an id are found, such as a creation
	// that Keycloak refused.
	Users []Known `json:"users"`
	// Applied are the documents of the user that clients sent last. They are kept as long as the user exists, also when
	// the changes are older than the retention. It is empty when a text names several users.
	Applied []Applied `json:"applied,omitempty"`
	// Requests is the number of requests whose document is about the person.
	Requests int `json:"requests,omitempty"`
}

// Applied is the document that a client sent last about a user, as its tenant then showed it.
type Applied struct {
	Tenant   string         `json:"tenant"` // its path
	ID       string         `json:"id"`     // of the user
	Document map[string]any `json:"document"`
}

// History calls each with everything that the journal has about a person, oldest first, also about a deleted person.
// text is the id, a userName, an address or an externalId. Of the members that a change of a group names, the entries
// have only this person, also among the steps.
func (a *Admin) History(ctx context.Context, text string, each func(Entry) error) (Found, error) {
	out, q, err := a.find(ctx, text)
	if err != nil {
		return out, err
	}
	persons := map[string]bool{}
	for _, user := range out.Users {
		persons[user.ID] = true
	}
	others := func(id string) bool { return !persons[id] }
	for e, err := range a.o.Store.Entries(ctx, q) {
		if err != nil {
			return out, err
		}
		view := viewOf(e)
		view.MembersAdded = slices.DeleteFunc(slices.Clone(view.MembersAdded), others)
		view.MembersRemoved = slices.DeleteFunc(slices.Clone(view.MembersRemoved), others)
		if e.Resource.Type == "Group" {
			view.Steps = slices.DeleteFunc(slices.Clone(view.Steps), func(step string) bool {
				words := strings.Fields(step)
				return len(words) > 0 && !strings.HasSuffix(words[0], "_group") && !slices.ContainsFunc(words, func(word string) bool { return persons[word] })
			})
		}
		view.compare()
		if err := each(view); err != nil {
			return out, err
		}
	}
	return out, nil
}

// find returns what the journal has about a person, and the query that selects it.
func (a *Admin) find(ctx context.Context, text string) (out Found, q store.Query, err error) {
	out.Users = []Known{}
	if out.Warning, err = a.fresh(ctx); err != nil {
		return out, q, err
	}
	if q.Person, err = a.person(ctx, text); err != nil {
		return out, q, err
	}
	users, members := map[string]Known{}, map[string]Known{} // members are those of changed groups
	tenants := map[string]bool{}
	for e, err := range a.o.Store.Entries(ctx, q) {
		if err != nil {
			return out, q, err
		}
		out.Entries++
		tenants[e.Tenant] = true
		if e.Resource.Type == "User" && e.Resource.ID != "" {
			users[e.Resource.ID] = users[e.Resource.ID].with(e, nameIn(e))
		}
		for _, id := range slices.Concat(e.MembersAdded, e.MembersRemoved) {
			members[id] = members[id].with(e, "")
		}
	}
	for id, member := range members {
		user, known := users[id]
		// The journal may only know the memberships of a user.
		if !known && (q.Person.UserName != "" || !strings.EqualFold(id, q.Person.ID)) {
			continue
		}
		user.Realm, user.Entries = member.Realm, user.Entries+member.Entries
		if user.Last.Before(member.Last) {
			user.Last = member.Last
		}
		users[id] = user
	}
	for id, user := range users {
		user.ID = id
		out.Users = append(out.Users, user)
	}
	slices.SortFunc(out.Users, func(u, v Known) int { return strings.Compare(u.ID, v.ID) })
	if out.Applied, err = a.applied(ctx, q.Person.ID, out.Users, tenants); err != nil {
		return out, q, err
	}
	for one, err := range a.o.Store.Activities(ctx, store.ActivityQuery{Person: q.Person}) {
		if err != nil {
			return out, q, err
		}
		if one.Document != nil {
			out.Requests++
		}
	}
	return out, q, nil
}

// applied returns the last documents of the only user that was found. When none was found, the text may be the id of a
// user whose changes are older than the retention. tenants may have tenants that are no longer configured.
func (a *Admin) applied(ctx context.Context, id string, users []Known, tenants map[string]bool) ([]Applied, error) {
	switch len(users) {
	case 0:
	case 1:
		id = users[0].ID
	default:
		return nil, nil
	}
	for _, t := range a.o.Tenants.All() {
		tenants[t.Path] = true
	}
	var out []Applied
	for _, path := range slices.Sorted(maps.Keys(tenants)) {
		doc, err := a.o.Store.Applied(ctx, path, id)
		switch {
		case err == nil:
			out = append(out, Applied{path, id, doc})
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	return out, nil
}

// with adds an entry to what is known about a user. name is "" when the entry has no name of the user.
func (u Known) with(e store.Entry, name string) Known {
	u.Realm, u.Name, u.Last = e.Realm, cmp.Or(name, u.Name), viewOf(e).Begun
	u.Entries++
	return u
}

// person identifies a person by a text. The id of a user means only this user, although another user may have the text
// as a name: everybody may choose a name.
func (a *Admin) person(ctx context.Context, text string) (*store.Person, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, InputError{"name the user by an id, a userName, an address or an externalId"}
	}
	byID := &store.Person{ID: text}
	for _, err := range a.o.Store.Entries(ctx, store.Query{Person: byID, Limit: 1}) {
		return byID, err
	}
	return new(store.AnyOf(text)), nil
}

// Forget erases a person from the store: names, addresses, values and memberships in every entry about the person, and
// the documents of requests.
// The changes stay, without what they say about the person, and the journal still verifies. text identifies the person
// as for History, and must name only one user. Forget returns the number of entries and requests that it erased.
func (a *Admin) Forget(ctx context.Context, text string) (int, error) {
	warning, err := a.fresh(ctx)
	if err != nil {
		return 0, err
	}
	if warning != "" {
		return 0, errors.New("nothing was erased, because the newest changes may be about the person: " + warning + "; run the same command again when the store can write")
	}
	p, err := a.person(ctx, text)
	if err != nil {
		return 0, err
	}
	n, err := a.o.Store.Forget(ctx, *p)
	if errors.Is(err, store.ErrAmbiguous) || errors.Is(err, store.ErrNobody) {
		err = InputError{"nothing was erased: " + err.Error()}
	}
	if err != nil {
		return n, err
	}
	a.did("erased a person from the store", zap.Int("rows", n))
	return n, nil
}
