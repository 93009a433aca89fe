package tenant

import (
	"regexp"
	"strings"
)

// Entry is what the configuration says of a tenant that commands need which texts name.
type Entry struct {
	File     string // the configuration
	Mapping  string // the mapping file, "" for the built-in mapping
	ClientID string // of the service account of its realm
	// Every says that the realm's organizations are served with their own tokens.
	Every bool
}

// Command is a command line of scim-bridge about the tenant, that a shell takes as it is.
func (t *Tenant) Command(words ...string) string {
	if t.Entry.File != "" {
		words = append(words, "--config", t.Entry.File)
	}
	return CommandLine(append(append([]string{"scim-bridge"}, words...), "--tenant", t.Path)...)
}

// CommandLine puts words together to a line that a shell takes apart into the same words.
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
