package config

// MappingVersion is the version of the mapping file's format that this package reads.
const MappingVersion = 1

// Mapping is mapping.yaml: where the attributes of a tenant's resources live in
// Keycloak. The json tags are the keys of the file; the doc tags are what its
// reference page and its JSON Schema say of them.
type Mapping struct {
	Version int           `json:"version" doc:"The version of the format: 1. Required."`
	Schemas Table[Schema] `json:"schemas" doc:"Extension schemas of your own, by their URN. /Schemas publishes them."`
	Users   UserMapping   `json:"users" doc:"How users are stored."`
	Groups  GroupMapping  `json:"groups" doc:"How groups are stored."`

	GrantableRoles []RoleName `json:"grantableRoles" doc:"All roles of Keycloak that rules of this file may grant: the name of a role of the realm, or { client: shop, role: editor } for a role of a client. What a rule granted is taken back when none does any more; what a person granted stays. Roles that administer the realm cannot be among them."`
	ManagedRoles   []RoleName `json:"managedRoles" doc:"Roles that belong to this file, written like those of grantableRoles: rules may grant them, and they are taken from every user and group of the tenant to which no rule grants them, whoever gave them."`
}

// Table is a mapping of the file in the order of the file: names and what belongs to
// them.
type Table[T any] []Entry[T]

// Entry is a name of a Table and what belongs to it.
type Entry[T any] struct {
	Name  string
	Value T
	Where Where // of the name, for Source.Add
}

// Where is the path of a key in its file, for Source.Add.
type Where string

// Key is the path of a key below.
func (w Where) Key(name string) Where { return Where(join(string(w), name)) }

// Item is the path of an entry of a list.
func (w Where) Item(i int) Where { return Where(item(string(w), i)) }

// Schema is an extension schema (RFC 7643 section 3.3).
type Schema struct {
	Resource    Resource         `json:"resource" doc:"What the schema extends: User or Group. Required."`
	Name        string           `json:"name" doc:"The name that /Schemas shows; default: the last parts of the URN."`
	Description string           `json:"description" doc:"What /Schemas says of it; default: its name."`
	Attributes  Table[Attribute] `json:"attributes" doc:"The attributes by their names. Required."`
}

// Attribute defines an attribute of an extension schema (RFC 7643 section 7) and says
// where it is stored. Without Keycloak it is kept in scim.remainder.
type Attribute struct {
	Type            AttributeType       `json:"type" doc:"string, boolean, integer, decimal, dateTime, reference, binary or complex; default string."`
	MultiValued     bool                `json:"multiValued" doc:"Whether it has several values, whose order does not count; default false."`
	Description     string              `json:"description" doc:"What /Schemas says of it; default: its name."`
	Required        bool                `json:"required" doc:"Whether a resource that uses the schema must have it; default false."`
	CaseExact       bool                `json:"caseExact" doc:"Whether upper and lower case differ when values are compared; default false."`
	Mutability      Mutability          `json:"mutability" doc:"readWrite (default), readOnly (shows what the Keycloak attribute holds), immutable (can be set once) or writeOnly."`
	Returned        Returned            `json:"returned" doc:"default, always, request (when a client asks for it) or never; default: default, of a writeOnly attribute never."`
	Uniqueness      Uniqueness          `json:"uniqueness" doc:"none (default) or server: two resources with one value are refused, which needs a look-up whenever the value changes."`
	CanonicalValues []string            `json:"canonicalValues" doc:"Values that /Schemas suggests (RFC 7643 section 7). Others are taken too; the transform map refuses them."`
	ReferenceTypes  []string            `json:"referenceTypes" doc:"Of a reference: what it points at, as User, Group, external or uri."`
	SubAttributes   Table[SubAttribute] `json:"subAttributes" doc:"Of a complex attribute: its sub-attributes by their names."`
	Keycloak        AttributeName       `json:"keycloak" doc:"The Keycloak attribute that holds it."`
	Transform       []Transform         `json:"transform" doc:"What happens to its values on the way to Keycloak, in this order; see Transforms."`
	Value           Expression          `json:"value" doc:"A CEL expression that gives the value at every write, whatever the client sends; see Expressions."`
}

// SubAttribute defines a sub-attribute of a complex attribute.
type SubAttribute struct {
	Type            AttributeType `json:"type" doc:"As of an attribute, but complex."`
	MultiValued     bool          `json:"multiValued" doc:"As of an attribute."`
	Description     string        `json:"description" doc:"As of an attribute."`
	Required        bool          `json:"required" doc:"Whether a value of the complex attribute must have it; default false."`
	CaseExact       bool          `json:"caseExact" doc:"As of an attribute."`
	Mutability      Mutability    `json:"mutability" doc:"As of an attribute."`
	Returned        Returned      `json:"returned" doc:"As of an attribute."`
	CanonicalValues []string      `json:"canonicalValues" doc:"As of an attribute."`
	ReferenceTypes  []string      `json:"referenceTypes" doc:"As of an attribute."`
	Keycloak        AttributeName `json:"keycloak" doc:"The Keycloak attribute that holds it, of each value when the attribute has several."`
	Transform       []Transform   `json:"transform" doc:"As of an attribute."`
}

