package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func newTokensInspect() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "inspect", Short: "Say what a token is and which tenants of the configuration take it, without any call", Args: cobra.NoArgs,
		Long: `Read a token from standard input, so that no history of a shell keeps it, and say what it
is. Of a token of scim-bridge: whether it was copied in full, and its key id. Of an access
token: its claims, without looking at its signature. Of any: its hash, by which tokens new
--sha256 takes a token of another server over. With --config also which tenants take it.
It calls nobody.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return inspectToken(cmd, file) },
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration `file`; default: none")
	return cmd
}

func inspectToken(cmd *cobra.Command, file string) error {
	var tenants []*tenant.Tenant
	if file != "" {
		c, err := load(cmd, file)
		if err != nil {
			return err
		}
		if tenants, err = app.Tenants(c); err != nil {
			return err
		}
	}
	in := asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	token, err := in.first("token: ", true)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	token = strings.TrimSpace(token)
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	claims := describeToken(w, token)
	sum := sha256.Sum256([]byte(token))
	fmt.Fprintf(w, "sha256\t%s\n", hex.EncodeToString(sum[:]))
	said := false
	for _, t := range tenants {
		said = takes(w, t, sum, claims, time.Now()) || said
	}
	if file != "" && !said {
		fmt.Fprintln(w, "tenants\tnone of the configuration knows it; organizations that bring their own credentials were not asked")
	}
	return w.Flush()
}

// describeToken says what a token is, and returns the claims of one that has some.
func describeToken(w io.Writer, token string) *auth.Claims {
	id, err := auth.KeyID(token)
	switch {
	case err != nil:
		fmt.Fprintf(w, "kind\ttoken of scim-bridge, not whole: %v\n", err)
		return nil
	case id != "":
		fmt.Fprintf(w, "kind\ttoken of scim-bridge\nkey id\t%s\n", id)
		return nil
	}
	_, claims, err := auth.ParseClaims(token)
	if err != nil {
		fmt.Fprintf(w, "kind\ttoken of another server\n")
		return nil
	}
	fmt.Fprintf(w, "kind\taccess token (JWT); its signature was not checked\n")
	for _, line := range [][2]string{
		{"issuer (iss)", claims.Issuer},
		{"audience (aud)", strings.Join(claims.Audience, " ")},
		{"subject (sub)", claims.Subject},
		{"client (azp)", claims.AuthorizedParty},
		{"client (appid)", claims.AppID},
		{"client (client_id)", claims.ClientID},
		{"scope", strings.TrimSpace(claims.Scope + " " + strings.Join(claims.SCP, " "))},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	}
	if claims.Expiry != nil {
		fmt.Fprintf(w, "ends (exp)\t%s\n", claims.Expiry.Time().UTC().Format(time.RFC3339))
	}
	return &claims
}

// takes says whether a tenant of the configuration takes a token; false for nothing to say.
func takes(w io.Writer, t *tenant.Tenant, sum config.Digest, claims *auth.Claims, now time.Time) (said bool) {
	for _, known := range t.Tokens {
		said = said || known.SHA256 == sum
		switch {
		case known.SHA256 != sum:
		case known.Expired(now):
			fmt.Fprintf(w, "%s\tno: %s expired on %s\n", t.Path, known.Name, known.Expires.Format(time.DateOnly))
		default:
			fmt.Fprintf(w, "%s\tyes, as %s, for %s\n", t.Path, known.Name, known.Scopes)
		}
	}
	if claims == nil {
		return said
	}
	for i := range t.AccessTokens {
		rule := &t.AccessTokens[i]
		err := auth.Fits(rule, *claims, now)
		switch {
		case rule.Issuer != claims.Issuer:
			fmt.Fprintf(w, "%s\tno, not as %s: the issuer is another one\n", t.Path, rule.Name)
		case err != nil:
			fmt.Fprintf(w, "%s\tno: %v\n", t.Path, auth.Cause(err))
		default:
			fmt.Fprintf(w, "%s\tyes when its signature is good, as %s, for %s\n", t.Path, rule.Name, rule.Scopes)
		}
	}
	return said || len(t.AccessTokens) > 0
}
