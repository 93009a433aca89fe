package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// annotation is the annotation of a user profile attribute by which Keycloak's own SCIM API maps
// the attribute (Keycloak 26.6 and newer). Its value is a path. After the URN of an extension, 26.6
// writes a dot, later versions a colon.
const annotation = "kc.scim.schema.attribute"

// FromAnnotations returns a mapping file that stores attributes where Keycloak's own SCIM API
// stores them, by the annotations of a user profile. notes name the annotations that it cannot use.
func FromAnnotations(p keycloak.UserProfile) (file config.Mapping, notes []string) {
	file.Version = config.MappingVersion
	for _, a := range p.Attributes {
		path := a.Annotation(annotation)
		if path == "" {
			continue
		}
		if why := annotated(&file, a, path); why != "" {
			notes = append(notes, fmt.Sprintf("%s is annotated with %s: %s", a.Name, path, why))
		}
	}
	return file, notes
}

// annotated adds one attribute, or returns the reason why it cannot.
func annotated(file *config.Mapping, a keycloak.ProfileAttribute, path string) (why string) {
	if standard()[a.Name] == path {
		return "" // the built-in mapping does the same
	}
	var name config.AttributeName
	switch err := name.UnmarshalText([]byte(a.Name)); {
	case err != nil:
		return "the name of the Keycloak attribute " + err.Error()
	case isReserved(a.Name) || isField(a.Name):
		return "the bridge stores that attribute in its own way"
	}
	known, err := scim.UserType().Resolve(path)
	switch {
	case err == nil && known.Known() && known.Name != "":
		return addRule(file, known, name)
	case strings.HasPrefix(path, "urn:"):
		return addAttribute(file, a, path, name)
	}
	return "there is no such attribute"
}

// standard is the mapping of Keycloak's own SCIM API without annotations.
func standard() map[string]string {
	return map[string]string{
		"username": scim.AttrUserName, "email": scim.AttrEmails,
		FieldFirstName: scim.AttrName + "." + scim.AttrGivenName, FieldLastName: scim.AttrName + "." + scim.AttrFamilyName,
		AttrExternalID: scim.AttrExternalID, AttrDisplayName: scim.AttrDisplayName,
	}
}

func addRule(file *config.Mapping, path scim.AttrPath, name config.AttributeName) (why string) {
	if path.Attr.MultiValued || path.Leaf().Type == scim.TypeComplex {
		return "it has several values or parts; write a rule with a value path"
	}
	if path.URN == "" && slices.Contains([]string{scim.AttrUserName, scim.AttrActive, scim.AttrPassword}, path.Name) {
		return "the bridge stores that attribute in its own way"
	}
	file.Users.Attributes = append(file.Users.Attributes, config.Entry[config.Rule]{Name: path.String(), Value: config.Rule{Keycloak: name}})
	return ""
}

// addAttribute adds an attribute of a schema that belongs to the realm.
func addAttribute(file *config.Mapping, a keycloak.ProfileAttribute, path string, name config.AttributeName) (why string) {
	i := strings.LastIndexByte(path, ':')
	urn, attribute := path[:i], path[i+1:]
	if !scim.ValidName(attribute) || !urnForm.MatchString(urn) {
		return "the path is not understood"
	}
	s := slices.IndexFunc(file.Schemas, func(e config.Entry[config.Schema]) bool { return strings.EqualFold(e.Name, urn) })
	if s < 0 {
		s = len(file.Schemas)
		file.Schemas = append(file.Schemas, config.Entry[config.Schema]{Name: urn, Value: config.Schema{Resource: config.ResourceUser}})
	}
	schema := &file.Schemas[s].Value
	schema.Attributes = append(schema.Attributes, config.Entry[config.Attribute]{
		Name: attribute, Value: config.Attribute{Keycloak: name, MultiValued: a.MultiValued},
	})
	return ""
}
