package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// pair is a store and a store in memory that is given the same calls.
type pair struct {
	*rapid.T

	both  [2]*world // the store in memory, and the store that is tested
	clock *clock
	heads [2][]store.Head // of both, at the same times

	checks int
}

// compare makes the same random calls of a store and of a store in memory. After each call both must answer the same.
func compare(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store, checks int64) {
	t.Helper()
	var done atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		if done.Add(1) > checks && checks > 0 {
			return
		}
		clock := newClock()
		p := &pair{T: rt, clock: clock}
		for i, s := range []store.Store{NewMemory(clock.now), open(t, clock.now)} {
			p.both[i] = &world{tester: rt, store: s, clock: clock}
			defer func() { _ = s.Close() }()
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":         p.check,
			"intend":   p.intend,
			"settle":   p.settle,
			"withdraw": p.withdraw,
			"meet":     p.meet,
			"make":     func(rt *rapid.T) { p.intend(rt); p.settle(rt) },
			"observe":  p.observe,
			"forget":   p.forget,
			"prune":    p.prune,
			"record":   p.record,
			"rekey": func(*rapid.T) {
				p.call("Rekey", func(w *world) (any, error) { return nil, w.store.Rekey(w.Context()) })
			},
			"ask": p.ask,
			"wait": func(rt *rapid.T) {
				clock.passes(time.Duration(rapid.IntRange(-5, 60).Draw(rt, "minutes")) * time.Minute)
			},
		})
		p.verify()
	})
}

// call calls both stores, flushes them and compares what they answer.
func (p *pair) call(what string, do func(w *world) (any, error)) {
	p.Helper()
	var answers [2]any
	var errs [2]error
	for i, w := range p.both {
		answers[i], errs[i] = do(w)
		w.flush()
	}
	p.both[0].same(what, answers[0], answers[1])
	for _, kind := range []error{store.ErrAway, store.ErrNotFound, store.ErrNotOpen, store.ErrKnown, store.ErrNobody, store.ErrAmbiguous, store.ErrBusy, store.ErrTokenExists, store.ErrTokenRevoked, store.ErrNoToken} {
		if errors.Is(errs[0], kind) != errors.Is(errs[1], kind) {
			p.Errorf("%s: the error is %v, want %v", what, errs[1], errs[0])
		}
	}
	if (errs[0] == nil) != (errs[1] == nil) {
		p.Errorf("%s: the error is %v, want %v", what, errs[1], errs[0])
	}
}

// check compares everything.
func (p *pair) check(*rapid.T) {
	p.call("Entries", func(w *world) (any, error) { return w.entries(store.Query{}), nil })
	p.call("Open", func(w *world) (any, error) { return w.open(), nil })
	p.call("Overlaps", func(w *world) (any, error) { return w.overlaps(), nil })
	p.call("Applied", func(w *world) (any, error) {
		var all []any
		for _, tenant := range []string{"/acme", "/other"} {
			for _, id := range append(drawnUsers(), team, crew, "") {
				one, err := answered(w.store.Applied(w.Context(), tenant, id))
				all = append(all, one, errors.Is(err, store.ErrNotFound))
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return nil, err
				}
			}
		}
		return all, nil
	})
	p.call("Stats", func(w *world) (any, error) {
		stats := w.stats()
		stats.Bytes = 0
		return stats, nil
	})
	for i, w := range p.both {
		p.heads[i] = append(p.heads[i], w.head())
	}
	if p.checks++; p.checks%often == 0 {
		p.verify()
	}
}

// often is after how many calls the journals are verified. It reads everything, and the calls are many.
const often = 4

// verify compares the proofs of both.
func (p *pair) verify() {
	var proofs [2]store.Proof
	for i, w := range p.both {
		proofs[i] = w.verified(p.heads[i]...)
		proofs[i].Head = store.Head{Position: proofs[i].Head.Position}
	}
	p.both[0].same("Verify", proofs[0], proofs[1])
}

