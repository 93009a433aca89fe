package tenant

import (
	"regexp"
	"strings"
)

// Entry holds the parts of a tenant's configuration that commands in messages need.
type Entry struct {
	File     string // path of the configuration file
	Mapping  string // path of the mapping file, "" for the built-in mapping
	ClientID string // client ID of the bridge's client in the realm
	// Every says that the realm's organizations are served with their own tokens.
	Every bool
}

// Command returns a command line of scim-bridge about the tenant, ready for a shell.
func (t *Tenant) Command(words ...string) string {
	if t.Entry.File != "" {
		words = append(words, "--config", t.Entry.File)
	}
	return CommandLine(append(append([]string{"scim-bridge"}, words...), "--tenant", t.Path)...)
}

// CommandLine joins words into a line that a shell splits into the same words.
func CommandLine(words ...string) string {
	out := make([]string, len(words))
	for i, word := range words {
		if out[i] = word; !plain.MatchString(word) {
			out[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)
