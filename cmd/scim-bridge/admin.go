package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
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
	flags.StringVar(&f.adminRealm, "admin-realm", "master", "the `realm` that has the administrator's account")
	flags.StringVar(&f.user, "admin-user", "", "the administrator's `name`")
	flags.StringVar(&f.password, "admin-password", "", "the administrator's `password`; the environment variable is safer, because other users cannot see it")
}

// admin returns a client with the administrator's credentials.
func (f adminFlags) admin(in *asker) (*keycloak.Client, error) {
	account, err := f.account(in)
	if err != nil {
		return nil, err
	}
	return account.Client(f.url, f.realm)
}

// account returns the administrator's account: from the flags, else from the environment, else from
// a prompt.
func (f adminFlags) account(in *asker) (out app.Administrator, err error) {
	out.Realm = f.adminRealm
	if out.Name, err = in.first("Administrator: ", false, f.user, os.Getenv("KEYCLOAK_ADMIN")); err == nil {
		out.Password, err = in.first("Password: ", true, f.password, os.Getenv("KEYCLOAK_ADMIN_PASSWORD"))
	}
	return out, err
}

// configured returns a client of a realm of the configuration, with the administrator's account.
func (f adminFlags) configured(in *asker, c config.Config, realmName string) (*keycloak.Client, error) {
	account, err := f.account(in)
	if err != nil {
		return nil, err
	}
	return account.ClientOf(c, realmName)
}

// addAccount adds the flags for the administrator's account to a command that reads a
// configuration.
func addAccount(cmd *cobra.Command, admin *adminFlags, yes *bool) {
	flags := cmd.Flags()
	flags.StringVar(&admin.adminRealm, "admin-realm", "master", "with --oauth: the `realm` that has the administrator's account")
	flags.StringVar(&admin.user, "admin-user", "", "with --oauth: the administrator's `name`; default: KEYCLOAK_ADMIN, else the command asks")
	flags.StringVar(&admin.password, "admin-password", "", "with --oauth: the administrator's `password`; default: KEYCLOAK_ADMIN_PASSWORD, else the command asks")
	flags.BoolVar(yes, "yes", false, "with --oauth: change without asking")
}
