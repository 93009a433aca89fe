package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// The names of the files that setup writes.
const (
	ConfigName = "config.yaml"
	ValuesName = "values.yaml" // for the Helm chart
	SecretName = "secret"
	// CredentialKeyName is the file of the key that signs the credentials of organizations.
	CredentialKeyName = "credential-key" //nolint:gosec // the name of a file
	TokensName        = "tokens.yaml"
	StoreName         = "store.db" // the bridge creates it
	StoreKeyName      = "store-key"
)

// TokenName is the name of the token that Write makes, and TokenMonths its validity in months.
const (
	TokenName   = "idp"
	TokenMonths = 12
)

// Installation describes the directory that Write creates: a configuration that Serve accepts, the client's secret,
// a new token and the key of a store.
type Installation struct {
	Dir   string
	Draft config.Draft // Write adds the names of the files
	Every bool         // serve every organization that has a credential: write a key for these credentials instead of a token
	Helm  bool         // also write the values of the chart
}

// Installed is what Write has written.
type Installed struct {
	BaseURL string `json:"baseURL,omitempty"`
	Token   string `json:"token,omitempty"`
	Config  string `json:"config"`
	// StoreKey is the file with the key of the store; "" when Config had a store before. Nobody can read the store
	// without the key.
	StoreKey string `json:"storeKey,omitempty"`
	// Kept is set when Config existed already: the file to which the new configuration was written instead.
	Kept string `json:"kept,omitempty"`
	// Missing are the lines of Kept that are not in Config.
	Missing []MissingLine `json:"missing,omitempty"`
}

// MissingLine is a line to add to a configuration, and its place.
type MissingLine struct {
	Below  string `json:"below"`  // the path of its parent, as realms.acme.tenants[0]; "" for the top level
	Line   string `json:"line"`   // without its indentation; it begins with a dash only when the line before it is missing too
	Indent int    `json:"indent"` // the spaces before the line
}

// Write creates the directory with config.yaml, the client's secret, a token and the key of a store. It does not change
// an existing config.yaml or the files that it names: a bridge may run with them.
func (i Installation) Write(secret string) (Installed, error) {
	d := i.Draft
	d.SecretFile, d.TokensFile, d.Socket = SecretName, TokensName, i.socket()
	if i.Every {
		d.CredentialKeyFile = CredentialKeyName
	}
	file := filepath.Join(i.Dir, ConfigName)
	if err := os.MkdirAll(i.Dir, 0o700); err != nil {
		return Installed{}, err
	}
	key, err := i.addStore(&d, file)
	if err != nil {
		return Installed{}, err
	}
	if _, err := os.Stat(file); err == nil {
		if held, err := os.ReadFile(filepath.Join(i.Dir, SecretName)); err != nil || string(held) != secret {
			d.SecretFile += next
		}
		if err := i.writeDraft(d, file+next, secret); err != nil {
			return Installed{}, err
		}
		missing, err := missingLines(file, config.Render(d))
		return Installed{Config: file, StoreKey: key, Kept: file + next, Missing: missing}, err
	}
	token, keyID, sum := auth.NewToken()
	tokens := config.TokenList{Tokens: []config.Token{{
		Name: TokenName, KeyID: config.KeyID(keyID), SHA256: sum, Expires: config.Expiry{Time: time.Now().AddDate(0, TokenMonths, 0)},
	}}}
	if err := errors.Join(i.writeCredentials(tokens), i.writeDraft(d, file, secret)); err != nil {
		return Installed{}, err
	}
	c, problems := config.Load(file)
	if len(problems) > 0 {
		return Installed{}, fmt.Errorf("the new configuration has a problem: %s", problems[0])
	}
	if i.Every {
		return Installed{BaseURL: tenant.BaseURL(string(c.Server.PublicURL), tenant.OrganizationPath(d.Realm, "ALIAS")), Config: file, StoreKey: key}, nil
	}
	path := c.Realms[d.Realm].Tenants[0].Path
	return Installed{BaseURL: tenant.BaseURL(string(c.Server.PublicURL), path), Token: token, Config: file, StoreKey: key}, nil
}

// CommandLine joins words into a command line. A shell splits it into the same words.
func CommandLine(words ...string) string { return tenant.CommandLine(words...) }

// next ends the name of a file that is written beside an existing file.
const next = ".new"

