package scim

// Profile says how strictly the bridge reads the requests of a tenant's clients. Each bit switches off a tolerance.
// Tolerant accepts all spellings of the table Tolerances. Strict refuses them, and so enforces the SCIM
// interoperability profile (draft-zollner-scim-interop-profile). Profiles are compared with ==.
type Profile uint64

// The profiles.
const (
	Tolerant Profile = 0
	Strict   Profile = 1<<64 - 1
)

// Takes reports whether the profile accepts requests that need the tolerance.
func (p Profile) Takes(t Tolerance) bool { return p&Profile(t) == 0 }

// Without is the profile without some more tolerances.
func (p Profile) Without(off ...Tolerance) Profile {
	for _, t := range off {
		p |= Profile(t)
	}
	return p
}

// Off are the tolerances that are switched off, in the order of the table. For Strict the list is empty, because it has
// no tolerances.
func (p Profile) Off() []Tolerance {
	var out []Tolerance
	for _, rule := range Tolerances() {
		if p != Strict && !p.Takes(rule.Tolerance) {
			out = append(out, rule.Tolerance)
		}
	}
	return out
}

// String is the name of the profile: "strict", or "tolerant" for a profile with a tolerance.
func (p Profile) String() string {
	if p == Strict {
		return "strict"
	}
	return "tolerant"
}

// Tolerance is a deviation from the RFC that clients need, see Tolerances.
type Tolerance uint64

// The tolerances, each where the code handles it.
const (
	AnySchemas Tolerance = 1 << iota
	AnyOpCase
	BooleanText
	NumberForText
	WrappedSingle
	UnwrappedMulti
	BareComplex
	RoleText
	ManyPrimaries
	UnknownAttributes
	ShortExtensionPath
	DotAfterURN
	PathlessPatch
	LoneUntyped
	CreateOnNoMatch
	WholeElementPath
	MergeOnReplace
	RemoveListed
	SubBehindFilter
	EncodedTwice
	NoContentType
	FilterOnWrite
	OpaqueManager
	FreeCountry
	AnyCertificate
	NumberText
	AttributesText
)

// String is the name by which the tolerance is switched off.
func (t Tolerance) String() string {
	for _, rule := range Tolerances() {
		if rule.Tolerance == t {
			return rule.Name
		}
	}
	return ""
}

// ToleranceRule is one line of the table of tolerances.
type ToleranceRule struct {
	Tolerance Tolerance
	Name      string // the name by which it is switched off
	Takes     string // the spelling that the tolerant profile accepts, and its meaning
	Strict    string // what the strict profile answers
	Source    string // the client that sends it, or the source that the strict profile follows
}

