package scim_test

import (
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestNoPasswordIsKept, wherever a client writes it. Everything else stays.
func TestNoPasswordIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ message, want string }{
		"a user":                  {`{"userName":"jane","password":"hunter2","active":true}`, `{"active":true,"userName":"jane"}`},
		"another case":            {`{"PassWord":"hunter2","x":1}`, `{"x":1}`},
		"a folded letter":         {`{"paſſword":"hunter2","x":1}`, `{"x":1}`},
		"a full name":             {`{"urn:ietf:params:scim:schemas:core:2.0:User:password":"hunter2","x":1}`, `{"x":1}`},
		"an extension":            {`{"urn:acme:1.0:User":{"Password":"hunter2","x":1}}`, `{"urn:acme:1.0:User":{"x":1}}`},
		"a name like it":          {`{"newPassword":"hunter2","password_hash":{"value":"hunter2"},"x":1}`, `{"x":1}`},
		"a number":                {`{"password":["hunter2",{"value":"hunter2"}],"x":1}`, `{"x":1}`},
		"a PATCH with a path":     {`{"Operations":[{"op":"replace","path":"password","value":"hunter2"},{"op":"add","path":"title","value":"t"}]}`, `{"Operations":[{"op":"replace","path":"password"},{"op":"add","path":"title","value":"t"}]}`},
		"a path in another case":  {`{"Operations":[{"Op":"Replace","Path":" PASSWORD ","Value":"hunter2","vaule":"hunter2"}]}`, `{"Operations":[{"Op":"Replace","Path":"password"}]}`},
		"a full path":             {`{"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password","value":"hunter2"}]}`, `{"Operations":[{"op":"add","path":"password"}]}`},
		"a path with a filter":    {`{"Operations":[{"op":"add","path":"password[value eq \"hunter2\"]","value":"hunter2"}]}`, `{"Operations":[{"op":"add","path":"password"}]}`},
		"a path that is wrong":    {`{"Operations":[{"op":"add","path":"/password/value","value":{"a":"hunter2"}}]}`, `{"Operations":[{"op":"add","path":"password"}]}`},
		"a PATCH without a path":  {`{"Operations":[{"op":"replace","value":{"password":"hunter2","title":"t"}}]}`, `{"Operations":[{"op":"replace","value":{"title":"t"}}]}`},
		"a wrapped value":         {`{"Operations":[{"op":"replace","value":[{"PASSWORD":"hunter2","title":"t"}]}]}`, `{"Operations":[{"op":"replace","value":[{"title":"t"}]}]}`},
		"a bulk request":          {`{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"jane","password":"hunter2"}}]}`, `{"Operations":[{"bulkId":"a","data":{"userName":"jane"},"method":"POST","path":"/Users"}]}`},
		"a PATCH in a bulk":       {`{"Operations":[{"method":"PATCH","path":"/Users/1","data":{"Operations":[{"op":"add","path":"password","value":"hunter2"}]}}]}`, `{"Operations":[{"data":{"Operations":[{"op":"add","path":"password"}]},"method":"PATCH","path":"/Users/1"}]}`},
		"a name and a value":      {`{"attributes":[{"name":"Password","value":"hunter2"},{"name":"title","value":"t"}]}`, `{"attributes":[{"name":"password"},{"name":"title","value":"t"}]}`},
		"an object as text":       {`{"Operations":[{"op":"replace","value":"{\"password\":\"hunter2\"}"}],"title":"t"}`, `{"Operations":[{"op":"replace","value":""}],"title":"t"}`},
		"a list as indented text": {`{"value":" \n[{\"passWord\":\"hunter2\"}]"}`, `{"value":""}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, err := scim.Decode([]byte(c.message))
			if err != nil {
				t.Fatal(err)
			}
			kept, found := scim.WithoutPasswords(message)
			got, err := scim.Encode(kept)
			if err != nil || string(got) != c.want || !found {
				t.Errorf("kept %s, %v, %v, want %s", got, found, err, c.want)
			}
			if after, err := scim.Encode(message); err != nil || !strings.Contains(string(after), "hunter2") {
				t.Errorf("the message itself was changed to %s, %v", after, err)
			}
		})
	}
}

// TestAMessageWithoutAPasswordIsKeptAsItIs, and a text about passwords is only a text.
func TestAMessageWithoutAPasswordIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	const text = `{"Operations":[{"op":"add","path":"emails[type eq \"work\"].value","value":"jane@acme.test"}],"title":"Head of Password Support","x":[1,null,true,{"y":"[z"}]}`
	message, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	kept, found := scim.WithoutPasswords(message)
	if got, err := scim.Encode(kept); err != nil || string(got) != text || found {
		t.Errorf("kept %s, %v, %v, want all of it", got, found, err)
	}
}

// FuzzWhatIsKeptHasNoPasswordLeft: a second run finds no password, whatever a client sent.
func FuzzWhatIsKeptHasNoPasswordLeft(f *testing.F) {
	f.Add(`{"a":{"Password":"` + canary + `"}}`)
	f.Add(`{"Operations":[{"op":"add","path":"passWORD","value":["` + canary + `"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		message, err := scim.Decode([]byte(text))
		if err != nil {
			return
		}
		kept, _ := scim.WithoutPasswords(map[string]any{"data": []any{message, map[string]any{"Password": canary, "x": message}}})
		got, err := scim.Encode(kept)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, canary) && strings.Contains(string(got), canary) {
			t.Errorf("kept %s", got)
		}
		again, found := scim.WithoutPasswords(kept)
		if text, err := scim.Encode(again); err != nil || found || string(text) != string(got) {
			t.Errorf("a second time changes %s to %s, %v, %v", got, text, found, err)
		}
	})
}

const canary = "a-very-secret-canary"
