package storetest

import (
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// applied checks the last document of a resource that a client sent. Nil says that the resource has no document.
func (w *world) applied(tenant, resource string, want scim.Document) {
	w.Helper()
	got, err := w.store.Applied(w.Context(), tenant, resource)
	if want == nil {
		w.fails("the document of "+resource, err, store.ErrNotFound)
		return
	}
	w.must(err)
	w.same("the document of "+resource, want, got)
}

func documents() []behaviour {
	first, second := person("anna", "e-1", "anna@example.org"), person("anna.b", "e-1")
	return []behaviour{
		{"the last document that a client sent is kept, by tenant and resource", func(w *world) {
			w.made(w.user(change.Created, anna, nil, first), w.user(change.Created, bert, nil, person("bert", "")))
			w.applied("/acme", anna, first)
			w.applied("/acme", bert, person("bert", ""))
			w.made(w.user(change.Updated, anna, first, second))
			w.applied("/acme", anna, second)
			w.applied("/other", anna, nil)
			w.applied("/acme", carla, nil)
			w.applied("", anna, nil)
			w.applied("/acme", "", nil)
		}},
		{"each tenant has its own document of a resource", func(w *world) {
			other := w.user(change.Joined, anna, nil, second)
			other.Tenant = "/other"
			w.made(w.user(change.Created, anna, nil, first), other)
			w.applied("/acme", anna, first)
			w.applied("/other", anna, second)
			left := w.user(change.Left, anna, second, second)
			left.Tenant = "/other"
			w.made(left)
			w.applied("/acme", anna, first)
			w.applied("/other", anna, nil)
		}},
		{"a document is kept when its change is settled", func(w *world) {
			c := w.user(change.Created, "", nil, first)
			w.intend(c)
			w.applied("/acme", anna, nil)
			c.Resource.ID, c.After = anna, second
			w.settle(c)
			w.applied("/acme", anna, second)
		}},
		{"a change that was not made leaves the document as it was", func(w *world) {
			w.made(w.user(change.Created, anna, nil, first))
			for _, outcome := range []change.Outcome{change.Failed, change.Refused, change.Unknown} {
				for _, op := range []change.Op{change.Updated, change.Deleted, change.Left} {
					c := w.user(op, anna, first, second)
					c.Outcome = outcome
					w.made(c)
					w.applied("/acme", anna, first)
				}
			}
		}},
		{"a change without a document leaves the document as it was", func(w *world) {
			w.made(w.user(change.Created, anna, nil, first), w.user(change.Deactivated, anna, nil, nil))
			w.applied("/acme", anna, first)
		}},
		{"an operator's adoption leaves the document as it was", func(w *world) {
			c := w.user(change.Adopted, anna, nil, second)
			c.Origin = change.Adopt
			w.made(c)
			w.applied("/acme", anna, nil)
			w.made(w.user(change.Updated, anna, nil, first))
			again := w.user(change.Updated, anna, first, second)
			again.Origin = change.Adopt
			w.made(again)
			w.applied("/acme", anna, first)
		}},
		{"an observation leaves the document as it was", func(w *world) {
			a, b := w.group(team, []string{anna}, nil), w.group(team, nil, []string{anna})
			a.After = scim.Document{"displayName": "Team"}
			w.intend(a, b)
			w.settle(a, b)
			c := w.observation(anna)
			c.After = scim.Document{"displayName": "another"}
			w.must(w.store.Observed(w.Context(), w.overlaps()[0], c))
			w.flush()
			w.applied("/acme", team, a.After)
		}},
		{"a resource that is gone has no document", func(w *world) {
			for _, op := range []change.Op{change.Deleted, change.Left} {
				w.made(w.user(change.Created, anna, nil, first))
				w.applied("/acme", anna, first)
				w.made(w.user(op, anna, first, nil))
				w.applied("/acme", anna, nil)
			}
		}},
		{"a document stays when its entry is removed", func(w *world) {
			w.made(w.user(change.Created, anna, nil, first))
			w.clock.passes(time.Hour)
			w.prunes(store.Retention{Changes: time.Minute}, 1)
			w.applied("/acme", anna, first)
			w.must(w.store.Rekey(w.Context()))
			w.applied("/acme", anna, first)
		}},
		{"a forgotten person has no document, others have theirs", func(w *world) {
			w.made(w.user(change.Created, anna, nil, first), w.user(change.Created, bert, nil, second))
			group := w.group(team, []string{anna}, nil)
			group.After = scim.Document{"displayName": "Team"}
			w.made(group)
			w.forgets(store.Person{ID: strings.ToUpper(anna)}, 2)
			w.applied("/acme", anna, nil)
			w.applied("/acme", bert, second)
			w.applied("/acme", team, group.After)
		}},
		{"a forgotten person has no document, also when the entries were removed", func(w *world) {
			w.made(w.user(change.Created, anna, nil, first))
			w.clock.passes(time.Hour)
			w.prunes(store.Retention{Changes: time.Minute}, 1)
			w.forgets(store.Person{ID: anna}, 0)
			w.applied("/acme", anna, nil)
		}},
		{"any document of a client is kept as it was", func(w *world) {
			for name, doc := range odd() {
				if doc != nil {
					w.made(w.user(change.Created, name, nil, doc))
				}
			}
			for name, doc := range odd() {
				w.applied("/acme", name, doc)
			}
		}},
		{"the document shares no memory with a caller", func(w *world) {
			w.made(w.user(change.Created, anna, nil, first.Clone()))
			got, err := w.store.Applied(w.Context(), "/acme", anna)
			w.must(err)
			got[scim.AttrEmails].([]any)[0].(map[string]any)["value"] = "x"
			w.applied("/acme", anna, first)
		}},
	}
}
