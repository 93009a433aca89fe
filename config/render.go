package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Draft is the content of a new config.yaml: one realm with one tenant, whose tokens are in a file
// of their own.
type Draft struct {
	KeycloakURL    string // root of the server
	CAFile         string // "" for the system's certificates
	Realm          string // not master
	ClientID       string // of the service account
	SecretFile     string // name of the file with the client secret, relative to config.yaml
	Path           string // of the tenant; "" for the realm's name
	Organization   string // alias of the tenant's organization; "" for a tenant of the realm
	OrganizationID string
	// CredentialKeyFile names the key of organizations that have their own credentials. The file then
	// serves these organizations and no tenant; "" for a tenant.
	CredentialKeyFile string
	TokensFile        string  // name of the tenant's file of tokens, relative to config.yaml
	Scope             Scope   // "" for the default
	Adopt             Adopt   // "" for the default
	Mapping           string  // the mapping file, "" for the built-in mapping
	Listen            Address // "" for the default
	PublicURL         string  // "" for the URL of Listen
	AdminListen       Address // "" for the default
	Socket            string  // for operators' commands; "" for no socket
	StoreFile         string  // name of the store's database, relative to config.yaml; "" for no store
	StoreKeyFile      string  // name of the file with the keys of the store, relative to config.yaml
	// ProtectedUsers and ProtectedGroups are users and groups that SCIM must never change.
	ProtectedUsers, ProtectedGroups []Identified
}

// Identified is a user or a group by its id, with the name that an operator knows.
type Identified struct{ ID, Name string }

// Render returns the text of a config.yaml with a comment for each section. It quotes values and
// does not check them. Load does that, and finds no problem when the values are right and
// SecretFile exists.
func Render(d Draft) string {
	defaults := Default()
	if d.Listen == "" {
		d.Listen = defaults.Server.Listen
	}
	if d.AdminListen == "" {
		d.AdminListen = defaults.Admin.Listen
	}
	var w writer
	w.line("# Configuration of scim-bridge. Every key: docs/reference/configuration.md")
	w.line("# Find problems with: scim-bridge check --config FILE")
	w.line("version: %d", Version)
	w.line("")
	w.line("server: # what identity providers call")
	w.key(2, "listen", string(d.Listen))
	w.key(2, "publicURL", d.PublicURL)
	w.line("admin: # health and metrics; keep it off the public network")
	w.key(2, "listen", string(d.AdminListen))
	w.key(2, "socket", d.Socket)
	if d.StoreFile != "" {
		w.line("store: # what the bridge did; without this section it remembers nothing of it")
		w.line("  sqlite:")
		w.key(4, "file", d.StoreFile)
		w.key(2, "keyFile", d.StoreKeyFile)
	}
	w.main(d)
	return w.String()
}

// StoreSecret is the Secret that the values of RenderValues name for the keys of the store. The
// Secret of the other files changes when tokens are rotated, and would lose the keys.
const StoreSecret = "scim-bridge-store" //nolint:gosec // a name

// RenderValues returns the text of a values file for the Helm chart. It is as from Render, without
// the addresses and the files of the store, which the chart sets.
func RenderValues(d Draft) string {
	var w writer
	w.main(d)
	var out writer
	out.line("# Values for the Helm chart keycloak-scim-bridge. Every key of config: docs/reference/configuration.md")
	if d.StoreFile != "" {
		out.line("# What the bridge did is in a volume. Without a store it remembers nothing of it.")
		out.line("store:")
		out.line("  enabled: true")
		out.line("  keySecret: %s # with the file store-key", StoreSecret)
	}
	out.line("config:")
	if d.PublicURL != "" {
		out.line("  server:")
		out.key(4, "publicURL", d.PublicURL)
	}
	for line := range strings.Lines(w.String()) {
		if line != "\n" {
			line = "  " + line
		}
		_, _ = out.WriteString(line)
	}
	return out.String()
}