// entries are the entries that a query selects. The store gives the entry of a person who was forgotten an id of its
// own, so that id is left out.
func (w *world) entries(q store.Query) []store.Entry {
	w.Helper()
	all := w.all(q)
	for i := range all {
		if all[i].Op == change.Erased {
			all[i].ID = ""
		}
	}
	return all
}

func (p *pair) intend(rt *rapid.T) {
	c := p.draw(rt)
	if ids := p.both[0].open(); len(ids) > 0 && rapid.IntRange(0, 9).Draw(rt, "again") == 0 {
		c.ID = ids[0].ID
	}
	p.call("Intend", func(w *world) (any, error) { return nil, w.store.Intend(w.Context(), c) })
}

func (p *pair) settle(rt *rapid.T) {
	open := p.both[0].open()
	if len(open) == 0 {
		return
	}
	c := rapid.SampledFrom(open).Draw(rt, "open")
	c.Outcome = rapid.SampledFrom([]change.Outcome{change.Done, change.Done, change.Failed, change.Refused, change.Unknown}).Draw(rt, "outcome")
	if c.Resource.ID == "" && c.Outcome == change.Done {
		c.Resource.ID = rapid.SampledFrom(drawnUsers()).Draw(rt, "created")
	}
	for range rapid.IntRange(1, 2).Draw(rt, "times") {
		p.call("Settle", func(w *world) (any, error) { return nil, w.store.Settle(w.Context(), c) })
	}
}

func (p *pair) withdraw(rt *rapid.T) {
	open := p.both[0].open()
	if len(open) == 0 {
		return
	}
	id := rapid.SampledFrom(open).Draw(rt, "open").ID
	for range rapid.IntRange(1, 2).Draw(rt, "times") {
		p.call("Withdraw", func(w *world) (any, error) { return nil, w.store.Withdraw(w.Context(), id) })
	}
}

// meet makes two changes of one group that overlap.
func (p *pair) meet(rt *rapid.T) {
	who := rapid.SampledFrom(drawnUsers()).Draw(rt, "member")
	one, two := p.both[0].group(team, []string{who}, nil), p.both[0].group(team, []string{bert}, []string{who})
	for _, c := range []change.Change{one, two} {
		p.call("Intend", func(w *world) (any, error) { return nil, w.store.Intend(w.Context(), c) })
	}
	for _, c := range []change.Change{one, two} {
		p.call("Settle", func(w *world) (any, error) { return nil, w.store.Settle(w.Context(), c) })
	}
}

func (p *pair) observe(rt *rapid.T) {
	overlaps := p.both[0].overlaps()
	if len(overlaps) == 0 {
		return
	}
	o := rapid.SampledFrom(overlaps).Draw(rt, "overlap")
	c := p.both[0].observation(o.Members...)
	c.Resource = o.Change.Resource
	p.call("Observed", func(w *world) (any, error) { return nil, w.store.Observed(w.Context(), o, c) })
}

// record records what others changed, sometimes with the id of a change that is known.
func (p *pair) record(rt *rapid.T) {
	c := p.draw(rt)
	c.Origin, c.Outcome = change.Observation, change.Done
	if c.Resource.ID == "" {
		c.Resource.ID = anna
	}
	if all := p.both[0].entries(store.Query{}); len(all) > 0 && rapid.IntRange(0, 9).Draw(rt, "again") == 0 && all[0].ID != "" {
		c.ID = all[0].ID
	}
	p.call("Record", func(w *world) (any, error) { return nil, w.store.Record(w.Context(), c) })
}

func (p *pair) forget(rt *rapid.T) {
	who := drawPerson(rt)
	p.call("Forget "+text(who), func(w *world) (any, error) { return answered(w.store.Forget(w.Context(), who)) })
}

