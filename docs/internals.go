package docs

import "regexp"

// internals finds words that mean nothing to a reader without the program and without Keycloak: commands and their
// flags, files, keys of the configuration and of the mapping. It also finds the bridge's own attributes, and rights and
// paths of the Admin API.
var internals = regexp.MustCompile(`(?i:scim-bridge|\bdoctor\b|\bsetup\b|\S+\.ya?ml\b|\badmin api\b|/admin/|realm-management|\b(?:manage|view|query)-(?:users|realm|clients|groups|organizations|events)\b)` +
	`|--[a-z]|\bscim\.[a-z]+\b` +
	`|\b(?:adopt|scope|domains|rehire|profile|access|link|policy|policies|externalId): ?[a-z]` +
	`|\b(?:bareToken|onDelete|onDeactivate|unknownMembers|removalBrake|grantableRoles|managedRoles|defaultGroups|groups\.parent|protected\.[a-z]+|maxMemory\w*|maxInFlight|maxBodyBytes|maxPayloadBytes|requestTimeout|failuresPerMinute|accessTokens|jwksURL|basicAuth\w*)\b`)

// Internal returns the first word of a text that readers at a client do not know, or "". Tests use it.
func Internal(text string) string { return internals.FindString(text) }
