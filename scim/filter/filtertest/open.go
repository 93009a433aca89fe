package filtertest

import (
	"math/rand/v2"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// OpenURN is an extension that no schema publishes; OtherURN begins with its name.
const (
	OpenURN  = "urn:acme:params:scim:schemas:extension:open:2.0:User"
	OtherURN = OpenURN + ":more"
)

var (
	openNames = []string{"text", "level", "mixed", "Many", "parts"}
	openSubs  = []string{"value", "type", "Primary", "deep"}
	openTypes = []scim.Type{scim.TypeString, scim.TypeDecimal, scim.TypeBoolean}
)

// Open is an extension that no schema publishes, with values of any type, as a client may send them.
func Open(r *rand.Rand) map[string]any {
	out := map[string]any{}
	for _, name := range openNames {
		if r.IntN(2) == 0 {
			continue
		}
		switch name {
		case "text", "level":
			out[name] = openValue(r)
		case "mixed":
			out[name] = openElement(r)
		default:
			list := []any{}
			for range r.IntN(4) { //nolint:mnd // 0 to 3 values
				list = append(list, openElement(r))
			}
			out[name] = list
		}
	}
	return out
}

func openElement(r *rand.Rand) any {
	if r.IntN(3) == 0 { //nolint:mnd // at times
		return openValue(r)
	}
	out := map[string]any{}
	for _, sub := range openSubs {
		switch r.IntN(4) { //nolint:mnd // how often which shape comes
		case 0, 1:
			out[sub] = openValue(r)
		case 2: //nolint:mnd // likewise
			out[sub] = []any{openValue(r), openValue(r)}
		}
	}
	if r.IntN(8) == 0 { //nolint:mnd // at times
		out["deep"] = map[string]any{"deeper": map[string]any{"text": Text(r)}}
	}
	return out
}

func openValue(r *rand.Rand) any {
	return Value(r, scim.OpenAttribute("", openTypes[r.IntN(len(openTypes))]))
}

// openLeaves are paths of every type in the extensions.
func openLeaves() (out, plural []leaf) {
	for _, urn := range []string{OpenURN, strings.ToUpper(OpenURN), OtherURN} {
		for _, name := range openNames {
			plural = append(plural, leaf{urn + ":" + name, scim.OpenAttribute(name, "")})
			for _, t := range openTypes {
				out = append(out, leaf{urn + ":" + name, scim.OpenAttribute(name, t)})
				for _, sub := range openSubs {
					out = append(out, leaf{urn + ":" + strings.ToLower(name) + "." + sub, scim.OpenAttribute(sub, t)})
				}
			}
		}
	}
	return out, plural
}

func withinOpen() (out []leaf) {
	for _, t := range openTypes {
		for _, sub := range openSubs {
			out = append(out, leaf{sub, scim.OpenAttribute(sub, t)})
		}
	}
	return out
}
