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

// bothTaken is a conflict of the address and of the user name. Keycloak tells of the address alone, with which it
// begins (measured on 26.7.5).
type bothTaken struct{ error }

func (e bothTaken) Unwrap() error { return e.error }

// taken finds out whether a conflict of an address is one of the user name too, at a tenant of a realm: which of
// the two is taken would tell an organization of somebody else. It takes a call.
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

// characters words a complaint of one of Keycloak's two validators of characters, which answer with one code: it
// names the first character that each refuses, and what its remedy is.
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
		}, refusal{"holds %q, which the realm's user profile refuses; send it without, or have the operator of this endpoint allow it", "setup --relax-validators"}},
		{func(c rune) bool {
			return code == codeUsernameCharacter && !unicode.Is(unicode.Latin, c) && !unicode.Is(unicode.Common, c)
		}, refusal{"holds %q, which is not of the Latin script, and the realm's user profile takes no other; send it in Latin letters, or have the operator of this endpoint allow all scripts", "setup --allow-all-scripts"}},
	} {
		if i := strings.IndexFunc(value, one.refuses); i >= 0 {
			texts = append(texts, fmt.Sprintf(one.text, string([]rune(value[i:])[:1])))
			remedy = joined(remedy, one.remedy)
		}
	}
	if len(texts) == 0 {
		return refusal{text: "holds a character that the realm's user profile refuses; send it without, or have the operator of this endpoint allow it"}
	}
	return refusal{strings.Join(texts, "; it "), remedy}
}

// The codes of those validators.
const (
	codeUsernameCharacter = "error-username-invalid-character"
	codePersonCharacter   = "error-person-name-invalid-character"
)

// refusedValue is what a plan that failed would have written into a field of Keycloak, "" for what is none.
func refusedValue(err error, field string) string {
	if failed, ok := errors.AsType[*apply.Error](err); ok {
		return plan.Value(failed.Step, field)
	}
	return ""
}

// bothText words bothTaken.
const bothText = scim.AttrUserName + " and the primary e-mail address"

// refusal is why Keycloak refuses a value, for the client, and for the log what lets it in, "" for nothing.
type refusal struct{ text, remedy string }

// joined adds a remedy to others that are not the same.
func joined(remedies, one string) string {
	switch {
	case one == "" || strings.Contains(remedies, one):
		return remedies
	case remedies == "":
		return one
	}
	return remedies + ", " + one
}
