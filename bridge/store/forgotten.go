package store

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
)

// Forgotten is a person whom a store forgets.
type Forgotten struct {
	ID    string       // of the user, or "" for a person without a user
	Names []Identifier // the other identifiers that the person's changes have
}

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
	return slices.ContainsFunc(IdentifiersOf(c), func(one Identifier) bool { return slices.Contains(f.Names, one) })
}

// Without returns the ids without the person's.
func (f Forgotten) Without(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return fold(id) == fold(f.ID) })
}

// NamesOf are the identifiers of a change without ids.
func NamesOf(list []Identifier) []Identifier {
	return slices.DeleteFunc(slices.Clone(list), func(one Identifier) bool { return one.Kind == ByID })
}
