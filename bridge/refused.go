package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// bothTaken is a conflict of both the address and the user name. Keycloak checks the address first and reports only
// that (measured on 26.7.5).
type bothTaken struct{ error }

func (e bothTaken) Unwrap() error { return e.error }

// taken finds out whether the user name is taken too when the address is taken. It does so only at a tenant of a realm,
// because an organization would learn about other users. It makes a call.
func (r *request) taken(ctx context.Context, err error) error {
	failed, ok := errors.AsType[*apply.Error](err)
	if !ok || keycloak.KindOf(err) != keycloak.Conflict || !r.organization().IsZero() || !strings.Contains(keycloak.MessageOf(err), "same email") {
		return err
	}
	name := plan.Value(failed.Step, "username")
	id, _ := plan.Target(failed.Step)
	if name == "" {
		return err
	}
	users, failure := r.client.Users(ctx, keycloak.UserQuery{Username: name, Brief: true, Max: 1})
	if failure != nil || len(users) == 0 || users[0].ID == id.String() {
		return err
	}
	return bothTaken{err}
}

// characters explains an error of Keycloak's two validators of characters, which have the same code. It names the first
// character that each refuses, and the remedy.
func characters(code, value string) refusal {
	prohibited := `<>&"$%!#?§;*~/\|^=[]{}()`
	if code == codeUsernameCharacter {
		prohibited += "',:`"
	}
	var texts []string
	remedy := ""
	for _, one := range []struct {
		refuses func(rune) bool
		refusal
	}{
		{func(c rune) bool {
			return unicode.IsControl(c) || code == codeUsernameCharacter && unicode.IsSpace(c) || strings.ContainsRune(prohibited, c)
		}, refusal{"contains %q, which the realm's user profile refuses; send it without this character, or ask the operator of this endpoint to allow it", "setup --relax-validators"}},
		{func(c rune) bool {
			return code == codeUsernameCharacter && !unicode.Is(unicode.Latin, c) && !unicode.Is(unicode.Common, c)
		}, refusal{"contains %q, but the realm's user profile allows only the Latin script; send it in Latin letters, or ask the operator of this endpoint to allow all scripts", "setup --allow-all-scripts"}},
	} {
		if i := strings.IndexFunc(value, one.refuses); i >= 0 {
			texts = append(texts, fmt.Sprintf(one.text, string([]rune(value[i:])[:1])))
			remedy = joined(remedy, one.remedy)
		}
	}
	if len(texts) == 0 {
		return refusal{text: "contains a character that the realm's user profile refuses; send it without this character, or ask the operator of this endpoint to allow it"}
	}
	return refusal{strings.Join(texts, "; it "), remedy}
}

// The codes of these validators.
const (
	codeUsernameCharacter = "error-username-invalid-character"
	codePersonCharacter   = "error-person-name-invalid-character"
)

// refusedValue is the value that a failed plan wanted to write into a field of Keycloak, or "".
func refusedValue(err error, field string) string {
	if failed, ok := errors.AsType[*apply.Error](err); ok {
		return plan.Value(failed.Step, field)
	}
	return ""
}

// bothText names the attributes of bothTaken.
const bothText = scim.AttrUserName + " and the primary e-mail address"

// refusal is the reason why Keycloak refuses a value, for the client, and the command that allows the value, for the
// log. The command can be "".
type refusal struct{ text, remedy string }

// joined adds a remedy, unless it is there already.
func joined(remedies, one string) string {
	switch {
	case one == "" || strings.Contains(remedies, one):
		return remedies
	case remedies == "":
		return one
	}
	return remedies + ", " + one
}
