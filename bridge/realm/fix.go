package realm

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// DefaultClientID is the client ID of the bridge's client, unless an operator chooses another.
const DefaultClientID = "scim-bridge"

// Fixes that are commands. Report.fix replaces the parts in braces.
const (
	fixSetup    = "{setup}"
	fixRestrict = "{setup} --restrict-attributes"
	fixRelax    = "{setup} --relax-validators"
	fixScripts  = "{setup} --allow-all-scripts"

	fixUsernames = "{setup} --allow-username-changes"
	fixFeed      = "{setup} --change-feed"
	fixUserFeed  = "{setup} --user-events"
)

// fixMissing is the remedy when the realm lacks something that the mapping names.
const fixMissing = "create it in Keycloak, or change the mapping"

// fix completes the commands of a remedy, so that an operator can paste them into a shell. A
// command is a whole line; the explanation is in the lines before it.
func (r *Report) fix(text string) string {
	if r.of == nil {
		return text
	}
	return strings.NewReplacer(
		"{setup}", r.setup(), "{tokens new}", r.of.Command("tokens", "new"), "{tokens revoke}", r.of.Command("tokens", "revoke"), "{doctor}", r.of.Command("doctor"),
		"{adopt}", r.of.Command("adopt"), "{users list}", r.of.Command("users", "list"),
	).Replace(text)
}

// setup returns the command that prepares the realm for the tenant.
func (r *Report) setup() string {
	words := []string{"scim-bridge", "setup", "--url", r.url, "--realm", r.realm}
	if id := r.of.Entry.ClientID; id != "" && id != DefaultClientID {
		words = append(words, "--client-id", id)
	}
	if file := r.of.Entry.Mapping; file != "" {
		words = append(words, "--mapping", file)
	}
	switch alias := r.of.Organization.Alias; {
	case !r.of.Owner.Organization:
	case alias == tenant.EveryOrganization, r.of.Found, r.of.OfOrganization:
		words = append(words, "--all-organizations")
	default:
		words = append(words, "--organization", alias)
	}
	return tenant.CommandLine(words...)
}
