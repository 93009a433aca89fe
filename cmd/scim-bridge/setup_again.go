package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// again is the command line that runs setup for the same realm and the same mapping.
func (f setupFlags) again() string {
	words := []string{"scim-bridge", "setup", "--url", f.url, "--realm", f.realm}
	for _, one := range [][3]string{
		{"--admin-realm", f.adminRealm, "master"}, {"--client-id", f.clientID, realm.DefaultClientID}, {"--mapping", f.mapping, ""}, {"--organization", f.organization, ""},
	} {
		if one[1] != one[2] {
			words = append(words, one[0], one[1])
		}
	}
	if f.every {
		words = append(words, "--all-organizations")
	}
	if f.manageRealm {
		words = append(words, "--allow-manage-realm")
	}
	return tenant.CommandLine(words...)
}

// missingLines are the lines of a text that a file does not have, but for comments and the name of the new secret.
func missingLines(file, text string) ([]string, error) {
	held, err := os.ReadFile(file) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, err
	}
	bare := func(line string) string {
		line, _, _ = strings.Cut(line, " #")
		return strings.TrimLeft(strings.TrimSpace(line), "- ")
	}
	has := map[string]bool{"": true}
	for line := range strings.Lines(string(held)) {
		has[bare(line)] = true
	}
	var out []string
	for line := range strings.Lines(text) {
		if line = bare(line); !has[line] && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "clientSecretFile:") {
			out = append(out, line)
		}
	}
	return out, nil
}

func (f setupFlags) print(out io.Writer, r result) error {
	if f.output == "json" {
		return json.NewEncoder(out).Encode(r)
	}
	if r.Kept != "" {
		todo := tenant.CommandLine("scim-bridge", "serve", "--config", r.Config)
		if len(r.Missing) > 0 {
			todo = fmt.Sprintf("write into %s what it shall have of these lines, which stand in %s; a running bridge applies them\n          %s", r.Config, r.Kept, strings.Join(r.Missing, "\n          "))
		}
		_, err := fmt.Fprintf(out, "Kept      %s is there already; what setup would write is in %s\nNext      %s\n", r.Config, r.Kept, todo)
		return err
	}
	if r.Token == "" {
		_, err := fmt.Fprintf(out, "SCIM URL  %s, for each organization with a token\nNext      %s\n          %s\n", r.BaseURL,
			tenant.CommandLine("scim-bridge", "serve", "--config", r.Config), tenant.CommandLine("scim-bridge", "tokens", "new", "--config", r.Config, "--organization", "ALIAS"))
		return err
	}
	next := tenant.CommandLine("scim-bridge", "serve", "--config", r.Config)
	if f.helm {
		next = fmt.Sprintf("kubectl create secret generic scim-bridge --from-file=%s --from-file=%s, then install the chart with --values %s",
			filepath.Join(f.out, secretName), filepath.Join(f.out, tokensName), filepath.Join(f.out, valuesName))
	}
	_, err := fmt.Fprintf(out, `SCIM URL  %s
Token     %s   (shown once; good for %d months)
Next      %s
`, r.BaseURL, r.Token, tokenMonths, next)
	return err
}
