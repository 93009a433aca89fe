package simulate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Size is how much a run provisions.
type Size struct {
	Users    int
	Groups   int
	Change   int // users that are changed afterwards
	Disable  int // users that are disabled afterwards
	Delete   int // users that are deleted afterwards, by providers that delete
	Parallel int // most requests at the same time
}

// User is a user as the provider's directory holds it at the end.
type User struct {
	UserName   string
	ExternalID string
	GivenName  string
	FamilyName string
	Email      string
	Title      string
	Department string
	Active     bool
	Deleted    bool

	id string // of the SCIM resource
}

// Group is a group as the provider's directory holds it at the end.
type Group struct {
	Name    string
	Members []*User

	id string
}

// Directory is what a provider holds after a run.
type Directory struct {
	Users  []*User
	Groups []*Group
}

// provider is a dialect of SCIM.
type provider interface {
	name() string
	// connection is the path that the provider's button to test the connection requests, and whether the answer must be
	// an empty list.
	connection() (path string, empty bool)
	findUser(u *User) (filter, query string)
	newUser(u *User) map[string]any
	findGroup(g *Group) (filter, query string)
	newGroup(g *Group) map[string]any
	addMembers(ctx context.Context, c *client.Client, g *Group) error
	change(ctx context.Context, c *client.Client, u *User) error
	disable(ctx context.Context, c *client.Client, u *User) error
	deletes() bool
}

// run provisions a new directory of the given size at an endpoint. prefix distinguishes the users of one run from those
// of another run. progress is called with the number of steps that are done and of all steps; it may be nil.
func run(ctx context.Context, c *client.Client, p provider, prefix string, size Size, progress func(done, all int)) (Directory, error) {
	d := newDirectory(p.name(), prefix, size)
	r := &runner{client: c, provider: p, progress: progress, parallel: max(1, size.Parallel)}
	r.all = size.Users + size.Groups + size.Change + size.Disable
	if p.deletes() {
		r.all += size.Delete
	}
	err := r.connect(ctx)
	if err == nil {
		err = r.provision(ctx, d)
	}
	if err == nil {
		err = r.maintain(ctx, d, size)
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w", p.name(), err)
	}
	return d, nil
}

// newDirectory invents the people. User i is a member of group i modulo the number of groups, and also of the next
// group when i is even.
func newDirectory(provider, prefix string, size Size) Directory {
	var d Directory
	for i := range size.Groups {
		d.Groups = append(d.Groups, &Group{Name: fmt.Sprintf("%s %s Team %02d", prefix, provider, i+1)})
	}
	for i := range size.Users {
		u := &User{
			UserName:   fmt.Sprintf("%s.%s.%03d@%s.example", prefix, givenNames[i%len(givenNames)], i, provider),
			ExternalID: fmt.Sprintf("%s-%s-%04d", prefix, provider, i),
			GivenName:  givenNames[i%len(givenNames)],
			FamilyName: familyNames[i/len(givenNames)%len(familyNames)],
			Title:      "Engineer", Department: "Research", Active: true,
		}
		u.Email = u.UserName
		d.Users = append(d.Users, u)
		if size.Groups > 0 {
			d.join(u, i%size.Groups)
			if i%2 == 0 && size.Groups > 1 {
				d.join(u, (i+1)%size.Groups)
			}
		}
	}
	return d
}

func (d Directory) join(u *User, group int) {
	d.Groups[group].Members = append(d.Groups[group].Members, u)
}

// runner carries out a run.
type runner struct {
	client   *client.Client
	provider provider
	parallel int
	progress func(done, all int)
	all      int
	done     atomic.Int64
}

// connect does what the provider's button to test the connection does.
func (r *runner) connect(ctx context.Context) error {
	path, empty := r.provider.connection()
	return retry(ctx, func(ctx context.Context) error {
		list, err := r.client.Do(ctx, http.MethodGet, path, nil)
		if err != nil {
			return fmt.Errorf("test connection: %w", err)
		}
		if total := fmt.Sprint(list["totalResults"]); empty && total != "0" {
			return fmt.Errorf("test connection: a user that does not exist is found %s times", total)
		}
		return nil
	})
}