// main writes Keycloak and the realm.
func (w *writer) main(d Draft) {
	w.line("keycloak:")
	w.key(2, "url", d.KeycloakURL)
	w.key(2, "caFile", d.CAFile)
	w.line("")
	w.line("realms:")
	w.line("  %s:", strconv.Quote(d.Realm))
	w.line("    credentials: # the bridge's service account")
	w.key(6, "clientID", d.ClientID)
	w.key(6, "clientSecretFile", d.SecretFile)
	if len(d.ProtectedUsers)+len(d.ProtectedGroups) > 0 {
		w.line("    protected: # clients must never change these, whatever their names are")
		w.identified("users", d.ProtectedUsers)
		w.identified("groups", d.ProtectedGroups)
	}
	if d.CredentialKeyFile != "" {
		w.organizations(d)
	} else {
		w.tenant(d)
	}
}

// Render returns the text of the file, which LoadTokens reads.
func (l TokenList) Render() string {
	var w writer
	w.line("# Only the hashes of tokens. Change them with scim-bridge tokens new and tokens revoke.")
	w.line("version: %d", Version)
	if len(l.Tokens) == 0 {
		w.line("tokens: []")
		return w.String()
	}
	w.line("tokens:")
	for _, t := range l.Tokens {
		w.line("%s", strings.TrimRight(t.Render(), "\n"))
	}
	return w.String()
}

// Render returns the entry of a list of tokens, with its line breaks.
func (t Token) Render() string {
	var w writer
	w.line("  - name: %s", strconv.Quote(t.Name))
	w.key(4, "keyID", string(t.KeyID))
	w.key(4, "sha256", t.SHA256.String())
	if !t.Expires.IsZero() {
		w.line("    expires: %s", t.Expires.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if len(t.Scopes) > 0 {
		scopes := make([]string, len(t.Scopes))
		for i, s := range t.Scopes {
			scopes[i] = string(s)
		}
		w.line("    scopes: [%s]", `"`+strings.Join(scopes, `", "`)+`"`)
	}
	return w.String()
}

type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...)
}

// identified writes a list of ids, each with its name in a comment.
func (w *writer) identified(key string, list []Identified) {
	if len(list) == 0 {
		return
	}
	w.line("      %s:", key)
	for _, one := range list {
		w.line("        - %s # %s", strconv.Quote(NamedByID+one.ID), strconv.Quote(one.Name))
	}
}

// organizations writes the key that serves every organization.
func (w *writer) organizations(d Draft) {
	w.line("    # Every organization for which scim-bridge tokens new made a token.")
	if d.Mapping == "" && d.Adopt == "" {
		w.line("    organizations: \"*\"")
	} else {
		w.line("    organizations:")
		w.key(6, "mapping", d.Mapping)
		w.key(6, "adopt", string(d.Adopt))
	}
	w.key(4, "credentialKeyFile", d.CredentialKeyFile)
}

// tenant writes the only tenant.
func (w *writer) tenant(d Draft) {
	w.line("    tenants:")
	w.line("      - tokensFile: %s # by scim-bridge tokens new and tokens revoke", strconv.Quote(d.TokensFile))
	w.key(8, "organization", d.Organization)
	w.key(8, "organizationID", d.OrganizationID)
	w.key(8, "path", d.Path)
	w.key(8, "mapping", d.Mapping)
	if d.Scope != "" {
		w.line("        scope: %s # the client does not see users that no endpoint created", d.Scope)
	}
	if d.Adopt != "" {
		w.line("        adopt: %s # the client takes over users and groups that no endpoint created", d.Adopt)
	}
	w.line("        # For Okta, which sends the token without \"Bearer\", and never repeats a 400:")
	w.line("        # bareToken: true")
	w.line("        # unknownMembers: ignore")
	w.line("        # For Okta, JumpCloud and Google, whose ids each identify one person:")
	w.line("        # externalId: unique")
}

// key writes a key with a quoted value, and nothing for an empty value. strconv.Quote writes the
// escapes of YAML's double-quoted style (YAML 1.2.2 section 5.7) for every valid UTF-8 text.
func (w *writer) key(indent int, key, value string) {
	if value != "" {
		w.line("%s%s: %s", strings.Repeat(" ", indent), key, strconv.Quote(value))
	}
}
