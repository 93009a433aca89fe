package keycloaktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// The members that 26.7 knows. Any other member gives a 400.
const (
	userFields = " id username firstName lastName email emailVerified attributes userProfileMetadata enabled self origin" +
		" createdTimestamp totp federationLink serviceAccountClientId credentials disableableCredentialTypes requiredActions" +
		" federatedIdentities realmRoles clientRoles clientConsents notBefore applicationRoles socialLinks groups access "
	groupFields = " id name description path parentId subGroupCount subGroups attributes realmRoles clientRoles access "
)

// object reads a body as Jackson does: broken JSON, JSON of another type and unknown members are three different
// errors. known is a list of names between blanks, "" for all. A nil object is an empty body or null.
func (c *call) object(what, known string) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	var value any
	switch err := d.Decode(&value); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, notJSON("invalid_request")
	case value == nil:
		return nil, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, notJSON("unknown_error")
	}
	return object, c.checkMembers(what, known, object)
}

func (c *call) checkMembers(what, known string, object map[string]any) error {
	for name := range object {
		if known == "" || bytes.Contains([]byte(known), []byte(" "+name+" ")) {
			continue
		}
		quoted := strconv.Quote(name)
		return refuse(http.StatusBadRequest, fmt.Sprintf("Invalid json representation for %s. Unrecognized field %s at line 1 column %d.",
			what, quoted, bytes.Index(c.body, []byte(quoted))+len(quoted)+4))
	}
	return nil
}

// text is a member as Jackson makes a String of it. ok is false for an absent member and null.
func text(object map[string]any, name string) (value string, ok bool, err error) {
	switch v := object[name].(type) {
	case nil:
		return "", false, nil
	case string:
		return v, true, nil
	case json.Number:
		return v.String(), true, nil
	case bool:
		return strconv.FormatBool(v), true, nil
	default:
		return "", false, notJSON("unknown_error")
	}
}

func boolean(object map[string]any, name string) (value, ok bool, err error) {
	switch v := object[name].(type) {
	case nil:
		return false, false, nil
	case bool:
		return v, true, nil
	case string:
		if v == "true" || v == "false" {
			return v == "true", true, nil
		}
	}
	return false, false, notJSON("unknown_error")
}

// userAttributes reads the attributes of a user, for which Keycloak is lenient: a bare value is a list with that value,
// null and blanks are ignored. nil means absent.
func userAttributes(object map[string]any) map[string][]string {
	switch v := object["attributes"].(type) {
	case nil:
		return nil
	case map[string]any:
		out := map[string][]string{}
		for name, value := range v {
			out[name] = texts(value)
		}
		return out
	default:
		return map[string][]string{}
	}
}

func texts(value any) []string {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var out []string
	for _, v := range list {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case json.Number:
			out = append(out, v.String())
		case bool:
			out = append(out, strconv.FormatBool(v))
		}
	}
	return slices.DeleteFunc(out, blank)
}

// groupAttributes reads the attributes of a group, for which Keycloak is strict.
func groupAttributes(object map[string]any) (map[string][]*string, error) {
	value, there := object["attributes"]
	if !there || value == nil {
		return nil, nil
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, notJSON("unknown_error")
	}
	out := map[string][]*string{}
	for name, value := range members {
		list, ok := value.([]any)
		if !ok && value != nil {
			return nil, notJSON("unknown_error")
		}
		for _, v := range list {
			s, there, err := text(map[string]any{"v": v}, "v")
			if err != nil {
				return nil, err
			}
			element := &s
			if !there {
				element = nil
			}
			out[name] = append(out[name], element)
		}
	}
	return out, nil
}
