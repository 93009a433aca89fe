package app_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAChangeOfEveryKeyIsAppliedOrTold: each value of the configuration is changed by itself while the bridge runs.
// Where its key has the tag of a restart, the value before stays in force, the bridge serves its tenants as before, and
// the problem names the key. Anywhere else the new value is in force, what is served changes, and there is no problem.
func TestAChangeOfEveryKeyIsAppliedOrTold(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	before := fullConfig(t, b)
	if problem := b.App.Apply(before); problem != "" {
		t.Fatal(problem)
	}
	inForce, serves := written(t, b.App.InForce()), served(b)
	applied, told := 0, 0
	for _, key := range leaves("", reflect.ValueOf(before), "") {
		changed := cloned(before)
		if !alter(t, reflect.ValueOf(&changed).Elem(), key.path, b) {
			continue
		}
		if written(t, changed) == written(t, before) {
			t.Errorf("%s was not changed", key.name)
			continue
		}
		problem, now := b.App.Apply(changed), written(t, b.App.InForce())
		if (served(b) == serves) != (key.restart != "") {
			t.Errorf("after a change of %s the bridge serves its tenants as before: %v", key.name, served(b) == serves)
		}
		wanted := b.App.InForce()
		wanted.Realms, wanted.Store.Retention = changed.Realms, changed.Store.Retention // all that needs no restart
		switch want := "changes of " + key.restart + " take effect when the bridge is started again"; {
		case key.restart != "" && problem == want && now == inForce:
			told++
		case key.restart == "" && problem == "" && now != inForce && now == written(t, wanted):
			applied++
		default:
			t.Errorf("a change of %s, with the restart of %q, is told as %q; in force is what was before: %v", key.name, key.restart, problem, now == inForce)
		}
		if problem := b.App.Apply(before); problem != "" || written(t, b.App.InForce()) != inForce {
			t.Fatalf("after a change of %s it cannot be changed back: %s", key.name, problem)
		}
	}
	if applied < 50 || told < 30 {
		t.Errorf("%d changes were applied and %d told", applied, told)
	}
}

// fullConfig is the configuration of a bridge with an entry in each list that a tenant of the realm can have, and with
// organizations and an override.
func fullConfig(t *testing.T, b apptest.Bridge) config.Config {
	t.Helper()
	c, problems := config.Load(b.File)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r := c.Realms[b.Realm]
	r.Tenants = slices.Clone(r.Tenants)
	r.Tenants[0].AccessTokens = []config.AccessToken{{Name: "jwt", Issuer: "https://issuer.test", JWKSURL: "https://issuer.test/keys", Audience: "bridge", Subject: "me"}}
	r.Organizations = config.Organizations{All: true, Profile: config.ProfileTolerant, Policies: r.Tenants[0].Policies}
	r.Organizations.Overrides = []config.Override{{
		Organization: "acme", OrganizationID: "o-1", Profile: config.ProfileTolerant, Policies: r.Tenants[0].Policies,
		AccessTokens: []config.AccessToken{{Name: "jwt", Issuer: "https://issuer.test", JWKSURL: "https://issuer.test/keys", Audience: "bridge", Subject: "me"}},
	}}
	c.Realms[b.Realm] = r
	return c
}

// served is what the bridge serves, without secrets.
func served(b apptest.Bridge) string {
	var out strings.Builder
	for _, t := range b.App.Watcher.Tenants.All() {
		fmt.Fprintf(&out, "%s %s %v %+v %s %p %+v %+v %+v %v\n", t.Path, t.Realm, t.Organization, t.Owner, t.BaseURL, t.Mapping, t.Tokens, t.AccessTokens, t.Policy, t.OfOrganization)
	}
	fmt.Fprintf(&out, "%v %p", b.App.Retention(), b.App.Watcher.Realms.Client(b.Realm))
	return out.String()
}