// writeDraft writes a configuration, and the secret that the configuration names.
func (i Installation) writeDraft(d config.Draft, file, secret string) error {
	err := errors.Join(
		os.WriteFile(filepath.Join(i.Dir, d.SecretFile), []byte(secret), 0o600),
		os.WriteFile(file, []byte(config.Render(d)), 0o600),
	)
	if i.Helm && err == nil {
		err = os.WriteFile(filepath.Join(i.Dir, ValuesName+strings.TrimPrefix(filepath.Base(file), ConfigName)), []byte(config.RenderValues(d)), 0o600)
	}
	return err
}

// writeCredentials writes the key for the credentials of organizations, or the token of the tenant.
func (i Installation) writeCredentials(tokens config.TokenList) error {
	if !i.Every {
		return os.WriteFile(filepath.Join(i.Dir, TokensName), []byte(tokens.Render()), 0o600)
	}
	return writeNew(filepath.Join(i.Dir, CredentialKeyName), rand.Text()+rand.Text())
}

// addStore adds a new store and makes its key, and returns the file of the key. The store of an existing configuration
// stays where it is, because another store would not have its history; then addStore returns "".
func (i Installation) addStore(d *config.Draft, file string) (key string, err error) {
	if c, _ := config.Load(file); c.Store.On() { // also when the file has a problem
		d.StoreFile, d.StoreKeyFile = i.beside(c.Store.SQLite.File), i.beside(string(c.Store.KeyFile))
		return "", nil
	}
	d.StoreFile, d.StoreKeyFile = StoreName, StoreKeyName
	key = filepath.Join(i.Dir, StoreKeyName)
	return key, writeNew(key, config.NewStoreKey()+"\n")
}

// beside is the name of a file as the configuration in the directory writes it.
func (i Installation) beside(name string) string {
	if short, err := filepath.Rel(i.Dir, name); err == nil && filepath.IsLocal(short) {
		return short
	}
	return name
}

// writeNew writes a file unless it exists: a new key would invalidate all credentials, and make a store unreadable.
func writeNew(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the directory
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// socket is the name of the control socket in the new directory; "" when its path would be too long for a socket.
func (i Installation) socket() string {
	const name = "control.sock"
	dir, err := filepath.Abs(i.Dir)
	if err != nil || len(filepath.Join(dir, name)) > config.MaxSocket {
		return ""
	}
	return name
}

// missingLines are the lines of a rendered text that a file does not have. Comments and the name of the secret are
// left out.
func missingLines(file, text string) ([]MissingLine, error) {
	held, err := os.ReadFile(file) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, err
	}
	has := map[string]bool{"": true}
	for line := range strings.Lines(string(held)) {
		has[bareLine(line)] = true
	}
	var out []MissingLine
	var path keyPath
	before := false // whether the line before is missing
	for line := range strings.Lines(text) {
		bare := bareLine(line)
		if bare == "" || strings.HasPrefix(bare, "#") {
			continue
		}
		below := path.enter(line)
		missing := !has[bare] && !strings.HasPrefix(bare, "clientSecretFile:")
		if missing {
			whole, _, _ := strings.Cut(strings.TrimSpace(line), " #")
			whole = strings.TrimSpace(whole)
			indent := len(line) - len(strings.TrimLeft(line, " "))
			if !before { // the item of the list is there already
				indent, whole = indent+len(whole)-len(bare), bare
			}
			out = append(out, MissingLine{below, whole, indent})
		}
		before = missing
	}
	return out, nil
}

// bareLine is a line of YAML without its indentation, list dash and trailing comment.
func bareLine(line string) string {
	line, _, _ = strings.Cut(line, " #")
	return strings.TrimLeft(strings.TrimSpace(line), "- ")
}

// keyPath is a position in a YAML text: the keys above the line, each with its indentation.
type keyPath []struct {
	indent int
	name   string
}

// enter moves to the next line, and returns the path of its parent. Setup only writes lists with a single entry.
func (p *keyPath) enter(line string) string {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	for len(*p) > 0 && (*p)[len(*p)-1].indent >= indent {
		*p = (*p)[:len(*p)-1]
	}
	add := func(indent int, name string) {
		*p = append(*p, struct {
			indent int
			name   string
		}{indent, name})
	}
	if rest, item := strings.CutPrefix(text, "- "); item && strings.Contains(rest, ": ") {
		const dash = 2
		add(indent, "[0]")
		indent, text = indent+dash, rest
	}
	names := make([]string, 0, len(*p))
	for _, key := range *p {
		names = append(names, key.name)
	}
	if name, _, is := strings.Cut(text, ":"); is {
		add(indent, strings.Trim(name, `"`))
	}
	return strings.ReplaceAll(strings.Join(names, "."), ".[", "[")
}