// provision creates users, then groups, then memberships, as providers do.
func (r *runner) provision(ctx context.Context, d Directory) error {
	if err := each(ctx, r, d.Users, r.ensureUser); err != nil {
		return err
	}
	return each(ctx, r, d.Groups, func(ctx context.Context, g *Group) error {
		if err := r.ensureGroup(ctx, g); err != nil {
			return err
		}
		return retry(ctx, func(ctx context.Context) error { return r.provider.addMembers(ctx, r.client, g) })
	})
}

// maintain changes the first users, disables the next and deletes the next after those.
func (r *runner) maintain(ctx context.Context, d Directory, size Size) error {
	changed, rest := cut(d.Users, size.Change)
	disabled, rest := cut(rest, size.Disable)
	err := each(ctx, r, changed, func(ctx context.Context, u *User) error {
		u.Title, u.Department = "Director", "Operations"
		return retry(ctx, func(ctx context.Context) error { return r.provider.change(ctx, r.client, u) })
	})
	if err == nil {
		err = each(ctx, r, disabled, r.disable)
	}
	if err == nil && r.provider.deletes() {
		deleted, _ := cut(rest, size.Delete)
		err = each(ctx, r, deleted, r.remove)
	}
	return err
}

func cut(users []*User, n int) (first, rest []*User) {
	n = min(n, len(users))
	return users[:n], users[n:]
}

func (r *runner) disable(ctx context.Context, u *User) error {
	u.Active = false
	return retry(ctx, func(ctx context.Context) error { return r.provider.disable(ctx, r.client, u) })
}

// remove deletes a user; on a second try the user may be gone.
func (r *runner) remove(ctx context.Context, u *User) error {
	u.Deleted = true
	return r.delete(ctx, "/Users/"+u.id, u.id)
}

// delete deletes a resource of a run; id is "" when it was not created.
func (r *runner) delete(ctx context.Context, path, id string) error {
	if id == "" {
		return nil
	}
	return retry(ctx, func(ctx context.Context) error {
		_, err := r.client.Do(ctx, http.MethodDelete, path, nil)
		if client.StatusOf(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
}

// ensureUser looks the user up and creates it when it is missing, also after a request without an answer.
func (r *runner) ensureUser(ctx context.Context, u *User) (err error) {
	filter, query := r.provider.findUser(u)
	u.id, err = r.ensure(ctx, "/Users", filter, query, func() map[string]any { return r.provider.newUser(u) })
	return err
}

func (r *runner) ensureGroup(ctx context.Context, g *Group) (err error) {
	filter, query := r.provider.findGroup(g)
	g.id, err = r.ensure(ctx, "/Groups", filter, query, func() map[string]any { return r.provider.newGroup(g) })
	return err
}

func (r *runner) ensure(ctx context.Context, endpoint, filter, query string, body func() map[string]any) (id string, err error) {
	err = retry(ctx, func(ctx context.Context) error {
		found, err := r.client.Find(ctx, endpoint, filter, query)
		if err != nil {
			return err
		}
		if len(found) > 1 {
			return fmt.Errorf("%d resources match %s, but at most one may match", len(found), filter)
		}
		var resource map[string]any
		if len(found) == 1 {
			resource = found[0]
		} else if resource, err = r.client.Do(ctx, http.MethodPost, endpoint, body()); err != nil {
			return err
		}
		id, _ = resource["id"].(string)
		if id == "" {
			return errors.New("the answer has no id")
		}
		return nil
	})
	return id, err
}

// each runs work for every item, several at the same time, and reports progress.
func each[T any](ctx context.Context, r *runner, items []T, work func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.parallel)
	for _, item := range items {
		g.Go(func() error {
			if err := work(ctx, item); err != nil {
				return err
			}
			done := int(r.done.Add(1))
			if r.progress != nil {
				r.progress(done, r.all)
			}
			return nil
		})
	}
	return g.Wait()
}

// throttled is how long an endpoint wants the client to wait. Providers follow it.
func throttled(err error) time.Duration {
	if client.StatusOf(err) == http.StatusTooManyRequests {
		return client.RetryAfter(err)
	}
	return 0
}

// retry repeats a request that failed because of an outage: a lost connection, 429 or 5xx.
func retry(ctx context.Context, try func(context.Context) error) error {
	const (
		tries = 120
		pause = 500 * time.Millisecond
	)
	again := client.Repeat{Tries: tries, Pause: pause, Asked: throttled, MostAsked: time.Minute}
	return again.Do(ctx, func(ctx context.Context, _ bool) error { return try(ctx) })
}
