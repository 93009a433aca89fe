package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Problem is a fault of a tenant or a realm.
type Problem struct {
	Effect Effect `json:"effect"`
	Text   string `json:"text"`
	Fix    string `json:"fix"` // the remedy: text, and commands on their own lines
}

// Effect is the effect of a problem on clients.
type Effect string

// The effects, the worst first.
const (
	Unready    Effect = "nothing is answered"
	NoWrites   Effect = "writes are refused"
	Held       Effect = "removals are held"
	NoClient   Effect = "no client can use the endpoint"
	OldMapping Effect = "an old mapping is in use"
	NoUsers    Effect = "users are refused"
	Disabled   Effect = "the organization is disabled"
)

// rank is the position of an effect, 0 for the worst.
func (e Effect) rank() int {
	return slices.Index([]Effect{Unready, NoWrites, Held, NoClient, OldMapping, NoUsers, Disabled}, e)
}

// noProblem is the rank without a problem, after all others.
const noProblem = 100

// trouble is the rank of the worst problem. problems begins with the worst.
func trouble(problems []Problem) int {
	if len(problems) == 0 {
		return noProblem
	}
	return problems[0].Effect.rank()
}

// away is the problem of a realm, and of its tenants, during an outage of Keycloak.
//
//nolint:gochecknoglobals // a constant
var away = Problem{Unready, "Keycloak does not answer most calls", "check Keycloak and the network to it; the bridge tries again by itself"}

// problems returns the problems of a tenant, the worst first.
func (a *Admin) problems(t *tenant.Tenant, brake string, holding bool) []Problem {
	var out []Problem
	if !t.Every() && a.o.Bridge.Outage(t.Realm) { // the row of the realm has the problem already
		out = append(out, away)
	}
	add := func(effect Effect, text, fix string) { out = append(out, Problem{effect, text, fix}) }
	f, doctor := t.Fitness(), t.Command("doctor")
	switch {
	case f.Problem != "":
		add(Unready, f.Problem, doctor)
	case f.Trouble() != "":
		add(NoWrites, f.Trouble(), doctor)
	}
	if holding {
		add(Held, "the removal brake is "+brake, "find out whether the removals are intended; if they are, lift the brake:\n"+t.Command("tenants", "lift"))
	}
	if text, fix := a.noClient(t); text != "" {
		add(NoClient, text, fix)
	}
	if why := t.Unapplied(); why != "" {
		add(OldMapping, "the changed mapping file is not applied: "+why, doctor)
	}
	if text, fix := t.NoDomain(); text != "" {
		add(NoUsers, text, fix)
	}
	if f.Disabled {
		add(Disabled, "the organization is disabled, so writes are refused", "enable the organization in Keycloak")
	}
	return out
}

// noClient says why no client of a tenant can have a valid credential, and the remedy. Both are "" when a client can.
func (a *Admin) noClient(t *tenant.Tenant) (text, fix string) {
	if t.Every() || t.AwaitsTokens() || len(t.AccessTokens) > 0 {
		return "", ""
	}
	all, fix := a.credentials(t), t.Command("tokens", "new")
	has := func(states ...string) bool {
		return slices.ContainsFunc(all, func(c Credential) bool { return slices.Contains(states, c.State) })
	}
	switch {
	case has(Good, Expiring):
		return "", ""
	case has(Suspended):
		return "the tokens of the tenant are suspended since the store was restored, so no client can use the endpoint", t.Command("tokens", "accept")
	case len(all) == 0:
		return "the tenant has no token, so no client can use the endpoint", fix
	}
	return "every token of the tenant has expired, so no client can use the endpoint", fix
}

// Realm is the operator's view of a realm of Keycloak.
type Realm struct {
	Realm string `json:"realm"`
	// Outage means that the bridge makes no calls, because Keycloak did not answer most of the last calls.
	Outage bool `json:"outage"`
	// FeedAge is how long ago the realm's admin events were read, in seconds; absent when they are not read.
	FeedAge *float64 `json:"feedAgeSeconds,omitempty"`
	// Problems are an outage, and the problems of all organizations of the realm.
	Problems []Problem `json:"problems,omitempty"`
}

// realms returns the realms of the tenants, sorted by name.
func (a *Admin) realms(ctx context.Context, all []*tenant.Tenant) []Realm {
	feeds, out := a.o.Bridge.Feeds(), []Realm{}
	for _, t := range all {
		i, known := slices.BinarySearchFunc(out, t.Realm, func(r Realm, name string) int { return cmp.Compare(r.Realm, name) })
		if !known {
			out = slices.Insert(out, i, a.realm(t.Realm, feeds))
		}
		if t.Every() {
			out[i].Problems = append(out[i].Problems, a.view(ctx, t, nil).Problems...)
		}
	}
	return out
}

func (a *Admin) realm(name string, feeds map[string]time.Duration) Realm {
	out := Realm{Realm: name, Outage: a.o.Bridge.Outage(name)}
	if age, ok := feeds[name]; ok {
		out.FeedAge = new(age.Seconds())
	}
	if out.Outage {
		out.Problems = []Problem{away}
	}
	return out
}
