package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// revokeFlags are the flags of tokens revoke --oauth.
type revokeFlags struct {
	on, keep, yes bool
	admin         adminFlags
}

func (f *revokeFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "oauth", false, "take a client of OAuth back, by the name of its entry in accessTokens or its client id")
	cmd.Flags().BoolVar(&f.keep, "keep-client", false, "with --oauth: leave the client in Keycloak")
	addAccount(cmd, &f.admin, &f.yes)
}

// check refuses flags that do not go together.
func (f revokeFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"keep-client", "admin-realm", "admin-user", "admin-password", "yes"} {
		if !f.on && cmd.Flags().Changed(name) {
			return codedError{exitUsage, fmt.Errorf("--%s is for --oauth", name)}
		}
	}
	return nil
}

// revokeOAuth takes an entry of accessTokens out of the configuration, and then deletes the client of the realm that
// was made for it. The first ends the access, within a second.
func revokeOAuth(cmd *cobra.Command, f tokensFlags, o revokeFlags, which string) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	p, err := f.place(cmd, c)
	if err != nil {
		return err
	}
	list := p.accessTokens()
	i := slices.IndexFunc(list, func(a config.AccessToken) bool { return a.Name == which || a.ClientID == which })
	if i < 0 {
		return codedError{exitUsage, fmt.Errorf("accessTokens of the tenant %s has no entry %q", p.path(), which)}
	}
	entry, at := list[i], p.entry(c)
	in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	changes, left, err := o.plan(cmd.Context(), in, c, at, entry, p.tenantKey())
	if err != nil {
		return err
	}
	fmt.Fprintf(in.out, "tenant %s, to change:\n  - %s: take the tokens of %q no more (accessTokens)\n", p.path(), c.File, entry.Name)
	for _, change := range changes {
		fmt.Fprintln(in.out, "  -", change.Text)
	}
	if !o.yes && !in.yes("Change this?") {
		return errors.New("nothing was changed")
	}
	if err := forgetEntry(c, at, entry); err != nil {
		return fmt.Errorf("nothing was changed: %w; take the entry %q out of accessTokens in the origin of %s yourself, and then the client with --oauth again or in Keycloak", err, entry.Name, c.File)
	}
	if err := realm.Apply(cmd.Context(), changes); err != nil {
		return fmt.Errorf("the entry is gone from %s, and the client is not gone from Keycloak: %w", c.File, err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Revoked   %s\n%s%s\n", entry.Name, left, withinASecond)
	return err
}

// plan is how the client is deleted, and what is said of one that stays.
func (f revokeFlags) plan(ctx context.Context, in *asker, c config.Config, at config.TenantEntry, entry config.AccessToken, key string) (changes []realm.Change, left string, err error) {
	if f.keep || entry.Issuer != "" {
		return nil, "Left      the client at its issuer, which gets tokens that the tenant refuses\n", nil
	}
	admin, err := f.admin.configured(in, c, at.Realm)
	if err != nil {
		return nil, "", err
	}
	changes, asserter, err := realm.ForgetOAuth(ctx, admin, entry.ClientID, key)
	if errors.Is(err, realm.ErrForeignClient) {
		return nil, fmt.Sprintf("Left      the client %q in Keycloak, which tokens new --oauth did not make for this tenant\n", entry.ClientID), nil
	}
	if asserter != "" {
		left = fmt.Sprintf("Left      the identity provider %q in Keycloak, whose assertions other clients may send; delete it there when none does\n", asserter)
	}
	return changes, left, err
}

// forgetEntry takes an entry out of the configuration.
func forgetEntry(c config.Config, at config.TenantEntry, entry config.AccessToken) error {
	return changeConfig(c.File, at.Realm, func(data []byte) ([]byte, error) { return config.WithoutAccessToken(data, at, entry.Name) }, func(before, after *config.Realm) {
		if at.Override && len(after.Organizations.Overrides) == len(before.Organizations.Overrides)-1 { // it said nothing more
			before.Organizations.Overrides = slices.Delete(slices.Clone(before.Organizations.Overrides), at.Index, at.Index+1)
			return
		}
		if list := accessTokensAt(before, at); list != nil {
			*list = slices.DeleteFunc(slices.Clone(*list), func(a config.AccessToken) bool { return a.Name == entry.Name })
		}
	})
}
