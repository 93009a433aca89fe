package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// setupFlags are the flags of setup.
type setupFlags struct {
	adminFlags
	app.Setup

	output output
	yes    bool
}

func newSetup() *cobra.Command {
	var f setupFlags
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Prepare a realm for the bridge; shows its plan and asks first",
		Long: `Prepare a realm for the bridge: create a service account with the rights that it needs, and
declare the user attributes that the bridge writes. The command shows its plan, asks, and
changes nothing that is right already. With --out it also writes a configuration that is
ready for "serve", and prints the SCIM URL and a new token once.

The administrator's name and password come from the flags, else from KEYCLOAK_ADMIN and
KEYCLOAK_ADMIN_PASSWORD, else from a prompt.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return setup(cmd, f) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.ClientID, "client-id", app.DefaultClientID, "the client `id` of the service account")
	flags.StringVar(&f.Mapping, "mapping", "", "the mapping `file` whose attributes the realm must declare; default: the built-in mapping")
	flags.StringVar(&f.Organization, "organization", "", "the `alias` of the organization whose members the endpoint is for; default: the whole realm")
	flags.BoolVar(&f.Every, "all-organizations", false, "serve every organization of the realm for which \"tokens new\" makes a token")
	flags.BoolVar(&f.ManageRealm, "allow-manage-realm", false, "with --organization before Keycloak 26.7: grant manage-realm, because these versions need it for Organizations")
	flags.BoolVar(&f.Relax, "relax-validators", false, "also remove the default validators that refuse user names such as o'neil@… and those of Entra's guests")
	flags.BoolVar(&f.Scripts, "allow-all-scripts", false, "also remove the default validator that allows only Latin letters in user names, which keeps out names that look like another name")
	flags.BoolVar(&f.Restrict, "restrict-attributes", false, "also remove the users' right to edit the attributes of the mapping, where the realm gives it")
	flags.BoolVar(&f.Usernames, "allow-username-changes", false, "also allow changes of user names")
	flags.BoolVar(&f.UserFeed, "user-events", false, "also let the realm store the events of accounts (registrations and what users change themselves, never logins) for a day, so that the journal of a bridge with a store has them")
	flags.BoolVar(&f.Feed, "change-feed", false, "also let the realm store admin events, so that the bridge sees changes by other programs and people at once")
	flags.StringArrayVar(&f.ProtectUsers, "protect-user", nil, "with --out: the user `name` of an account that clients must never change; may be repeated")
	flags.StringArrayVar(&f.ProtectGroups, "protect-group", nil, "with --out: the `path` of a group that clients must never change, nor its members; may be repeated")
	flags.StringVar(&f.Existing, "existing", "", "with --out: `manage|leave|adopt`, what the client may do with users that exist already; default: the command asks, and takes manage with --yes")
	flags.BoolVar(&f.yes, "yes", false, "accept the plan without asking; optional changes need their own flags")
	flags.StringVar(&f.Dir, "out", "", "write config.yaml, the secret, tokens.yaml and the key of a store into this `directory`")
	outputFlag(cmd, &f.output)
	flags.BoolVar(&f.Helm, "helm", false, "with --out: also write values.yaml for the Helm chart")
	flags.StringVar(&f.PublicURL, "public-url", "", "the `URL` under which clients reach the bridge, for config.yaml; default: the URL of --listen")
	flags.StringVar(&f.Listen, "listen", "", "the SCIM `address` for config.yaml")
	flags.StringVar(&f.AdminListen, "admin-listen", "", "the health and metrics `address` for config.yaml")
	return cmd
}

func setup(cmd *cobra.Command, f setupFlags) error {
	f.URL, f.Realm, f.AdminRealm = f.url, f.realm, f.adminRealm
	if err := f.Check(); err != nil {
		return err
	}
	in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	admin, err := f.admin(in)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if err := f.Inspect(ctx, admin); err != nil {
		return problemsOf(cmd, err)
	}
	if err := f.chooseExisting(ctx, in); err != nil {
		return err
	}
	if err := f.offer(ctx, in); err != nil {
		return err
	}
	changes, err := f.Plan(ctx)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintf(in.out, "realm %s: nothing to change\n", f.realm)
	} else if err := in.confirm(f.yes, "realm "+f.realm, changes); err != nil {
		return err
	}
	left, err := f.Apply(ctx)
	if err != nil {
		return err
	}
	for _, text := range left {
		fmt.Fprintf(in.out, "realm %s: you must still do this: %s\n", f.realm, text)
	}
	if f.Dir == "" {
		return nil
	}
	made, err := f.Write(ctx)
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), made)
}

// offer asks about each optional change that the flags do not choose.
func (f *setupFlags) offer(ctx context.Context, in *asker) error {
	if f.yes {
		return nil
	}
	offers, err := f.Offers(ctx)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		open     bool
		option   *bool
		question string
	}{
		{offers.Relax, &f.Relax, "The realm refuses user names such as o'neil@example.com and those of Entra's guests. Allow them?"},
		{offers.Scripts, &f.Scripts, "The realm allows only Latin letters in user names, so that no name looks like another name in another script, as a Cyrillic а looks like a Latin a. Allow the letters of all scripts?"},
		{offers.Usernames, &f.Usernames, "The realm refuses changes of user names. Allow them?"},
		{offers.Feed, &f.Feed, "The realm stores no admin events. With them, the bridge sees changes by other programs and people at once. Store them for a day?"},
		{len(offers.Editable) > 0, &f.Restrict, "Users can change their " + strings.Join(offers.Editable, ", ") + " themselves, and so overwrite what SCIM writes there. Remove this right?"},
	} {
		if one.open && !*one.option {
			*one.option = in.yes(one.question)
		}
	}
	return nil
}

// chooseExisting asks what the client may do with the users and groups that exist already, unless a
// flag says so. It asks nothing in an empty realm. With --yes it only prints the default.
func (f *setupFlags) chooseExisting(ctx context.Context, in *asker) error {
	found, err := f.FindExisting(ctx)
	if err != nil || found == "" {
		return err
	}
	f.Existing = app.ExistingManage
	choices := f.ExistingChoices()
	fmt.Fprintf(in.out, "There are %s. The client\n", found)
	names := slices.Sorted(maps.Keys(choices))
	for _, name := range names {
		fmt.Fprintf(in.out, "  - %s (%s)\n", choices[name], name)
	}
	if f.yes {
		fmt.Fprintf(in.out, "The command writes %s; --existing chooses differently.\n", f.Existing)
		return nil
	}
	f.Existing, err = in.choose("Which of these?", names, f.Existing)
	return err
}

// missingText shows lines as they are in a configuration, so that they can be pasted. A comment above each block names
// the key that the block belongs to, unless it belongs to the top level.
func missingText(lines []app.MissingLine) string {
	var b strings.Builder
	block := ""
	shown := map[string]bool{} // the paths of keys that a block has
	for _, one := range lines {
		indent := strings.Repeat(" ", one.Indent)
		if one.Below != block && !shown[strings.TrimSuffix(one.Below, "[0]")] && !shown[one.Below] {
			if block = one.Below; block != "" {
				b.WriteString("\n" + indent + "# below " + block)
			}
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(one.Line, "- "), ":")
		shown[strings.TrimPrefix(one.Below+"."+strings.Trim(name, `"`), ".")] = true
		b.WriteString("\n" + indent + one.Line)
	}
	return b.String()
}

