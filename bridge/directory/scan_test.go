package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// crowd fills a realm with users.
func (n *naive) crowd(size int) {
	for i := range size {
		n.put(person(fmt.Sprintf("u%04d", i), "", true))
	}
}

// query reads a filter and an order, for a page with all resources.
func query(t *testing.T, rt *scim.ResourceType, text, by string) directory.Query {
	t.Helper()
	q, err := parse(rt, text, by, "")
	if err != nil {
		t.Fatal(err)
	}
	q.Start, q.Count = 1, 10_000
	return q
}

// refusal is the error that a client gets.
func refusal(t *testing.T, err error) *scim.Error {
	t.Helper()
	told, ok := errors.AsType[*scim.Error](err)
	if !ok {
		t.Errorf("%v is no error for a client", err)
		return &scim.Error{}
	}
	return told
}

// unsteady reports whether the resources changed too much for an answer.
func unsteady(err error) bool {
	_, is := errors.AsType[directory.UnsteadyError](err)
	return is
}

// TestAWalkSeesEachLastingUserOnce, while others are created and deleted, and the index is
// made and kept.
func TestAWalkSeesEachLastingUserOnce(t *testing.T) {
	t.Parallel()
	for _, feed := range []bool{true, false} {
		t.Run(fmt.Sprint("feed ", feed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of, fitness := newNaive(), newTenant("one"), tenant.Fitness{Feed: feed}
				n.crowd(300)
				n.latency = func() { later(3 * time.Millisecond) }
				d := directory.New(directory.Options{MaxMemory: 1 << 24})
				stop := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() { // each third user comes and goes
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						case <-time.After(7 * time.Millisecond):
						}
						id := fmt.Sprintf("u%04d", i*3%450)
						if i%2 == 0 {
							n.remove(id)
						} else {
							n.put(person(id, "", true))
						}
						n.tell("UPDATE", "USER", "users/"+id, "")
						if !feed { // the bridge wrote this
							d.Touch(of, []string{id}, nil)
						}
					}
				})
				for walk := range 4 {
					q := query(t, of.Mapping.User, `userName pr and not (displayName pr)`, []string{"", "userName"}[walk%2])
					q.Cursor, q.Count = true, 20+walk
					seen := map[string]int{}
					for {
						found, err := d.Users(t.Context(), n.view(of, fitness), q)
						if err != nil && !unsteady(err) {
							t.Fatal(err)
						}
						if err != nil {
							continue // too much changed meanwhile
						}
						for _, r := range found.Resources {
							seen[r.ID]++
						}
						if q.After = found.Next; q.After == nil {
							break
						}
					}
					for i := range 300 {
						if id := fmt.Sprintf("u%04d", i); i%3 != 0 && seen[id] != 1 {
							t.Errorf("walk %d saw %s %d times", walk, id, seen[id])
						}
					}
					for id, times := range seen {
						if times > 1 {
							t.Errorf("walk %d saw %s %d times", walk, id, times)
						}
					}
				}
				close(stop)
				wg.Wait()
				later(time.Hour) // until scans end
			})
		})
	}
}

// TestWhatIsWrittenWhileAPageIsReadIsReadAgain, because the page may show the old state.
func TestWhatIsWrittenWhileAPageIsReadIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(20)
		d := directory.New(directory.Options{MaxMemory: 1 << 24})
		n.underWay = func(string) {
			n.underWay = nil
			n.put(titled("u0001", "Boss"))
			n.put(titled("new", "Boss"))
			n.remove("u0002")
			d.Touch(of, []string{"u0001", "u0002", "new"}, nil)
		}
		if got := found(t, d, n.view(of, tenant.Fitness{}), `displayName eq "boss" or userName sw "name-u0002"`); !slices.Equal(got, []string{"new", "u0001"}) {
			t.Errorf("%q are found", got)
		}
		later(time.Hour)
	})
}

