package store

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
)

// Eraser is the actor of the entry that records an erasure: only the operator can ask for an erasure.
func Eraser() change.Actor { return change.Actor{Kind: "operator", Name: "operator"} }

// Forgotten is a person that a store forgets.
type Forgotten struct {
	ID    string       // of the user, or "" for a person without a user
	Names []Identifier // the other identifiers that the person's changes have
}

// Identification finds the user that the identifiers of a person name. First it gets every change that has one of the
// identifiers, and every open change.
type Identification struct {
	id    string
	given []Identifier
	ids   map[string]string // by their folded text
}

// Identify begins to find a person. It returns ErrNobody for a person without an identifier.
func Identify(p Person) (*Identification, error) {
	given := p.Identifiers()
	if len(given) == 0 {
		return nil, ErrNobody
	}
	return &Identification{id: fold(p.ID), given: given, ids: map[string]string{}}, nil
}

// Given are the identifiers of the person.
func (i *Identification) Given() []Identifier { return i.given }

// Add looks at a change. Changes that do not have an identifier of the person do no harm.
func (i *Identification) Add(c change.Change) {
	if c.Resource.Type == typeUser && c.Resource.ID != "" && has(c, i.given) {
		i.ids[fold(c.Resource.ID)] = c.Resource.ID
	}
	for _, id := range slices.Concat(c.MembersAdded, c.MembersRemoved) {
		if i.id != "" && fold(id) == i.id {
			i.ids[i.id] = id
		}
	}
}

// Person is the person. changes are the changes of the user that Add found, and the open changes: the person has their
// identifiers too. It returns an error that wraps ErrAmbiguous when the identifiers name several users.
func (i *Identification) Person(changes func(id string) iter.Seq2[change.Change, error]) (Forgotten, error) {
	if len(i.ids) > 1 {
		all := slices.Sorted(maps.Values(i.ids))
		return Forgotten{}, fmt.Errorf("%w: choose one of the %d users by its id: %s", ErrAmbiguous, len(all), strings.Join(all[:min(len(all), maxListed)], ", "))
	}
	who := Forgotten{Names: NamesOf(i.given)}
	for _, id := range i.ids {
		who.ID = id
	}
	if who.ID == "" {
		return who, nil
	}
	for c, err := range changes(who.ID) {
		if err != nil {
			return who, err
		}
		if c.Resource.Type == typeUser && fold(c.Resource.ID) == fold(who.ID) {
			for _, name := range NamesOf(IdentifiersOf(c)) {
				if !slices.Contains(who.Names, name) {
					who.Names = append(who.Names, name)
				}
			}
		}
	}
	return who, nil
}

// maxListed is the most ids that an error lists.
const maxListed = 10

// Erase erases the person from an entry. It reports whether the entry was about the person.
func (f Forgotten) Erase(e *Entry) bool {
	if e.Op == change.Erased {
		return false
	}
	if e.Resource.Type == typeUser {
		if e.Erased || !f.is(e.Change) {
			return false
		}
		e.Before, e.After, e.MembersAdded, e.MembersRemoved, e.Steps, e.Reason = nil, nil, nil, nil, nil, ""
		e.Erased = true
		return true
	}
	if f.ID == "" {
		return false
	}
	added, removed := f.Without(e.MembersAdded), f.Without(e.MembersRemoved)
	steps := slices.DeleteFunc(slices.Clone(e.Steps), func(step string) bool { return strings.Contains(fold(step), fold(f.ID)) })
	if len(added)+len(removed)+len(steps) == len(e.MembersAdded)+len(e.MembersRemoved)+len(e.Steps) {
		return false
	}
	e.MembersAdded, e.MembersRemoved, e.Steps, e.Erased = added, removed, steps, true
	return true
}

// Concerns reports whether a change is about the person.
func (f Forgotten) Concerns(c change.Change) bool { return f.Erase(&Entry{Change: c}) }

// is reports whether a change changes the person's user, or failed to create it.
func (f Forgotten) is(c change.Change) bool {
	if c.Resource.ID != "" {
		return f.ID != "" && fold(c.Resource.ID) == fold(f.ID)
	}
	return has(c, f.Names)
}

// has reports whether a change has one of the identifiers.
func has(c change.Change, list []Identifier) bool {
	return slices.ContainsFunc(IdentifiersOf(c), func(one Identifier) bool { return slices.Contains(list, one) })
}

// Without returns the ids without the person's.
func (f Forgotten) Without(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return fold(id) == fold(f.ID) })
}

// NamesOf are the identifiers of a change without ids.
func NamesOf(list []Identifier) []Identifier {
	return slices.DeleteFunc(slices.Clone(list), func(one Identifier) bool { return one.Kind == ByID })
}