// Rule says where an attribute is stored.
type Rule struct {
	Keycloak  AttributeName `json:"keycloak" doc:"The Keycloak attribute that holds it, or firstName or lastName."`
	Transform []Transform   `json:"transform" doc:"What happens to its values on the way to Keycloak, in this order; see Transforms."`
	Value     Expression    `json:"value" doc:"A CEL expression that gives the value at every write, whatever the client sends; see Expressions."`
}

// UserMapping says how users are stored.
type UserMapping struct {
	Attributes    Table[Rule] `json:"attributes" doc:"Rules by the path of the attribute: title, name.formatted, phoneNumbers[type eq \"work\"].value, or with the URN of an extension and a colon in front."`
	Unmapped      Unmapped    `json:"unmapped" doc:"What happens to attributes that no rule and no field holds: keep (default), refuse (400) or drop (counted and logged). /Schemas does not offer them unless they are kept."`
	Password      Password    `json:"password" doc:"What happens to a password that the client sends: ignore (default; counted), accept (set, whenever it is sent), or initial (set when the user is created, who must change it at the first login; later ones are ignored and counted). Accepted passwords must meet the realm's password policy."`
	DefaultGroups []GroupPath `json:"defaultGroups" doc:"Groups that every user joins when it is created, by their paths in Keycloak, as /everyone, or their ids, as id:0d9f…. They must exist."`
	EmailVerified bool        `json:"emailVerified" doc:"Whether an e-mail address that the client sets counts as verified in Keycloak; default false."`
	Roles         []RoleRule  `json:"roles" doc:"Roles that users get; see Roles."`
	Link          Link        `json:"link" doc:"The identity provider to which a user is linked when it is created; see Linking."`
}

// RoleRule grants roles to users.
type RoleRule struct {
	When  Expression `json:"when" doc:"A CEL expression: the users for which it is true have the roles; default: all."`
	Grant []RoleName `json:"grant" doc:"The roles, each one of grantableRoles or managedRoles. Required."`
}

// Link says how a new user is linked to an identity provider of the realm. The zero Link
// links nobody.
type Link struct {
	IdentityProvider Alias  `json:"identityProvider" doc:"The alias of the identity provider in Keycloak. Required."`
	UserID           string `json:"userId" doc:"The path of the attribute that holds the id which the identity provider knows the user by, as externalId. Required; a new user without it is refused."`
	UserName         string `json:"userName" doc:"The path of the attribute that holds the name which the identity provider knows the user by; default userName. Keycloak only shows it."`
}

// GroupMapping says how groups are stored.
type GroupMapping struct {
	Attributes Table[Rule]       `json:"attributes" doc:"Rules by the path of the attribute, as for users."`
	Unmapped   Unmapped          `json:"unmapped" doc:"As for users."`
	Parent     GroupPath         `json:"parent" doc:"The group below which this endpoint's groups live, by its path in Keycloak, as /scim, or its id, as id:0d9f…. It must exist; default: the top level. Groups elsewhere are not there for the client. Where several tenants have groups of the realm, each needs one of its own."`
	Roles      Table[[]RoleName] `json:"roles" doc:"Roles of groups by their displayName, each one of grantableRoles or managedRoles; see Roles."`
}

// RoleName names a role of the realm or of a client.
type RoleName struct {
	Client string `json:"client" doc:"The client id."` // "" for a role of the realm
	Role   string `json:"role" doc:"The name."`
}

// Transform is one step of a rule.
type Transform struct {
	Name  string // one of TransformDocs
	Text  string // the argument of a transform that takes a text
	Pairs []Pair // the argument of map
	Where Where  // of its name
}

// Pair is an entry of the transform map.
type Pair struct{ From, To string }

// TransformDoc describes a transform.
type TransformDoc struct {
	Name     string
	Argument string // "", "text" or "table"
	In       string // what it does on the way to Keycloak
	Out      string // what it does on the way back
}

// TransformDocs are the transforms that there are.
func TransformDocs() []TransformDoc {
	const asStored = "the value as it is stored"
	return []TransformDoc{
		{"trim", "", "removes blanks at both ends", asStored},
		{"lower", "", "turns upper case into lower case", asStored},
		{"upper", "", "turns lower case into upper case", asStored},
		{"prefix", "text", "puts the text in front", "removes it; a value without it is shown as it is stored"},
		{"suffix", "text", "puts the text behind", "removes it; a value without it is shown as it is stored"},
		{"map", "table", "replaces the value by its entry in the table; refuses a value that has none", "the entry that it came from; a value that has none is shown as it is stored"},
		{"default", "text", "takes the text when the client sends no value", asStored},
		{"constant", "text", "takes the text whatever the client sends", asStored},
		{"split", "text", "splits one value at the text into several, 1,000 at most, whose blanks at both ends are removed", "joins them with the text, in the order in which they were sent"},
		{"join", "text", "joins several values with the text into one; refuses a value that holds the text", "splits it at the text"},
		{"json", "", "writes a complex value as JSON text", "reads the JSON text"},
	}
}