// TestARequestThatWaitsForAnIndexGetsTheProgress after the longest wait. The index is still made.
func TestARequestThatWaitsForAnIndexGetsTheProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(4000)
		n.latency = func() { later(time.Second) }
		var scans []error
		d := directory.New(directory.Options{MaxMemory: 1 << 26, ObserveScan: func(_, _ string, _ time.Duration, err error) { scans = append(scans, err) }})
		q := query(t, of.Mapping.User, `userName sw "name-u000"`, "")
		began := time.Now()
		_, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), q)
		told, _ := errors.AsType[directory.IndexingError](err)
		if !errors.Is(err, directory.ErrIndexing) || told.RetryAfter == 0 || time.Since(began) != 20*time.Second || told.Read == 0 || told.Total != 4000 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		ctx, cancel := withTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Users(ctx, n.view(of, tenant.Fitness{}), q); !errors.Is(err, ctx.Err()) || err == nil {
			t.Errorf("who gives up is told %v", err)
		}
		later(80 * time.Second)
		if found, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), q); err != nil || found.Total != 10 {
			t.Errorf("after the scan there are %d, %v, want 10", found.Total, err)
		}
		later(time.Hour)
		synctest.Wait()
		if len(scans) == 0 || scans[0] != nil {
			t.Errorf("the scans were %v", scans)
		}
	})
}

// TestAnIndexThatIsTooBigIsRefused for a time, and its memory is freed. Look-ups and plain pages
// work.
func TestAnIndexThatIsTooBigIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(200)
		n.groups["g"] = keycloak.Group{ID: "g", Name: "G"}
		d := directory.New(directory.Options{MaxMemory: 10 << 10})
		v := func() directory.View { return n.view(of, tenant.Fitness{}) }
		sorted := query(t, of.Mapping.User, "", "userName")
		_, err := d.Users(t.Context(), v(), sorted)
		if !errors.Is(err, directory.ErrIndexFull) {
			t.Errorf("sorted: %v", err)
		}
		if status := d.Status(); len(status) > 0 || d.Knows("acme") {
			t.Errorf("there are indexes: %+v", status)
		}
		n.took()
		if _, err := d.Users(t.Context(), v(), sorted); !errors.Is(err, directory.ErrIndexFull) || len(n.took()) > 0 {
			t.Errorf("sorted again: %v", err)
		}
		d.Warm(v())
		later(time.Minute)
		if calls := n.took(); calls["ListUsers"] > 0 {
			t.Errorf("an index that was refused is made again by %v", calls)
		}
		for text, want := range map[string]int{"": 200, `userName eq "name-u0007"`: 1, `id eq "u0007" and active eq true`: 1} {
			found, err := d.Users(t.Context(), v(), query(t, of.Mapping.User, text, ""))
			if err != nil || found.Total != want {
				t.Errorf("%q finds %d, %v, want %d", text, found.Total, err, want)
			}
		}
		later(10 * time.Minute)
		n.took()
		if _, err := d.Users(t.Context(), v(), sorted); !errors.Is(err, directory.ErrIndexFull) || n.took()["ListUsers"] == 0 {
			t.Errorf("it is not tried again: %v", err)
		}
		later(10 * time.Minute)
		n.crowd(0)
		for i := 5; i < 200; i++ {
			n.remove(fmt.Sprintf("u%04d", i))
		}
		if found, err := d.Users(t.Context(), v(), sorted); err != nil || found.Total != 5 {
			t.Errorf("once it is small enough there are %d, %v", found.Total, err)
		}
		if _, err := d.Groups(t.Context(), v(), query(t, of.Mapping.Group, "", "displayName")); err != nil {
			t.Errorf("groups: %v", err)
		}
		later(time.Hour)
	})
}

// restless is a realm where no page contains an entry of the page before.
type restless struct {
	*naive

	pages atomic.Int64
}

func (r *restless) ListUsers(context.Context, int, int) (list []keycloak.User, all []string, err error) {
	n := r.pages.Add(1)
	for i := range 50 {
		u := person(fmt.Sprintf("page%d-%d", n, i), "", true)
		list, all = append(list, u), append(all, u.ID)
	}
	return list, all, nil
}

// GroupMembers implements directory.Source in the same way.
func (r *restless) GroupMembers(ctx context.Context, _ keycloak.GroupID, first, _ int) ([]keycloak.User, []string, error) {
	list, all, err := r.ListUsers(ctx, first, 0)
	more, ids, _ := r.ListUsers(ctx, first, 0)
	return append(list, more...), append(all, ids...), err
}

