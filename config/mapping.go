package config

// MappingVersion is the version of the mapping file's format that this package reads.
const MappingVersion = 1

// Mapping is mapping.yaml: where Keycloak stores the attributes of a tenant's resources. The json
// tags are the keys of the file. The doc tags are their descriptions in the reference page and in
// the JSON Schema.
type Mapping struct {
	Version int           `json:"version" doc:"The version of the format: 1. Required."`
	Schemas Table[Schema] `json:"schemas" doc:"Extension schemas of your own, by their URN. /Schemas publishes them."`
	Users   UserMapping   `json:"users" doc:"How users are stored."`
	Groups  GroupMapping  `json:"groups" doc:"How groups are stored."`

	GrantableRoles []RoleName `json:"grantableRoles" doc:"All roles of Keycloak that rules of this file may grant: the name of a role of the realm, or { client: shop, role: editor } for a role of a client. A role that a rule granted is removed when no rule grants it any more; a role that a person granted stays. Roles that administer the realm are refused."`
	ManagedRoles   []RoleName `json:"managedRoles" doc:"Roles that belong to this file, written as in grantableRoles. Rules may grant them. They are removed from every user and group of the tenant to which no rule grants them, also when a person granted them."`
}

// Table is a mapping of the file, in the order of the file: names and their values.
type Table[T any] []Entry[T]

// Entry is a name of a Table and its value.
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
	Description string           `json:"description" doc:"The description that /Schemas shows; default: the name."`
	Attributes  Table[Attribute] `json:"attributes" doc:"The attributes by their names. Required."`
}

// Attribute defines an attribute of an extension schema (RFC 7643 section 7) and says where it is
// stored. Without the key keycloak it is stored in scim.remainder.
type Attribute struct {
	Type            AttributeType       `json:"type" doc:"string, boolean, integer, decimal, dateTime, reference, binary or complex; default string."`
	MultiValued     bool                `json:"multiValued" doc:"Whether the attribute has several values, in any order; default false."`
	Description     string              `json:"description" doc:"The description that /Schemas shows; default: the name."`
	Required        bool                `json:"required" doc:"Whether a resource that uses the schema must have the attribute; default false."`
	CaseExact       bool                `json:"caseExact" doc:"Whether upper and lower case differ when values are compared; default false."`
	Mutability      Mutability          `json:"mutability" doc:"readWrite (default), readOnly (shows the value of the Keycloak attribute), immutable (can be set once) or writeOnly."`
	Returned        Returned            `json:"returned" doc:"default, always, request (when a client asks for it) or never; default: default, and never for a writeOnly attribute."`
	Uniqueness      Uniqueness          `json:"uniqueness" doc:"none (default) or server: two resources with the same value are refused, and each change of the value needs a look-up."`
	CanonicalValues []string            `json:"canonicalValues" doc:"Values that /Schemas suggests (RFC 7643 section 7). Other values are accepted too; use the transform map to refuse them."`
	ReferenceTypes  []string            `json:"referenceTypes" doc:"For a reference: the type that it refers to, such as User, Group, external or uri."`
	SubAttributes   Table[SubAttribute] `json:"subAttributes" doc:"For a complex attribute: its sub-attributes by their names."`
	Keycloak        AttributeName       `json:"keycloak" doc:"The Keycloak attribute that stores the value."`
	Transform       []Transform         `json:"transform" doc:"Changes of the values on the way to Keycloak, in this order; see Transforms."`
	Value           Expression          `json:"value" doc:"A CEL expression that gives the value at every write, whatever the client sends; see Expressions."`
}

// SubAttribute defines a sub-attribute of a complex attribute.
type SubAttribute struct {
	Type            AttributeType `json:"type" doc:"As for an attribute, without complex."`
	MultiValued     bool          `json:"multiValued" doc:"As for an attribute."`
	Description     string        `json:"description" doc:"As for an attribute."`
	Required        bool          `json:"required" doc:"Whether a value of the complex attribute must have the sub-attribute; default false."`
	CaseExact       bool          `json:"caseExact" doc:"As for an attribute."`
	Mutability      Mutability    `json:"mutability" doc:"As for an attribute."`
	Returned        Returned      `json:"returned" doc:"As for an attribute."`
	CanonicalValues []string      `json:"canonicalValues" doc:"As for an attribute."`
	ReferenceTypes  []string      `json:"referenceTypes" doc:"As for an attribute."`
	Keycloak        AttributeName `json:"keycloak" doc:"The Keycloak attribute that stores the sub-attribute, for each value when the attribute has several."`
	Transform       []Transform   `json:"transform" doc:"As for an attribute."`
}

