package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

// entryColumns are the columns of entries of the journal. A program gets the parts of the resource as columns of their
// own.
func entryColumns(o output) []column[admin.Entry] {
	resource := []column[admin.Entry]{{"resource", func(e admin.Entry) string { return resourceText(e.Resource) }}}
	if o == asCSV {
		resource = []column[admin.Entry]{
			{"type", func(e admin.Entry) string { return e.Resource.Type }},
			{"resource", func(e admin.Entry) string { return e.Resource.ID }},
			{"name", func(e admin.Entry) string { return e.Resource.Name }},
		}
	}
	return slices.Concat([]column[admin.Entry]{
		{"time", func(e admin.Entry) string { return timeText(e.Begun) }},
		{"tenant", func(e admin.Entry) string { return e.Tenant }},
		{"actor", func(e admin.Entry) string { return actorText(e.Actor) }},
		{"op", func(e admin.Entry) string { return e.Op }},
	}, resource, []column[admin.Entry]{
		{"outcome", func(e admin.Entry) string { return e.Outcome }},
		{"id", func(e admin.Entry) string { return e.ID }},
	})
}

// timeText is a time in UTC, to the second.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// actorText says who made a change. Without an actor nobody knows.
func actorText(a admin.Actor) string {
	switch {
	case a.Kind == "" && a.Name == "":
		return "unknown"
	case a.Name == "" || a.Name == a.Kind:
		return a.Kind
	}
	return a.Kind + " " + a.Name
}

// administrator is the kind of an actor that has the id of a client of Keycloak.
const administrator = "administrator"

// resourceText names a resource, by its id when the entry has no name.
func resourceText(r admin.Resource) string {
	name := r.Name
	if name == "" {
		name = r.ID
	}
	return strings.TrimSpace(r.Type + " " + name)
}

// outcomeText says how a change ended.
func outcomeText(e admin.Entry) string {
	text := e.Outcome
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// shownValue is the most characters of a value in a text.
const shownValue = 200

// valueText is a value of a document as JSON; "-" for an absent value.
func valueText(value any) string {
	if value == nil {
		return "-"
	}
	text := printable(compact(value))
	if runes := []rune(text); len(runes) > shownValue {
		return fmt.Sprintf("%s… (%d characters)", string(runes[:shownValue]), len(runes))
	}
	return text
}

// differenceTexts has a line for each difference of an entry.
func differenceTexts(e admin.Entry) []string {
	out := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		out[i] = printable(d.Path) + ": " + valueText(d.Before) + " -> " + valueText(d.After)
	}
	return out
}

// shownOfList is the most texts of a list.
const shownOfList = 20

// cut has the first texts of a list and the number of the others.
func cut(ids []string) []string {
	if more := len(ids) - shownOfList; more > 0 {
		return append(slices.Clone(ids[:shownOfList]), fmt.Sprintf("and %d more; --output json has all %d", more, len(ids)))
	}
	return ids
}

// soonRecorded is longer than a change that is recorded at once takes.
const soonRecorded = time.Minute

// recordedText says when the end of a change was recorded, and why so late.
func recordedText(e admin.Entry) string {
	text := timeText(e.Settled)
	after := e.Settled.Sub(e.Begun)
	if after < soonRecorded {
		return text
	}
	why := "the bridge could not record it at once"
	if e.Recovered {
		why = "the bridge ended before it could record it"
	}
	return fmt.Sprintf("%s, %s after the change was made, because %s", text, after.Round(time.Second), why)
}

// entryLines are the properties of an entry, without those that are empty.
func entryLines(e admin.Entry) []app.Line {
	key, organization, resource := "", "", resourceText(e.Resource)
	if e.Actor.KeyID != "" {
		key = ", key id " + e.Actor.KeyID
		if e.Actor.Kind == administrator {
			key = ", client id in Keycloak " + e.Actor.KeyID
		}
	}
	if e.Organization != nil {
		organization = strings.TrimSpace(e.Organization.Alias + " " + e.Organization.ID)
	}
	if e.Resource.Name != "" && e.Resource.ID != "" {
		resource += ", id " + e.Resource.ID
	}
	yes := func(is bool, text string) string {
		if is {
			return text
		}
		return ""
	}
	lines := []app.Line{
		{Name: "id", Text: e.ID},
		{Name: "position", Text: e.Position.String()},
		{Name: "made", Text: timeText(e.Begun)},
		{Name: "recorded", Text: recordedText(e)},
		{Name: "actor", Text: actorText(e.Actor) + key},
		{Name: "interface", Text: e.Origin},
		{Name: "tenant", Text: e.Tenant},
		{Name: "realm", Text: e.Realm},
		{Name: "organization", Text: organization},
		{Name: "resource", Text: resource},
		{Name: "op", Text: e.Op},
		{Name: "outcome", Text: outcomeText(e)},
		{Name: "note", Text: yes(e.Recovered, "the bridge ended before the change did, and read its end in Keycloak later")},
		{Name: "note", Text: yes(e.Erased, "a person was erased from this entry: values or members are missing")},
		{Name: "note", Text: yes(len(e.Unseen) > 0 && e.Recovered, "nobody can read in Keycloak whether this was done: "+strings.Join(e.Unseen, ", "))},
		{Name: "note", Text: yes(e.BeforeUnknown, "the state before is not known, because the journal has no earlier state of the resource")},
		{Name: "steps done", Text: yes(len(e.Steps) > 0, fmt.Sprintf("%d of %d", e.Done, len(e.Steps)))},
	}
	for _, list := range []struct {
		name  string
		texts []string
	}{{"steps", cut(e.Steps)}, {"values", differenceTexts(e)}, {"members added", cut(e.MembersAdded)}, {"members removed", cut(e.MembersRemoved)}} {
		texts := make([]string, len(list.texts))
		for i, text := range list.texts {
			texts[i] = printable(text) // so that only the end of a text begins a line
		}
		lines = append(lines, app.Line{Name: list.name, Text: strings.Join(texts, "\n")})
	}
	return slices.DeleteFunc(lines, func(l app.Line) bool { return l.Text == "" })
}

// historyText has the line of an entry in a history, and the values that it changed.
func historyText(e admin.Entry) []string {
	out := []string{fmt.Sprintf("%s  %s  %s  %s %s  %s", timeText(e.Begun), e.Tenant, actorText(e.Actor), e.Op, resourceText(e.Resource), outcomeText(e))}
	for _, text := range differenceTexts(e) {
		out = append(out, "  "+text)
	}
	for _, id := range cut(e.MembersAdded) {
		out = append(out, "  member added: "+id)
	}
	for _, id := range cut(e.MembersRemoved) {
		out = append(out, "  member removed: "+id)
	}
	if e.BeforeUnknown {
		out = append(out, "  the state before is not known")
	}
	if e.Erased {
		out = append(out, "  a person was erased from this entry")
	}
	return out
}

// changedColumn has what an entry changed, in one cell.
func changedColumn() column[admin.Entry] {
	return column[admin.Entry]{"changes", func(e admin.Entry) string {
		texts := differenceTexts(e)
		if len(e.MembersAdded) > 0 {
			texts = append(texts, "members added: "+strings.Join(cut(e.MembersAdded), " "))
		}
		if len(e.MembersRemoved) > 0 {
			texts = append(texts, "members removed: "+strings.Join(cut(e.MembersRemoved), " "))
		}
		return strings.Join(texts, "; ")
	}}
}