func (f setupFlags) print(out io.Writer, r app.Installed) error {
	if f.output == asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	backup := ""
	if r.StoreKey != "" {
		backup = "Back up   " + r.StoreKey + ", apart from the database of the store: nobody can read the store without this key\n"
	}
	if r.Kept != "" {
		todo := app.CommandLine("scim-bridge", "serve", "--config", r.Config)
		if len(r.Missing) > 0 {
			todo = fmt.Sprintf("copy the lines that you want from %s into %s; a running bridge applies them, except server, admin, store and keycloak, which need a restart. The lines are:%s", r.Kept, r.Config, missingText(r.Missing))
		}
		_, err := fmt.Fprintf(out, "Kept      %s exists already; what setup would write is in %s\n%sNext      %s\n", r.Config, r.Kept, backup, todo)
		return err
	}
	if r.Token == "" {
		_, err := fmt.Fprintf(out, "SCIM URL  %s, for each organization with a token\n%sNext      %s\n          %s\n", r.BaseURL, backup,
			app.CommandLine("scim-bridge", "serve", "--config", r.Config), app.CommandLine("scim-bridge", "tokens", "new", "--config", r.Config, "--organization", "ALIAS"))
		return err
	}
	next := app.CommandLine("scim-bridge", "serve", "--config", r.Config)
	if f.Helm {
		next = fmt.Sprintf("kubectl create secret generic scim-bridge --from-file=%s --from-file=%s\n          kubectl create secret generic %s --from-file=%s\n          then install the chart with --values %s",
			filepath.Join(f.Dir, app.SecretName), filepath.Join(f.Dir, app.TokensName), config.StoreSecret, filepath.Join(f.Dir, app.StoreKeyName), filepath.Join(f.Dir, app.ValuesName))
	}
	_, err := fmt.Fprintf(out, `SCIM URL  %s
Token     %s   (shown once; valid for %d months)
%sNext      %s
`, r.BaseURL, r.Token, app.TokenMonths, backup, next)
	return err
}