// cloned is a configuration that can be changed without the other.
func cloned(c config.Config) config.Config {
	c.Realms = maps.Clone(c.Realms)
	for name, r := range c.Realms {
		r.Tenants = slices.Clone(r.Tenants)
		for i := range r.Tenants {
			r.Tenants[i].Tokens, r.Tenants[i].AccessTokens = slices.Clone(r.Tenants[i].Tokens), slices.Clone(r.Tenants[i].AccessTokens)
		}
		r.Organizations.Overrides = slices.Clone(r.Organizations.Overrides)
		for i := range r.Organizations.Overrides {
			r.Organizations.Overrides[i].AccessTokens = slices.Clone(r.Organizations.Overrides[i].AccessTokens)
		}
		c.Realms[name] = r
	}
	return c
}

// written is a configuration as JSON.
func written(t *testing.T, c config.Config) string {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// leaf is a value: its path of fields, keys and numbers, and the key with the tag of a restart that it is or belongs
// to, or "".
type leaf struct {
	name    string
	path    []any
	restart string
}

// leaves are all values below one.
func leaves(name string, v reflect.Value, restart string) (out []leaf) {
	with := func(step any, below []leaf) {
		for _, l := range below {
			l.path = append([]any{step}, l.path...)
			out = append(out, l)
		}
	}
	switch {
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			with(key.String(), leaves(name+"."+key.String(), v.MapIndex(key), restart))
		}
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Index(0).Kind() == reflect.Struct:
		with(0, leaves(name+"[0]", v.Index(0), restart))
	case v.Kind() == reflect.Struct && !reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		for _, field := range reflect.VisibleFields(v.Type()) {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if key == "-" || field.Anonymous {
				continue
			}
			at, below := strings.TrimPrefix(name+"."+key, "."), restart
			if field.Tag.Get("change") == "restart" {
				below = at
			}
			with(field.Index, leaves(at, v.FieldByIndex(field.Index), below))
		}
	default:
		out = append(out, leaf{name: name, restart: restart})
	}
	return out
}

// alter changes a value. It reports false for a value that has no alternative.
func alter(t *testing.T, v reflect.Value, path []any, b apptest.Bridge) bool {
	t.Helper()
	if len(path) == 0 {
		return changeValue(t, v)
	}
	switch step := path[0].(type) {
	case []int:
		field, at := v.Type().FieldByIndex(step), v.FieldByIndex(step)
		switch key, _, _ := strings.Cut(field.Tag.Get("json"), ","); {
		case key == "version", key == "organization" && v.Type() == reflect.TypeFor[config.Tenant](), key == "organizationID" && v.Type() == reflect.TypeFor[config.Tenant]():
			return false // there is only one version; with another organization, the tenant would be another tenant
		case key == "mapping":
			at.SetString(apptest.MappingFile(t, "version: 1\n"))
			return true
		case key == "scope":
			at.SetString(string(config.ScopeOwned))
			return true
		}
		return alter(t, at, path[1:], b)
	case int:
		return alter(t, v.Index(step), path[1:], b)
	case string:
		one := reflect.New(v.Type().Elem()).Elem()
		one.Set(v.MapIndex(reflect.ValueOf(step)))
		ok := alter(t, one, path[1:], b)
		v.SetMapIndex(reflect.ValueOf(step), one)
		return ok
	}
	return false
}

// changeValue gives a value another one of its type.
func changeValue(t *testing.T, v reflect.Value) bool {
	t.Helper()
	text, isText := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	for _, try := range []string{"read-only", "strict", "ignore", "leave", "unowned", "unique", "none", "revive", "continue", "normal", "any", "owned", "refuse", "listed", "debug", "users:read", "37%", "37s", "2031-01-01", strings.Repeat("ab", 32), "abcd1234", "127.0.0.1:7", "https://other.test", "10.7.0.0/16", "other.test"} {
		if isText && text.UnmarshalText([]byte(try)) == nil {
			return true
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Slice:
		one := reflect.New(v.Type().Elem()).Elem()
		if !changeValue(t, one) {
			return false
		}
		v.Set(reflect.Append(reflect.MakeSlice(v.Type(), 0, 1), one))
	default:
		t.Errorf("there is no other value of the type %s", v.Type())
		return false
	}
	return true
}