func (p *pair) prune(rt *rapid.T) {
	if len(p.both[0].open()) > 0 {
		return // whether an open change overlaps with a removed entry is not said
	}
	r := store.Retention{Changes: time.Duration(rapid.IntRange(1, 600).Draw(rt, "minutes")) * time.Minute}
	p.call(fmt.Sprint("Prune ", r.Changes), func(w *world) (any, error) { return answered(w.store.Prune(w.Context(), r)) })
}

func answered[T any](answer T, err error) (any, error) { return answer, err }

func (p *pair) ask(rt *rapid.T) {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(append(of, "", "")).Draw(rt, name) }
	at := func(name string) time.Time {
		if rapid.Bool().Draw(rt, name+" at all") {
			return time.Time{}
		}
		return start().Add(time.Duration(rapid.IntRange(-30, 600).Draw(rt, name)) * time.Minute)
	}
	q := store.Query{
		Tenant: pick("tenant", "/acme", "/other"), Resource: pick("resource", append(drawnUsers(), team)...), Op: change.Op(pick("op", "created", "updated", "erased")), Outcome: change.Outcome(pick("outcome", "done", "failed")),
		Since: at("since"), Until: at("until"), After: rapid.Int64Range(0, 20).Draw(rt, "after"), Newest: rapid.Bool().Draw(rt, "newest"), Limit: rapid.IntRange(0, 5).Draw(rt, "limit"),
	}
	if rapid.Bool().Draw(rt, "about a person") {
		who := drawPerson(rt)
		q.Person = &who
	}
	p.call(fmt.Sprintf("%+v", q), func(w *world) (any, error) { return w.entries(q), nil })
	for _, e := range p.both[0].entries(q) {
		if e.ID != "" {
			p.call("Entry", func(w *world) (any, error) { return answered(w.store.Entry(w.Context(), e.ID)) })
		}
	}
}

func drawnUsers() []string { return []string{anna, bert, carla} }

func drawPerson(rt *rapid.T) store.Person {
	var out store.Person
	pick := func(name string, into *string, of ...string) {
		*into = rapid.SampledFrom(append(of, "", "")).Draw(rt, name)
	}
	pick("id", &out.ID, drawnUsers()...)
	pick("user name", &out.UserName, "ANNA", "bert", "u1")
	pick("address", &out.Address, "a@example.org", "sales@example.org")
	pick("external id", &out.ExternalID, "E-1", "e-2")
	return out
}

// draw begins a change of few users and groups, so that changes meet.
func (p *pair) draw(rt *rapid.T) change.Change {
	w := p.both[0]
	tenant := rapid.SampledFrom([]string{"/acme", "/acme", "/other"}).Draw(rt, "tenant")
	some := func(name string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(drawnUsers()), 0, 3, rapid.ID[string]).Draw(rt, name)
	}
	if rapid.Bool().Draw(rt, "a group") {
		c := w.group(rapid.SampledFrom([]string{team, team, crew}).Draw(rt, "group"), some("added"), some("removed"))
		c.Tenant = tenant
		for _, id := range slices.Concat(c.MembersAdded, c.MembersRemoved) {
			c.Steps = append(c.Steps, "member "+id)
		}
		return c
	}
	doc := func(name string) scim.Document {
		if rapid.IntRange(0, 3).Draw(rt, name+" at all") == 0 {
			return nil
		}
		return person(
			rapid.SampledFrom([]string{"anna", "bert", "U1"}).Draw(rt, name+" user name"),
			rapid.SampledFrom([]string{"", "e-1", "e-2"}).Draw(rt, name+" external id"),
			rapid.SliceOfN(rapid.SampledFrom([]string{"A@example.org", "sales@example.org"}), 0, 2).Draw(rt, name+" addresses")...,
		)
	}
	id := rapid.SampledFrom(append(drawnUsers(), "")).Draw(rt, "user")
	c := w.user(rapid.SampledFrom([]change.Op{change.Created, change.Updated, change.Deleted}).Draw(rt, "op"), id, doc("before"), doc("after"))
	c.Tenant, c.Reason, c.Steps = tenant, "because", []string{"update user " + id}
	return c
}
