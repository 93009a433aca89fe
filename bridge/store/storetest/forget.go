package storetest

import (
	"errors"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// forgets checks how many entries are erased of a person.
func (w *world) forgets(p store.Person, want int) {
	w.Helper()
	got, err := w.store.Forget(w.Context(), p)
	w.must(err)
	w.same("the erased entries of "+text(p), want, got)
	w.flush()
}

// keeps checks that a person is not forgotten, and that nothing was erased.
func (w *world) keeps(p store.Person, want error) error {
	w.Helper()
	before := w.all(store.Query{})
	count, err := w.store.Forget(w.Context(), p)
	w.fails("forgetting "+text(p), err, want)
	w.same("the erased entries", 0, count)
	w.flush()
	w.same("the entries", before, w.all(store.Query{}))
	w.verified()
	return err
}

// lived makes the entries of anna's life (1 to 6), and two of bert's (7 and 8).
func (w *world) lived() {
	w.Helper()
	failed := w.user(change.Created, "", nil, person("anna.b", "", "other@example.org"))
	failed.Outcome, failed.Reason, failed.Steps = change.Failed, "conflict", []string{"create user"}
	joined := w.group(team, []string{bert, anna}, []string{carla})
	joined.After, joined.Reason = scim.Document{"displayName": "Team"}, "some reason"
	joined.Steps = []string{"add member " + bert, "add member " + anna, "remove member " + carla}
	updated := w.full()
	updated.MembersAdded, updated.MembersRemoved = nil, nil
	w.made(
		failed,
		w.user(change.Created, anna, nil, person("anna", "e-1", "anna@example.org")),
		updated, // to anna.b
		joined,
		w.group(team, nil, []string{anna}),
		w.user(change.Deleted, anna, person("anna.b", "e-2", "ab@example.org"), nil),
		w.user(change.Created, bert, nil, person("bert", "e-3", "bert@example.org")),
		w.user(change.Created, "", nil, person("carl", "e-4", "carl@example.org")),
	)
}

// erased is an entry of a user as it is when the user is forgotten.
func erased(e store.Entry) store.Entry {
	e.Before, e.After, e.MembersAdded, e.MembersRemoved, e.Steps, e.Reason, e.Erased = nil, nil, nil, nil, nil, "", true
	return e
}

// parted is an entry of the team without anna.
func parted(e store.Entry) store.Entry {
	e.MembersAdded, e.MembersRemoved, e.Erased = without(e.MembersAdded, anna), without(e.MembersRemoved, anna), true
	e.Steps = without(e.Steps, "add member "+anna)
	return e
}

func without(list []string, one string) []string {
	var out []string
	for _, text := range list {
		if text != one {
			out = append(out, text)
		}
	}
	return out
}

func forgetting() []behaviour {
	return append([]behaviour{
		{"a forgotten person is in no entry any more", func(w *world) {
			w.lived()
			before := w.all(store.Query{})
			w.forgets(store.Person{UserName: "ANNA"}, 6)
			for _, i := range []int{0, 1, 2, 5} {
				before[i] = erased(before[i])
			}
			before[3], before[4] = parted(before[3]), parted(before[4])
			w.same("the entries", before, w.all(store.Query{Limit: 8}))
			w.gapless(9)
		}},
		{"a forgotten person is found by the id of the user only", func(w *world) {
			w.lived()
			w.forgets(store.Person{ID: anna}, 6)
			for _, p := range []store.Person{
				{UserName: "anna"},
				{UserName: "anna.b"},
				{Address: "anna@example.org"},
				{Address: "ab@example.org"},
				{Address: "other@example.org"},
				{ExternalID: "e-1"},
				{ExternalID: "e-2"},
			} {
				w.finds(p)
			}
			w.finds(store.Person{ID: anna}, 2, 3, 6, 9)
			w.same("by resource", []int64{2, 3, 6, 9}, w.numbers(store.Query{Resource: anna}))
			w.finds(store.Person{ID: bert}, 4, 7)
			w.finds(store.Person{ID: carla}, 4)
			w.finds(store.Person{UserName: "carl"}, 8)
		}},
		{"forgetting is an entry of the journal", func(w *world) {
			w.lived()
			w.forgets(store.Person{ID: anna}, 6)
			e := w.entry(9)
			if e.ID == "" {
				w.Errorf("the entry has no id")
			}
			w.same("the entry", store.Entry{
				Change: change.Change{
					ID: e.ID, Begun: start(), Actor: store.Eraser(), Tenant: "/acme", Realm: "realm",
					Op: change.Erased, Resource: change.Resource{Type: userType, ID: anna}, Outcome: change.Done,
				},
				Position: store.Position{Epoch: 1, Number: 9}, Settled: start(),
			}, e)
			again, err := w.store.Entry(w.Context(), e.ID)
			w.must(err)
			w.same("by its id", e, again)
		}},
		{"the journal verifies after a person was forgotten", func(w *world) {
			empty := w.head()
			w.lived()
			before := w.head()
			w.forgets(store.Person{ID: anna}, 6)
			after := w.head()
			w.same("the number of erased entries", int64(6), w.verified(empty, before, after).Erased)
			w.forgets(store.Person{ID: bert}, 2) // one of them is without anna already
			w.made(w.full())
			w.same("the number of erased entries", int64(7), w.verified(empty, before, after).Erased)
		}},
		{"a person is forgotten by any identifier", func(w *world) {
			for _, p := range []store.Person{
				{ID: strings.ToUpper(anna)},
				{UserName: "Anna.B"},
				{Address: "AB@example.org"},
				{ExternalID: "e-1"},
				store.AnyOf("anna@example.org"),
				store.AnyOf(anna),
				{ID: anna, UserName: "anna", ExternalID: "unknown"},
			} {
				one := &world{tester: w.tester, store: w.other(), clock: w.clock}
				one.lived()
				one.forgets(p, 6)
				one.finds(store.Person{ID: anna}, 2, 3, 6, 9)
				one.verified()
			}
		}},
		{"a member without changes is forgotten by the id", func(w *world) {
			w.lived()
			w.forgets(store.Person{ID: strings.ToUpper(carla)}, 1)
			e := w.entry(4)
			w.same("the members", []string{bert, anna}, e.MembersAdded)
			w.same("no removed members", 0, len(e.MembersRemoved))
			w.same("the steps", []string{"add member " + bert, "add member " + anna}, e.Steps)
			w.same("the reason", "some reason", e.Reason)
			w.same("the document", scim.Document{"displayName": "Team"}, e.After)
			w.same("the resource", carla, w.entry(9).Resource.ID)
			w.finds(store.Person{ID: carla}, 9)
		}},
		{"a person without a user is forgotten", func(w *world) {
			w.lived()
			w.forgets(store.Person{ExternalID: "e-4"}, 1)
			w.same("the entry", true, w.entry(8).Erased)
			w.same("the resource", "", w.entry(9).Resource.ID)
			w.finds(store.Person{UserName: "carl"})
			w.verified()
		}},
		{"nobody is forgotten without an identifier", func(w *world) {
			w.lived()
			w.keeps(store.Person{}, store.ErrNobody)
			w.keeps(store.Person{UserName: " "}, store.ErrNobody)
		}},
		{"an unknown person is no entry", func(w *world) {
			w.forgets(store.Person{ID: anna}, 0)
			w.lived()
			w.forgets(store.Person{UserName: "nobody"}, 0)
			w.forgets(store.Person{ID: team}, 0)
			w.forgets(store.AnyOf("nobody"), 0)
			w.gapless(8)
		}},
		{"identifiers of several users forget nobody", func(w *world) {
			w.made(
				w.user(change.Created, anna, nil, person("anna", "", "sales@example.org")),
				w.user(change.Created, bert, nil, person("bert", "", "sales@example.org")),
				w.user(change.Created, "", nil, person("carl", "", "sales@example.org")),
			)
			for _, p := range []store.Person{{Address: "sales@example.org"}, store.AnyOf("sales@example.org"), {ID: anna, UserName: "bert"}, {UserName: "anna", ID: bert}} {
				if err := w.keeps(p, store.ErrAmbiguous); err == nil || !strings.Contains(err.Error(), anna) || !strings.Contains(err.Error(), bert) {
					w.Errorf("the error names no users: %v", err)
				}
			}
			w.forgets(store.Person{ID: anna}, 2) // with the user that was not made
			w.finds(store.Person{Address: "sales@example.org"}, 2)
		}},
		{"nobody is forgotten while a change of the person is open", forgetBusy},
		{"nobody is forgotten while the person's first change is open", func(w *world) {
			user, group := w.user(change.Created, "", nil, person("anna", "")), w.group(team, []string{carla}, nil)
			again := w.user(change.Updated, bert, nil, person("bert", ""))
			w.intend(user, group, again)
			for _, p := range []store.Person{{UserName: "anna"}, {ID: carla}, {ID: bert}, {UserName: "BERT"}, store.AnyOf(carla)} {
				w.keeps(p, store.ErrBusy)
			}
			w.keeps(store.Person{ID: carla, UserName: "bert"}, store.ErrAmbiguous)
			w.settle(user, group, again)
			w.forgets(store.Person{UserName: "anna"}, 1)
			w.forgets(store.Person{ID: carla}, 1)
			w.forgets(store.Person{UserName: "bert"}, 1)
		}},
		{"changes that wait for their commit are erased too", func(w *world) {
			a, b := w.user(change.Created, anna, nil, person("anna", "")), w.group(team, []string{anna}, nil)
			w.intend(a, b)
			w.must(w.store.Settle(w.Context(), a))
			w.must(w.store.Settle(w.Context(), b))
			w.forgets(store.Person{ID: anna}, 2)
			w.finds(store.Person{UserName: "anna"})
			w.verified()
		}},
	}, forgettingAgain()...)
}

func forgettingAgain() []behaviour {
	return []behaviour{
		{"a person is forgotten once, and later changes again", func(w *world) {
			w.lived()
			w.forgets(store.Person{ID: anna}, 6)
			w.forgets(store.Person{ID: anna}, 0)
			w.forgets(store.Person{UserName: "anna"}, 0)
			w.gapless(9)
			w.made(w.user(change.Joined, anna, nil, person("anna", "e-1")), w.group(team, []string{anna}, nil))
			w.finds(store.Person{UserName: "anna"}, 2, 3, 6, 9, 10, 11)
			w.forgets(store.Person{UserName: "anna"}, 2)
			w.finds(store.Person{UserName: "anna"})
			w.finds(store.Person{ID: anna}, 2, 3, 6, 9, 10, 12)
			w.same("the erased entries", int64(8), w.verified().Erased)
		}},
		{"a person with many entries is forgotten in all of them", func(w *world) {
			var changes []change.Change
			for range 120 {
				changes = append(changes, w.full(), w.group(team, []string{anna, bert}, nil))
			}
			w.intend(changes...)
			w.settle(changes...)
			w.forgets(store.Person{UserName: "anna"}, 240)
			w.finds(store.Person{UserName: "anna"})
			w.same("of bert", 120, len(w.numbers(store.Query{Person: &store.Person{ID: bert}})))
			w.same("the erased entries", int64(240), w.verified().Erased)
			if erasures := len(w.numbers(store.Query{Op: change.Erased})); erasures < 1 || erasures > 10 {
				w.Errorf("%d entries say that a person was forgotten", erasures)
			}
		}},
		{"overlaps lose a forgotten member", func(w *world) {
			a, b := w.group(team, []string{anna, bert}, nil), w.group(team, []string{anna, bert}, nil)
			c, d := w.group(crew, []string{anna}, nil), w.group(crew, []string{anna}, nil)
			w.intend(a, b, c, d)
			w.settle(a, b, c, d)
			w.forgets(store.Person{ID: anna}, 4)
			b.MembersAdded, b.Outcome = []string{bert}, change.Done
			w.same("the overlaps", []store.Overlap{{Change: b, Members: []string{bert}}}, w.overlaps())
			w.must(w.store.Observed(w.Context(), w.overlaps()[0], w.observation(bert)))
			w.flush()
			w.overlap()
		}},
		{"a name that somebody else has today is still found", func(w *world) {
			w.made(
				w.user(change.Deleted, anna, person("anna", ""), nil),
				w.user(change.Created, bert, nil, person("anna", "")),
			)
			w.keeps(store.Person{UserName: "anna"}, store.ErrAmbiguous)
			w.forgets(store.Person{ID: anna}, 1)
			w.finds(store.Person{UserName: "anna"}, 2)
			w.forgets(store.Person{UserName: "anna"}, 1)
			w.finds(store.Person{UserName: "anna"})
		}},
	}
}

func forgetBusy(w *world) {
	w.lived()
	for name, open := range map[string]change.Change{
		"the user":                  w.user(change.Updated, anna, nil, nil),
		"a group":                   w.group(crew, nil, []string{anna}),
		"a user that is not made":   w.user(change.Created, "", nil, person("anna.b", "")),
		"a user with an identifier": w.user(change.Created, anna, nil, person("anna", "")),
	} {
		w.intend(open)
		for _, p := range []store.Person{{ID: anna}, {UserName: "anna"}} {
			if err := w.keeps(p, store.ErrBusy); errors.Is(err, store.ErrAmbiguous) {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.same("the open changes", []change.Change{open}, w.open())
		open.Outcome = change.Refused
		w.settle(open)
	}
	other := w.user(change.Updated, bert, nil, person("anna", "e-9"))
	w.intend(other)
	w.keeps(store.Person{UserName: "anna"}, store.ErrAmbiguous) // an open change names a user too
	w.keeps(store.Person{ExternalID: "e-9"}, store.ErrBusy)
	other.After = nil
	w.settle(other)
	w.intend(w.user(change.Updated, bert, nil, person("bert", "")), w.group(crew, []string{bert}, nil))
	w.forgets(store.Person{ID: anna}, 10)
	w.same("the number of open changes", 2, len(w.open()))
	w.verified()
}
