package keycloaktest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// createRealm creates an enabled realm; the body may have settings that the fake knows.
func createRealm(c *call) (reply, error) {
	t, err := c.f.authenticate(c.r)
	if err != nil {
		return reply{}, err
	}
	if !t.caller(c.f.realms[masterRealm]).super {
		return reply{}, forbidden()
	}
	object, err := c.object("RealmRepresentation", "")
	if err != nil {
		return reply{}, err
	}
	name, ok, err := text(object, "realm")
	if err != nil || !ok {
		return reply{}, notModelled("realm without a name")
	}
	if c.f.realms[name] != nil {
		return reply{}, message(http.StatusConflict, "Realm "+name+" already exists")
	}
	delete(object, "components") // they contain the providers of keys, which the fake does not have
	delete(object, "defaultSignatureAlgorithm")
	r := c.f.addRealm(name)
	if err := r.set(object); err != nil {
		delete(c.f.realms, name)
		return reply{}, err
	}
	return created(c.f.server.URL+"/admin/realms/"+url.PathEscape(name), nil)
}

// set stores the settings that the fake knows.
func (r *realm) set(object map[string]any) error {
	for name := range object {
		if _, ok := r.settings[name]; !ok && name != "realm" && name != "id" {
			return notModelled("setting of a realm: " + name)
		}
	}
	delete(object, "realm")
	delete(object, "id")
	maps.Copy(r.settings, object)
	r.permit()
	return nil
}

// readRealm shows everything to callers who may see the realm, and little to others: they do not see
// editUsernameAllowed.
func readRealm(c *call) (reply, error) {
	if !c.caller.super && len(c.caller.rights) == 0 {
		return reply{}, forbidden()
	}
	out := map[string]any{"realm": c.realm.name, "organizationsEnabled": c.realm.settings["organizationsEnabled"]}
	if c.caller.may(viewRealm, manageRealm) {
		out["id"], out["defaultRole"] = c.realm.id, c.realm.roles[0].show(false)
		maps.Copy(out, c.realm.settings)
	}
	if c.caller.may(viewUsers, manageUsers) {
		out["registrationEmailAsUsername"] = c.realm.settings["registrationEmailAsUsername"]
	}
	return found(out)
}

func writeRealm(c *call) (reply, error) {
	object, err := c.object("RealmRepresentation", "")
	if err != nil {
		return reply{}, err
	}
	if err := c.realm.set(object); err != nil {
		return reply{}, err
	}
	return done()
}

func deleteRealm(c *call) (reply, error) {
	delete(c.f.realms, c.realm.name)
	return done()
}

// readPublicRealm needs no rights.
func readPublicRealm(c *call) (reply, error) {
	r := c.f.realms[c.path("realm")]
	if r == nil {
		return reply{}, refuse(http.StatusNotFound, "Realm does not exist")
	}
	return found(map[string]any{"realm": r.name})
}

func listRequiredActions(c *call) (reply, error) {
	out := []any{}
	for name := range strings.FieldsSeq(requiredActions) {
		out = append(out, map[string]any{"alias": name, "enabled": true, "defaultAction": slices.Contains(c.realm.firstActions, name)})
	}
	return found(out)
}

func writeRequiredAction(c *call) (reply, error) {
	var body struct{ DefaultAction bool }
	if json.Unmarshal(c.body, &body) != nil || !strings.Contains(requiredActions, " "+c.path("alias")+" ") {
		return reply{}, notModelled("required action " + c.path("alias"))
	}
	c.realm.firstActions = slices.DeleteFunc(c.realm.firstActions, func(a string) bool { return a == c.path("alias") })
	if body.DefaultAction {
		c.realm.firstActions = append(c.realm.firstActions, c.path("alias"))
	}
	return done()
}