// Tolerances is the table of all tolerances, in the order in which a request meets them.
func Tolerances() []ToleranceRule {
	return []ToleranceRule{
		{NoContentType, "no-content-type", "a body without Content-Type", "415", "curl scripts; RFC 7644 section 3.8"},
		{FilterOnWrite, "filter-on-write", "a filter in the URL of a write, which is ignored", "400 invalidSyntax", "interop profile section 6"},
		{AnySchemas, "any-schemas", "a missing, wrong or foreign entry of schemas", "400 invalidSyntax", "Okta, OneLogin, Entra's malformed enterprise URN"},
		{NumberText, "number-text", `startIndex, count or failOnErrors as a text in a body, where "" means that it is absent; in a URL, such a number with a fraction of zero`, "400 invalidSyntax, 400 invalidValue in a URL", "scim-sdk-client's searches; RFC 7644 sections 3.4.3 and 3.7 have numbers"},
		{AttributesText, "attributes-text", `attributes or excludedAttributes of a search as one text with commas, or with commas in an element; "" means that it is absent`, "400 invalidSyntax", "scim-sdk-client; RFC 7644 section 3.4.3 has a list"},
		{UnknownAttributes, "unknown-attributes", "attributes and extensions that no schema publishes: the endpoint keeps and returns them, and paths and projections may name them; filters may name attributes of extensions", "400 invalidSyntax, 400 invalidPath in a path, 400 invalidFilter in a filter", "Okta and Entra send unmapped attributes; interop profile section 5.3"},
		{BooleanText, "boolean-text", "booleans as text in any case, also in filters", "400 invalidValue or invalidFilter", "Entra's default mapping, mitodl/keycloak-scim"},
		{NumberForText, "number-for-text", "a number or a boolean in place of a text, also in filters: it becomes a text as it was sent, 4711 becomes \"4711\"; not for a password, a reference, a date or binary data", "400 invalidValue or invalidFilter", "HR systems and scripts that send employeeNumber as a number"},
		{WrappedSingle, "wrapped-single", `[x] or {"value": x} in place of the single value x; [{…}] as the value of an operation without a path; [x] to replace the only value of an attribute that no schema knows`, "400 invalidValue", "Entra's legacy jobs, ConnId, scim-sdk-client 1.30.0"},
		{UnwrappedMulti, "unwrapped-multi", "one value in place of a list with one value", "400 invalidValue", "OneLogin's emails; interop profile section 8"},
		{BareComplex, "bare-complex", `x in place of {"value": x}`, "400 invalidValue", "Entra's manager, lists of member ids"},
		{RoleText, "role-text", "a text that contains the role as JSON, in place of the role", "the text is the value of the role", "Entra's app role mapping by PATCH"},
		{ManyPrimaries, "many-primaries", "several primary values: only the first of them stays primary", "400 invalidValue", "RFC 7643 section 2.4 allows one primary value"},
		{FreeCountry, "free-country", "any text as the country of an address", "400 invalidValue", "Entra sends names; RFC 7643 section 4.1.2"},
		{AnyCertificate, "any-certificate", "any base64 as a certificate", "400 invalidValue", "test suites; RFC 7643 section 4.1.2"},
		{OpaqueManager, "opaque-manager", "a manager whose id belongs to no user: the id is kept as it was sent", "400 invalidValue", "Entra's SCIM Validator sends random ids"},
		{AnyOpCase, "any-op-case", "op in any case", "400 invalidSyntax", "Entra writes Add, Replace, Remove"},
		{PathlessPatch, "pathless-patch", "operations without a path; the names of the members of their value may be paths", "400 invalidSyntax", "Okta, Entra with aadOptscim062020; interop profile section 8"},
		{ShortExtensionPath, "short-extension-path", "an attribute of an extension without its URN, if the core schema has no attribute of that name", "400 invalidPath or invalidFilter", "Entra's manager"},
		{DotAfterURN, "dot-after-urn", "a dot in place of the colon after a schema URN", "400 invalidPath or invalidFilter", "ConnId"},
		{LoneUntyped, "lone-untyped", `[type eq "work"] or [primary eq true] if no value of emails, phoneNumbers or addresses matches: it selects the only value without a type, or without primary. This holds in a path, and in a filter that finds no user`, "400 noTarget for a replace; a remove removes nothing, and a filter finds nothing", `Entra's emails[type eq "work"].value, for users whose address came without a type`},
		{CreateOnNoMatch, "create-on-no-match", "add or replace with a filter of eq terms that no value matches: the operation creates the value", "400 noTarget", `Entra's emails[type eq "work"].value; erratum 8097`},
		{WholeElementPath, "whole-element-path", "add or replace with a filter in the path and no sub-attribute after it", "400 invalidPath", "RFC 7644 section 3.5.2.3; refused by the interop profile section 8"},
		{MergeOnReplace, "merge-on-replace", "a replace of a complex attribute keeps the sub-attributes that the operation does not name", "the whole value is replaced", "RFC 7644 section 3.5.2.3; the interop profile section 8 replaces"},
		{RemoveListed, "remove-listed", "remove with a value: the operation removes the listed values", "400 invalidSyntax", "Entra's members, authentik, ssosync"},
		{SubBehindFilter, "sub-behind-filter", `a filter emails[type eq "work"].value eq "x"`, "400 invalidFilter", "Entra, where the work address is the matching attribute"},
		{EncodedTwice, "encoded-twice", "a filter value that is percent-encoded twice, if the value as it was sent finds nothing", "not found", "Entra's SCIM Validator"},
	}
}

// CheckMessage refuses a message whose schema is not the expected one (RFC 7644 section 3.1).
func (p Profile) CheckMessage(object map[string]any, urn string) error {
	if p.Takes(AnySchemas) {
		return nil
	}
	value, _ := Member(object, AttrSchemas)
	list, _ := value.([]any)
	if len(list) != 1 || list[0] != any(urn) {
		return BadRequest(CodeSchemas, InvalidSyntax, "\"schemas\" must be [%q]", urn)
	}
	return nil
}
