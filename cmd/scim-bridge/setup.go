package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// adminFlags are the flags of a command that an administrator of Keycloak runs.
type adminFlags struct {
	url, realm, adminRealm, user, password string
}

func (f *adminFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "http://127.0.0.1:8080", "Keycloak's `URL`")
	flags.StringVar(&f.realm, "realm", "", "the `realm` (required)")
	flags.StringVar(&f.adminRealm, "admin-realm", "master", "the `realm` of the administrator's account")
	flags.StringVar(&f.user, "admin-user", "", "the administrator's `name`")
	flags.StringVar(&f.password, "admin-password", "", "the administrator's `password`; the environment hides it better")
}

// setupFlags are the flags of setup.
type setupFlags struct {
	adminFlags

	mapping               string
	clientID, out, output string
	listen, adminListen   string
	publicURL             string
	helm                  bool
	yes, relax, usernames bool
	scripts, restrict     bool
	feed                  bool
	existing              string // see existingChoices

	protectUsers  []string            // user names
	protectGroups []string            // paths
	users, groups []config.Identified // those, once they were looked up

	organization   string // alias
	every          bool
	manageRealm    bool
	organizationID keycloak.OrganizationID // once it was looked up
}

func newSetup() *cobra.Command {
	var f setupFlags
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make a realm fit for the bridge; shows its plan and asks first",
		Long: `Make a realm fit for the bridge: a service account with the rights it needs and the
user attributes it writes. Shows what it would change, asks, and changes nothing that
is right already. With --out it also writes a configuration that "serve" takes as it
is, and prints the SCIM URL and a new token once.

The administrator's name and password come from the flags, else from KEYCLOAK_ADMIN
and KEYCLOAK_ADMIN_PASSWORD, else from a prompt.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return setup(cmd, f) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.clientID, "client-id", realm.DefaultClientID, "the client `id` of the service account")
	flags.StringVar(&f.mapping, "mapping", "", "the mapping `file` whose attributes the realm shall declare; default: the built-in mapping")
	flags.StringVar(&f.organization, "organization", "", "the `alias` of the organization whose members the endpoint is for; default: the whole realm")
	flags.BoolVar(&f.every, "all-organizations", false, "serve every organization of the realm that \"tokens new\" makes a credential for")
	flags.BoolVar(&f.manageRealm, "allow-manage-realm", false, "with --organization before Keycloak 26.7: grant manage-realm, as nothing less opens Organizations")
	flags.BoolVar(&f.relax, "relax-validators", false, "also remove the stock validators that refuse o'neil@… and Entra's guests")
	flags.BoolVar(&f.scripts, "allow-all-scripts", false, "also remove the stock validator that lets user names have Latin letters alone, which keeps names out that look like another one")
	flags.BoolVar(&f.restrict, "restrict-attributes", false, "also take from users the right to edit the attributes of the mapping, where the realm gives it")
	flags.BoolVar(&f.usernames, "allow-username-changes", false, "also let user names be changed")
	flags.BoolVar(&f.feed, "change-feed", false, "also have the realm store admin events, from which the bridge sees what others change")
	flags.StringArrayVar(&f.protectUsers, "protect-user", nil, "with --out: the user `name` of an account that clients shall never change; may be repeated")
	flags.StringArrayVar(&f.protectGroups, "protect-group", nil, "with --out: the `path` of a group that clients shall never change, with its members; may be repeated")
	flags.StringVar(&f.existing, "existing", "", "with --out: what the client may do with users that are there already, manage, leave or adopt; default: asks, with --yes manage")
	flags.BoolVar(&f.yes, "yes", false, "change without asking")
	flags.StringVar(&f.out, "out", "", "write config.yaml, the secret and tokens.yaml into this `directory`")
	flags.StringVar(&f.output, "output", "text", "how to print the result of --out: text or json")
	flags.BoolVar(&f.helm, "helm", false, "with --out: also write values.yaml for the Helm chart")
	flags.StringVar(&f.publicURL, "public-url", "", "the `URL` under which clients reach the bridge, for config.yaml; default: that of --listen")
	flags.StringVar(&f.listen, "listen", "", "the SCIM `address` for config.yaml")
	flags.StringVar(&f.adminListen, "admin-listen", "", "the health and metrics `address` for config.yaml")
	return cmd
}

func setup(cmd *cobra.Command, f setupFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	admin, err := f.admin(in)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	m, err := f.load(cmd)
	if err != nil {
		return err
	}
	if err := f.findOrganization(ctx, admin); err != nil {
		return err
	}
	if f.users, f.groups, err = realm.Identify(ctx, admin, f.protectUsers, f.protectGroups); err != nil {
		return err
	}
	if err := f.chooseExisting(ctx, in, admin); err != nil {
		return err
	}
	s, changes, err := f.plan(ctx, in, admin, m)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "realm %s: nothing to change\n", f.realm)
	} else if err := f.confirm(in, changes); err != nil {
		return err
	}
	if err := realm.Apply(ctx, changes); err != nil {
		return err
	}
	missing, err := s.Missing(ctx)
	if err != nil {
		return err
	}
	for _, text := range missing {
		fmt.Fprintf(cmd.ErrOrStderr(), "realm %s: left for you: %s\n", f.realm, text)
	}
	if f.out == "" {
		return nil
	}
	r, err := f.write(ctx, s)
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), r)
}

// check refuses flags that name nothing good or do not go together, before anything is asked or changed.
func (f setupFlags) check() error {
	if f.realm == "" || f.realm == "master" {
		return codedError{exitUsage, errors.New("--realm names the realm to make fit; it cannot be master")}
	}
	if f.helm && f.out == "" {
		return codedError{exitUsage, errors.New("--helm writes into the directory that --out names")}
	}
	if f.out == "" && len(f.protectUsers)+len(f.protectGroups) > 0 {
		return codedError{exitUsage, errors.New("--protect-user and --protect-group write into the configuration that --out names")}
	}
	if f.every && f.organization != "" {
		return codedError{exitUsage, errors.New("--organization is for one, --all-organizations for every one")}
	}
	if f.out != "" && config.Public(f.out) {
		return codedError{exitUsage, fmt.Errorf("--out %s: everybody may write into it, and so put another configuration there; name a directory in it, which setup makes", f.out)}
	}
	return errors.Join(f.checkExisting(), checkOutput(f.output))
}

// admin makes a client with the administrator's credentials.
func (f adminFlags) admin(in *asker) (*keycloak.Client, error) {
	user, password, err := f.account(in)
	if err != nil {
		return nil, err
	}
	return adminClient(f.url, f.realm, f.adminRealm, user, password)
}

// account is the administrator's name and password.
func (f adminFlags) account(in *asker) (user, password string, err error) {
	if user, err = in.first("Administrator: ", false, f.user, os.Getenv("KEYCLOAK_ADMIN")); err == nil {
		password, err = in.first("Password: ", true, f.password, os.Getenv("KEYCLOAK_ADMIN_PASSWORD"))
	}
	return user, password, err
}

// adminTimeout is the time for one call of a command: a Keycloak that has just started
// is slow, and an operator would rather wait.
const adminTimeout = 30 * time.Second

// adminClient is a client of a realm with an administrator's account of another.
func adminClient(url, realmName, adminRealm, user, password string) (*keycloak.Client, error) {
	parsed, err := keycloak.ParseRealm(realmName)
	if err != nil {
		return nil, err
	}
	home, err := keycloak.ParseRealm(adminRealm)
	if err != nil {
		return nil, err
	}
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{ResponseTimeout: adminTimeout})
	if err != nil {
		return nil, err
	}
	return keycloak.New(keycloak.Config{
		BaseURL: url, Realm: parsed, TokenRealm: home, Transport: transport,
		Credentials: keycloak.Password(user, password),
	})
}

// findOrganization looks up the id of the organization: the tenant is bound to it.
func (f *setupFlags) findOrganization(ctx context.Context, admin *keycloak.Client) error {
	if f.organization == "" {
		return nil
	}
	o, found, err := admin.FindOrganization(ctx, f.organization)
	switch {
	case keycloak.KindOf(err) == keycloak.NoOrganization:
		return fmt.Errorf("realm %s: Organizations are disabled; enable them in the realm's settings", f.realm)
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("realm %s: no organization has the alias %q", f.realm, f.organization)
	}
	f.organizationID, err = keycloak.ParseOrganizationID(o.ID)
	return err
}

// load compiles the mapping file, whose name becomes absolute for config.yaml.
func (f *setupFlags) load(cmd *cobra.Command) (*mapping.Mapping, error) {
	if f.mapping != "" {
		var err error
		if f.mapping, err = filepath.Abs(f.mapping); err != nil {
			return nil, err
		}
	}
	m, problems := app.LoadMapping(config.Tenant{Mapping: f.mapping, Profile: config.ProfileTolerant})
	if len(problems) > 0 {
		printProblems(cmd.ErrOrStderr(), problems)
		return nil, codedError{code: exitProblems}
	}
	return m, nil
}

// plan offers what the flags did not ask for, and lists the changes.
func (f setupFlags) plan(ctx context.Context, in *asker, admin *keycloak.Client, m *mapping.Mapping) (*realm.Setup, []realm.Change, error) {
	o := realm.Options{
		ClientID: f.clientID, Relax: f.relax, Scripts: f.scripts, Restrict: f.restrict, Usernames: f.usernames, Feed: f.feed, Organizations: f.every || f.organization != "", ManageRealm: f.manageRealm,
		Again: f.again(),
	}
	if !f.yes {
		offers, err := realm.Offers(ctx, admin, m)
		if err != nil {
			return nil, nil, err
		}
		in.offer(offers, &o)
	}
	s := realm.NewSetup(admin, m, o)
	changes, err := s.Plan(ctx)
	return s, changes, err
}

// offer asks for what the options do not have.
func (a *asker) offer(offers realm.Offer, o *realm.Options) {
	for _, one := range []struct {
		open     bool
		option   *bool
		question string
	}{
		{offers.Relax, &o.Relax, "The realm refuses user names such as o'neil@example.com and Entra's guests. Allow them?"},
		{offers.Scripts, &o.Scripts, "The realm takes Latin letters alone in user names, so that nobody's looks like another one in another script, as an а of Cyrillic does. Take the letters of all scripts?"},
		{offers.Usernames, &o.Usernames, "The realm refuses changes of user names. Allow them?"},
		{offers.Feed, &o.Feed, "The realm stores no admin events, from which the bridge sees at once what others change. Store them, for a day?"},
		{len(offers.Editable) > 0, &o.Restrict, "Users can change their " + strings.Join(offers.Editable, ", ") + " themselves, and so what SCIM writes there. Take that right from them?"},
	} {
		if one.open && !*one.option {
			*one.option = a.yes(one.question)
		}
	}
}

func (f setupFlags) confirm(in *asker, changes []realm.Change) error {
	fmt.Fprintf(in.out, "realm %s, to change:\n", f.realm)
	for _, c := range changes {
		fmt.Fprintln(in.out, "  -", c.Text)
	}
	if !f.yes && !in.yes("Change this?") {
		return errors.New("nothing was changed")
	}
	return nil
}

// result is what setup --out prints.
type result struct {
	BaseURL string `json:"baseURL,omitempty"`
	Token   string `json:"token,omitempty"`
	Config  string `json:"config"`
	// Kept says that Config was there already: what setup would write is in this file.
	Kept string `json:"kept,omitempty"`
	// Missing are the lines of Kept that Config does not have.
	Missing []string `json:"missing,omitempty"`
}

const (
	configName = "config.yaml"
	valuesName = "values.yaml" // for the Helm chart
	secretName = "secret"
	// credentialKeyName is the file with which credentials of organizations are signed.
	credentialKeyName = "credential-key" //nolint:gosec // the name of a file
	tokensName        = "tokens.yaml"
	tokenName         = "idp"
	tokenMonths       = 12
)

// write makes the directory with config.yaml and the secret. A config.yaml that is there is the
// operator's, and a bridge may run on it.
func (f setupFlags) write(ctx context.Context, s *realm.Setup) (result, error) {
	secret, err := s.Secret(ctx)
	if err != nil {
		return result{}, fmt.Errorf("read the client's secret: %w", err)
	}
	token, keyID, sum := auth.NewToken()
	tokens := config.TokenList{Tokens: []config.Token{{
		Name: tokenName, KeyID: config.KeyID(keyID), SHA256: sum, Expires: config.Expiry{Time: time.Now().AddDate(0, tokenMonths, 0)},
	}}}
	key := ""
	if f.every {
		key = credentialKeyName
	}
	scope, adopt := f.decided()
	draft := config.Draft{
		Scope: scope, Adopt: adopt,
		KeycloakURL: f.url, Realm: f.realm, ClientID: f.clientID, SecretFile: secretName,
		TokensFile:   tokensName,
		Organization: f.organization, OrganizationID: f.organizationID.String(),
		CredentialKeyFile: key, ProtectedUsers: f.users, ProtectedGroups: f.groups,
		Mapping: f.mapping, Socket: f.socket(),
		Listen: config.Address(f.listen), AdminListen: config.Address(f.adminListen), PublicURL: f.publicURL,
	}
	file := filepath.Join(f.out, configName)
	if _, err := os.Stat(file); err == nil {
		draft.SecretFile += next
		if err := f.writeDraft(draft, file+next, secret); err != nil {
			return result{}, err
		}
		missing, err := missingLines(file, config.Render(draft))
		return result{Config: file, Kept: file + next, Missing: missing}, err
	}
	if err := errors.Join(os.MkdirAll(f.out, 0o700), f.writeCredentials(key, tokens), f.writeDraft(draft, file, secret)); err != nil {
		return result{}, err
	}
	c, problems := config.Load(file)
	if len(problems) > 0 {
		return result{}, fmt.Errorf("the new configuration has a problem: %s", problems[0])
	}
	if f.every {
		return result{BaseURL: tenant.BaseURL(string(c.Server.PublicURL), tenant.OrganizationPath(f.realm, "ALIAS")), Config: file}, nil
	}
	path := c.Realms[f.realm].Tenants[0].Path
	return result{BaseURL: tenant.BaseURL(string(c.Server.PublicURL), path), Token: token, Config: file}, nil
}

// next is the end of the names of files that are kept from those in use.
const next = ".new"

// writeDraft writes a configuration and the secret that it names.
func (f setupFlags) writeDraft(d config.Draft, file, secret string) error {
	err := errors.Join(
		os.WriteFile(filepath.Join(f.out, d.SecretFile), []byte(secret), 0o600),
		os.WriteFile(file, []byte(config.Render(d)), 0o600),
	)
	if f.helm && err == nil {
		err = os.WriteFile(filepath.Join(f.out, valuesName+strings.TrimPrefix(filepath.Base(file), configName)), []byte(config.RenderValues(d)), 0o600)
	}
	return err
}

// writeCredentials writes the key of organizations' credentials, or the tokens of the tenant.
func (f setupFlags) writeCredentials(key string, tokens config.TokenList) error {
	if key == "" {
		return os.WriteFile(filepath.Join(f.out, tokensName), []byte(tokens.Render()), 0o600)
	}
	return writeNew(filepath.Join(f.out, key), rand.Text()+rand.Text())
}

// writeNew writes a file that is not there yet: another key would void all credentials.
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

// socket is the name of the control socket in the new directory, "" where its path would be
// too long for one.
func (f setupFlags) socket() string {
	const name = "control.sock"
	dir, err := filepath.Abs(f.out)
	if err != nil || len(filepath.Join(dir, name)) > config.MaxSocket {
		return ""
	}
	return name
}

// asker asks the operator.
type asker struct {
	in  *bufio.Reader
	out io.Writer
}

// first is the first text that is not empty, else what the operator types.
func (a *asker) first(prompt string, secret bool, given ...string) (string, error) {
	for _, text := range given {
		if text != "" {
			return text, nil
		}
	}
	fmt.Fprint(a.out, prompt)
	if secret && term.IsTerminal(int(os.Stdin.Fd())) {
		text, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(a.out)
		return string(text), err
	}
	text, err := a.in.ReadString('\n')
	if text = strings.TrimSpace(text); text == "" {
		return "", codedError{exitUsage, fmt.Errorf("%sis needed: give a flag or the environment variable (%w)", prompt, err)}
	}
	return text, nil
}

// yes asks a question; nothing but y or yes agrees.
func (a *asker) yes(question string) bool {
	fmt.Fprint(a.out, question+" [y/N] ")
	text, err := a.in.ReadString('\n')
	if err != nil && text == "" {
		fmt.Fprintln(a.out)
		return false
	}
	text = strings.ToLower(strings.TrimSpace(text))
	return text == "y" || text == "yes"
}
