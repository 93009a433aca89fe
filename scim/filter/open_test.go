package filter_test

import (
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// TestAFilterNamesWhatNoSchemaPublishes: U is the URN of the extension.
func TestAFilterNamesWhatNoSchemaPublishes(t *testing.T) {
	t.Parallel()
	object, err := scim.Decode([]byte(`{"id":"1","userName":"u","urn:acme:partner:2.0:User":{"Badge":"B2","level":7,"flag":true,"none":"","tags":["a","b"],
		"desk":{"room":"1","value":"x"},"cards":[{"type":"door","value":"1","primary":true},{"type":"car","value":"2","size":{"w":1}}],"mixed":["a",5,{"value":"c"}]},"urn:acme:partner:2.0:User:more":{"badge":"M"},"urn:a:ext:2.0":{"n":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	const u = "urn:acme:partner:2.0:User"
	for text, want := range map[string]bool{
		u + `:badge eq "b2"`: true, `URN:ACME:PARTNER:2.0:user:BADGE sw "B"`: true, u + `.badge eq "B2"`: true, u + `:badge eq "B"`: false, u + `:badge ne "B"`: true,
		u + `:badge co "2"`: true, u + `:badge gt "a"`: true, u + `:level eq 7.0`: true, u + `:level eq "7"`: false, u + `:level gt 6 and ` + u + `:level lt 8`: true, u + `:badge eq 2`: false,
		u + `:flag eq true`: true, u + `:flag eq false`: false, u + `:flag eq "true"`: false, u + `:level pr`: true, u + `:none pr`: false, u + `:absent pr`: false, u + `:absent eq null`: true, u + `:absent ne "x"`: true,
		u + `:tags eq "B"`: true, u + `:tags eq "c"`: false, u + `:tags[value eq "a"]`: true, u + `:desk.room eq "1"`: true, u + `:desk eq "x"`: true, u + `:desk.Value eq "x"`: true,
		u + `:cards[type eq "door" and value eq "1"]`: true, u + `:cards[type eq "door" and value eq "2"]`: false, u + `:cards[type eq "door"].value eq "1"`: true, u + `:cards.value eq "2"`: true, u + `:cards eq "2"`: true,
		u + `:cards[primary eq true and type eq "door"]`: true, u + `:cards.size pr`: true, u + `:cards.size eq "1"`: false, u + `:mixed eq 5`: true, u + `:mixed eq "C"`: true, u + `:mixed[value eq "a"]`: true,
		u + `:more:badge eq "m"`: true, `urn:a:ext:2.0:n eq 1`: true, `urn:nobody:has:it eq "x"`: false, `not (urn:nobody:has:it pr)`: true,
	} {
		e, err := filter.Parse(text, scim.UserType())
		if err != nil {
			t.Errorf("Parse(%s): %v", text, err)
			continue
		}
		if got := filter.Match(e, object); got != want {
			t.Errorf("%s = %t, want %t", text, got, want)
		}
		again, err := filter.Parse(filter.String(e), scim.UserType())
		if err != nil || filter.Match(again, object) != want {
			t.Errorf("%s is written as %s, which is %v", text, filter.String(e), err)
		}
	}
	for _, text := range []string{
		u + ` pr`, u + `: eq "x"`, u + `:flag gt true`, u + `:level co 7`, u + `:a.b.c eq 1`, u + `:desk.room[value eq 1]`, u + `:tags[a:b eq 1]`, `urn:a:b eq "x"`, `urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq "x"`,
		`urn:scim:schemas:core:1.0:userName eq "x"`, `badge eq "B2"`, scim.EnterpriseUserURN + `:badge eq "B2"`,
	} {
		if _, err := filter.Parse(text, scim.UserType()); err == nil {
			t.Errorf("Parse(%s) is taken, want a refusal", text)
		}
	}
	for _, urn := range []string{u, scim.EnterpriseUserURN} { // which /Schemas lists
		if _, err := filter.Parse(urn+" pr", scim.UserType()); err == nil || !strings.Contains(err.Error(), "name one of its attributes, as in "+urn+":name") {
			t.Errorf("an extension as a whole is refused with %v", err)
		}
	}
	if _, err := filter.Parse(u+`:badge eq "x"`, scim.UserType().Under(scim.Strict)); err == nil {
		t.Error("the strict profile takes a filter on what no schema publishes")
	}
	if e, err := filter.Parse(`employeeNumber eq 4711`, scim.UserType()); err != nil || filter.String(e) != scim.EnterpriseUserURN+`:employeeNumber eq "4711"` {
		t.Errorf("a number for a text is %v, %v", e, err)
	}
}

// TestSortByWhatNoSchemaPublishes: numbers come before texts, texts before booleans, absent values last.
func TestSortByWhatNoSchemaPublishes(t *testing.T) {
	t.Parallel()
	s, err := filter.ParseSort("urn:acme:partner:2.0:user:rank", "", scim.UserType())
	if err != nil {
		t.Fatal(err)
	}
	var before filter.Placed
	for i, value := range []string{`-7`, `2`, `10`, `"10"`, `"a"`, `"Ä"`, `"b"`, `["c","a"]`, `[{"value":"a"},{"value":"d","primary":true}]`, `true`, `{"x":1}`} {
		object, err := scim.Decode([]byte(`{"id":"` + string(rune('z'-i)) + `","urn:acme:partner:2.0:User":{"Rank":` + value + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		at := s.Sorter().Place(s.Position(object))
		if i > 0 && before.Compare(at) >= 0 {
			t.Errorf("%s does not stand behind the one before", value)
		}
		before = at
	}
	for _, by := range []string{"urn:acme:partner:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group:displayName", "rank"} {
		if _, err := filter.ParseSort(by, "", scim.UserType()); err == nil {
			t.Errorf("sortBy %s is taken, want a refusal", by)
		}
	}
}