// Rule says where an attribute is stored.
type Rule struct {
	Keycloak  AttributeName `json:"keycloak" doc:"The Keycloak attribute that stores the value, or firstName or lastName."`
	Transform []Transform   `json:"transform" doc:"Changes of the values on the way to Keycloak, in this order; see Transforms."`
	Value     Expression    `json:"value" doc:"A CEL expression that gives the value at every write, whatever the client sends; see Expressions."`
}

// UserMapping says how users are stored.
type UserMapping struct {
	Attributes    Table[Rule] `json:"attributes" doc:"Rules by the path of the attribute: title, name.formatted, phoneNumbers[type eq \"work\"].value, or with the URN of an extension and a colon before it."`
	Unmapped      Unmapped    `json:"unmapped" doc:"What happens to attributes that no rule and no field stores: keep (default), refuse (400) or drop (counted and logged). /Schemas shows them only with keep."`
	Password      Password    `json:"password" doc:"What happens to a password that the client sends: ignore (default; counted), accept (set, whenever it is sent), or initial (set only when the user is created). With initial the user must change the password at the first login, and later passwords are ignored and counted. Accepted passwords must meet the realm's password policy."`
	DefaultGroups []GroupPath `json:"defaultGroups" doc:"Groups that every new user joins, by their paths in Keycloak, such as /everyone, or their ids, such as id:0d9f…. They must exist."`
	EmailVerified bool        `json:"emailVerified" doc:"Whether an e-mail address that the client sets counts as verified in Keycloak; default false."`
	Roles         []RoleRule  `json:"roles" doc:"Roles that users get, and the rules for them."`
	Link          Link        `json:"link" doc:"The identity provider to which a new user is linked; see Linking."`
}

// RoleRule grants roles to users.
type RoleRule struct {
	When  Expression `json:"when" doc:"A CEL expression: users for which it is true have the roles; default: all users."`
	Grant []RoleName `json:"grant" doc:"The roles, which must be in grantableRoles or managedRoles. Required."`
}

// Link says how a new user is linked to an identity provider of the realm. The zero Link links no
// user.
type Link struct {
	IdentityProvider Alias  `json:"identityProvider" doc:"The alias of the identity provider in Keycloak. Required."`
	UserID           string `json:"userId" doc:"The path of the attribute with the user's id at the identity provider, such as externalId. Required; a new user without this id is refused."`
	UserName         string `json:"userName" doc:"The path of the attribute with the user's name at the identity provider; default userName. Keycloak only shows this name."`
}

// GroupMapping says how groups are stored.
type GroupMapping struct {
	Attributes Table[Rule]       `json:"attributes" doc:"Rules by the path of the attribute, as for users."`
	Unmapped   Unmapped          `json:"unmapped" doc:"As for users."`
	Parent     GroupPath         `json:"parent" doc:"The parent of this endpoint's groups, by its path in Keycloak, such as /scim, or its id, such as id:0d9f…. The group must exist; default: the top level. The client cannot see groups elsewhere. If several tenants have groups of the realm, each needs its own parent."`
	Roles      Table[[]RoleName] `json:"roles" doc:"Roles of groups by displayName; each role must be in grantableRoles or managedRoles. See Roles."`
}

// RoleName names a role of the realm or of a client.
type RoleName struct {
	Client string `json:"client" doc:"The client id."` // "" for a role of the realm
	Role   string `json:"role" doc:"The name."`
}

// Transform is one step of a rule.
type Transform struct {
	Name  string // one of TransformDocs
	Text  string // the argument of a transform that needs a text
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

// TransformDocs describes all transforms.
func TransformDocs() []TransformDoc {
	const asStored = "the value as it is stored"
	return []TransformDoc{
		{"trim", "", "removes blanks at both ends", asStored},
		{"lower", "", "turns upper case into lower case", asStored},
		{"upper", "", "turns lower case into upper case", asStored},
		{"prefix", "text", "puts the text before the value", "removes it; a value without it is shown as it is stored"},
		{"suffix", "text", "puts the text after the value", "removes it; a value without it is shown as it is stored"},
		{"map", "table", "replaces the value by its entry in the table; refuses a value that is not in the table", "the value that the table replaces by the stored value; another stored value is shown as it is"},
		{"default", "text", "uses the text when the client sends no value", asStored},
		{"constant", "text", "uses the text whatever the client sends", asStored},
		{"split", "text", "splits one value at the text into at most 1,000 values, and removes blanks at both ends of each", "joins the values with the text, in the order in which the client sent them"},
		{"join", "text", "joins several values with the text into one value; refuses a value that contains the text", "splits the value at the text"},
		{"json", "", "writes a complex value as JSON text", "reads the JSON text"},
	}
}