// TestWhatChangesTooFastIsAnError that says to try again.
func TestWhatChangesTooFastIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		of, src := newTenant("one"), &restless{naive: newNaive()}
		src.crowd(200) // for the count
		var scans []error
		d := directory.New(directory.Options{MaxMemory: 1 << 30, ObserveScan: func(_, _ string, _ time.Duration, err error) { scans = append(scans, err) }})
		v := src.view(of, tenant.Fitness{})
		v.Source = src
		_, err := d.Users(t.Context(), v, query(t, of.Mapping.User, `displayName pr`, ""))
		if !unsteady(err) {
			t.Errorf("Users = %v", err)
		}
		synctest.Wait()
		if len(d.Status()) > 0 || len(scans) != 1 || scans[0] == nil {
			t.Errorf("an index that was not read is there: %+v, %v", d.Status(), scans)
		}
		id, err := keycloak.ParseGroupID("g")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Members(t.Context(), v, id); !unsteady(err) {
			t.Errorf("Members = %v", err)
		}
		later(time.Hour)
	})
}

// TestIndexesAreKeptAsLongAsTheyAreOfUse: they are made when a query needs them or Warm runs. They
// are dropped without queries, when the tenant is gone, and when the tenant gets another
// configuration.
func TestIndexesAreKeptAsLongAsTheyAreOfUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(3)
		n.put(person("old1", "V", false))
		n.put(person("old2", "V", false))
		n.groups["g"] = keycloak.Group{ID: "g", Name: "G"}
		d := directory.New(directory.Options{MaxMemory: 1 << 24})
		v := func() directory.View { return n.view(of, tenant.Fitness{}) }
		types := func() (out []string) {
			for _, s := range d.Status() {
				out = append(out, fmt.Sprint(s.Tenant, " ", s.Type, " ", s.Resources, " ", s.WithoutKey, " ", s.SharedID))
				if s.Bytes == 0 {
					t.Errorf("an index takes nothing: %+v", s)
				}
			}
			slices.Sort(out)
			return out
		}
		if d.Knows("acme") || len(types()) > 0 {
			t.Error("something is known from the start")
		}
		d.Warm(v())
		later(time.Second)
		if got := types(); !d.Knows("acme") || d.Knows("other") || !slices.Equal(got, []string{"one Group 1 0 0", "one User 5 2 2"}) {
			t.Errorf("once it is warm there are %q", got)
		}
		n.took()
		d.Warm(v())
		later(time.Second)
		if calls := n.took(); len(calls) > 0 {
			t.Errorf("what is warm is read again by %v", calls)
		}
		later(6 * time.Minute)
		d.Warm(v())
		later(time.Second)
		if calls := n.took(); calls["ListUsers"] == 0 || calls["ListGroups"] == 0 {
			t.Errorf("what grows old is read by %v", calls)
		}
		if _, err := d.Users(t.Context(), v(), query(t, of.Mapping.User, `displayName pr`, "")); err != nil {
			t.Fatal(err)
		}
		later(61 * time.Minute)
		d.DropIdle()
		if got := types(); len(got) > 0 {
			t.Errorf("after an hour there are %q", got)
		}
		d.Warm(v())
		later(time.Second)
		d.Forget("one")
		d.Forget("nobody")
		if got := types(); len(got) > 0 || d.Knows("acme") {
			t.Errorf("of a tenant that is gone there are %q", got)
		}
		d.Warm(v())
		later(time.Second)
		of = newTenant("one") // with another mapping
		if _, err := d.Users(t.Context(), v(), query(t, of.Mapping.User, `displayName pr`, "")); err != nil {
			t.Fatal(err)
		}
		if got := types(); !slices.Equal(got, []string{"one User 5 2 2"}) {
			t.Errorf("of a tenant that is configured anew there are %q", got)
		}
		later(time.Hour)
	})
}

// TestAScanEndsWithItsTenant: no query finds what the scan would have read.
func TestAScanEndsWithItsTenant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(500)
		n.latency = func() { later(time.Second) }
		var ended []error
		d := directory.New(directory.Options{MaxMemory: 1 << 24, ObserveScan: func(_, kind string, _ time.Duration, err error) {
			if kind == "User" {
				ended = append(ended, err)
			}
		}})
		d.Warm(n.view(of, tenant.Fitness{}))
		later(1500 * time.Millisecond)
		d.Forget("one")
		n.took()
		later(time.Hour)
		synctest.Wait()
		if calls := n.took()["ListUsers"]; calls > 1 || len(ended) != 1 || ended[0] == nil || d.Knows("acme") {
			t.Errorf("the scan goes on by %d calls and ends with %v", calls, ended)
		}
	})
}
