package realm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// ScopeSCIM is the client scope that identity providers ask for (IPSIE, Entra's gallery).
const ScopeSCIM = "scim"

// scopes lists the scopes of the clients that setup creates: ScopeSCIM, and the scopes of Keycloak
// that put the name of the client into a token. No scope in the list holds roles.
func scopes() []string { return []string{"basic", "service_account", ScopeSCIM} }

// OAuthOptions describe the Keycloak client that gets access tokens for a client of a tenant.
type OAuthOptions struct {
	ClientID string
	Tenant   string // the tenant's key: the client works only for this tenant
	Audience string // a value that nobody can guess
	// Known says that the tenant accepts the client's tokens already. Another client with the same
	// client ID is not changed, because the person who created it may know its secret.
	Known  bool
	Rotate bool // give an existing client a new secret
	// KeysURL is where the client publishes the keys that it signs its assertions with, in place of
	// a secret; "" for a client with a secret.
	KeysURL string
	// Federated names the assertions that replace a secret; nil for a client with a secret or keys.
	Federated *Federated
}

// Federated describes the assertions of an issuer that give access to tokens.
type Federated struct{ Issuer, KeysURL, Audience, Subject string }

// OAuth creates the client with an administrator's account.
type OAuth struct {
	admin   *keycloak.Client
	options OAuthOptions

	client  keycloak.OAuthClient
	secret  bool // whether there is a secret to show
	created bool // whether the client was just created
}

// Errors of PlanOAuth.
var (
	ErrForeignClient = errors.New("this command did not make it for this tenant, and the person who made it may know its secret. Give another --name or --client-id, or delete the client first")
	ErrNoAssertions  = errors.New("this Keycloak accepts no assertions of other issuers for its clients: that needs 26.6 or newer. Leave out --federated-issuer, and give the identity provider the client's secret")
	ErrOtherKind     = errors.New("the existing client proves its identity in another way: by a secret, by its own keys or by another issuer. Revoke it first, or give another --client-id")
)

// PlanOAuth reads the realm and lists the changes it needs, none when all is right. It changes
// nothing.
func PlanOAuth(ctx context.Context, admin *keycloak.Client, o OAuthOptions) (*OAuth, []Change, error) {
	p := &OAuth{admin: admin, options: o, client: keycloak.OAuthClient{ClientID: o.ClientID, Tenant: o.Tenant, Audience: o.Audience, Scopes: scopes(), Proof: keycloak.Proof{KeysURL: o.KeysURL}}}
	var out []Change
	_, there, err := admin.FindClientScope(ctx, ScopeSCIM)
	if err != nil {
		return nil, nil, fmt.Errorf("find client scope: %w", err)
	}
	if !there {
		out = append(out, Change{Text: `create the client scope "` + ScopeSCIM + `", which identity providers ask for; it holds no roles and no claims`, do: func(ctx context.Context) error {
			return admin.CreateClientScope(ctx, ScopeSCIM, "SCIM bridge: asked for by identity providers that provision")
		}})
	}
	asserts, err := p.planAsserter(ctx)
	if err != nil {
		return nil, nil, err
	}
	changes, err := p.planClient(ctx)
	return p, append(append(out, asserts...), changes...), err
}

// planAsserter finds the identity provider whose assertions the client sends, or plans to create
// it.
func (p *OAuth) planAsserter(ctx context.Context) ([]Change, error) {
	f := p.options.Federated
	if f == nil {
		return nil, nil
	}
	takes, err := p.admin.TakesAssertions(ctx)
	if err == nil && !takes {
		err = ErrNoAssertions
	}
	if err != nil {
		return nil, err
	}
	list, err := p.admin.Asserters(ctx)
	if err != nil {
		return nil, err
	}
	wanted := keycloak.Asserter{Alias: p.options.ClientID, Issuer: f.Issuer, KeysURL: f.KeysURL, Audience: f.Audience}
	i := slices.IndexFunc(list, func(a keycloak.Asserter) bool { return a.Issuer == f.Issuer })
	p.client.Proof = keycloak.Proof{Alias: wanted.Alias, Subject: f.Subject}
	if i < 0 {
		return []Change{{
			Text: fmt.Sprintf("create the identity provider %q, which allows no login: it accepts assertions of %s for %s, with the keys at %s", wanted.Alias, f.Issuer, f.Audience, f.KeysURL),
			do:   func(ctx context.Context) error { return p.admin.CreateAsserter(ctx, wanted) },
		}}, nil
	}
	wanted.Alias = list[i].Alias // Keycloak has one provider for each issuer
	p.client.Proof.Alias = wanted.Alias
	if list[i] != wanted {
		return nil, fmt.Errorf("the identity provider %q has that issuer, but other keys or another audience (%s, %s): Keycloak allows one identity provider for each issuer. Give the same values, or change them in Keycloak", list[i].Alias, list[i].KeysURL, list[i].Audience)
	}
	return nil, nil
}

func (p *OAuth) planClient(ctx context.Context) ([]Change, error) {
	o := p.options
	have, there, err := p.admin.FindOAuthClient(ctx, o.ClientID)
	if err != nil {
		return nil, fmt.Errorf("find client: %w", err)
	}
	if !there {
		p.secret = p.client.Proof.IsSecret()
		text := fmt.Sprintf("create the confidential client %q with only a service account: no login of people, no roles, tokens for the audience %s", o.ClientID, o.Audience)
		switch {
		case o.Federated != nil:
			text += fmt.Sprintf("; without a secret, for the subject %s of %s", o.Federated.Subject, o.Federated.Issuer)
		case o.KeysURL != "":
			text += "; without a secret, for a client that signs with the keys at " + o.KeysURL
		}
		return []Change{{Text: text, do: p.create}, {Text: "remove the realm's default roles from its service account", do: p.bare}}, nil
	}
	if !o.Known || !o.made(have) {
		return nil, fmt.Errorf("the client %q exists, and %w", o.ClientID, ErrForeignClient)
	}
	if !have.Proof.Alike(p.client.Proof) {
		return nil, ErrOtherKind
	}
	return p.planExisting(ctx, have)
}

// made reports whether a client was created for the tenant. The client ID and the tenant are not
// enough: somebody who can create clients could use both for a new client after the first one was
// deleted. That person does not know the audience.
func (o OAuthOptions) made(have keycloak.OAuthClient) bool {
	return have.Tenant == o.Tenant && (have.Audience == o.Audience || have.MadeFor == o.Audience)
}

// planExisting restores the settings of an existing client that somebody changed.
func (p *OAuth) planExisting(ctx context.Context, have keycloak.OAuthClient) ([]Change, error) {
	var out []Change
	p.client.UUID = have.UUID
	if !have.Plain || have.Proof != p.client.Proof {
		out = append(out, Change{Text: "switch off all functions of the client except the service account, and set how it proves its identity", do: func(ctx context.Context) error { return p.admin.RestoreOAuthClient(ctx, p.client) }})
	}
	if have.Audience != p.options.Audience {
		out = append(out, Change{Text: "add to its tokens the audience " + p.options.Audience, do: func(ctx context.Context) error { return p.admin.SetAudience(ctx, have, p.options.Audience) }})
	}
	if !slices.Contains(have.Scopes, ScopeSCIM) {
		out = append(out, Change{Text: `give it the client scope "` + ScopeSCIM + `"`, do: p.addScope})
	}
	roles, err := p.roles(ctx)
	if err != nil {
		return nil, err
	}
	if len(roles) > 0 {
		out = append(out, Change{Text: "remove all roles from its service account", do: p.bare})
	}
	if p.options.Rotate && p.client.Proof.IsSecret() {
		p.secret = true
		out = append(out, Change{Text: "give it a new secret; the old secret gets no tokens from then on", do: func(ctx context.Context) error {
			return p.admin.NewClientSecret(ctx, p.client.UUID)
		}})
	}
	return out, nil
}

// Secret returns the client's secret, or "" when no secret was made.
func (p *OAuth) Secret(ctx context.Context) (string, error) {
	if !p.secret {
		return "", nil
	}
	return p.admin.ClientSecret(ctx, p.client.UUID)
}

func (p *OAuth) create(ctx context.Context) (err error) {
	p.client.UUID, err = p.admin.CreateOAuthClient(ctx, p.client)
	p.created = err == nil
	return err
}

// BrokeOff deletes a client that was just created, when a later change failed with err. Nobody
// knows the client's secret, and the client may have the roles of new users. BrokeOff returns err,
// with what is left to do.
func (p *OAuth) BrokeOff(ctx context.Context, err error) error {
	if !p.created {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if failed := p.admin.DeleteClient(ctx, p.client.UUID); failed != nil {
		return fmt.Errorf("%w; the client %q remains and is of no use: delete it in Keycloak (%w)", err, p.client.ClientID, failed)
	}
	return fmt.Errorf("%w; the client %q was deleted again", err, p.client.ClientID)
}

// undoTime limits the deletion of a client, which continues when the command is interrupted.
const undoTime = 10 * time.Second

func (p *OAuth) addScope(ctx context.Context) error {
	id, ok, err := p.admin.FindClientScope(ctx, ScopeSCIM)
	if err != nil || !ok {
		return err
	}
	return p.admin.AddClientScope(ctx, p.client.UUID, id)
}

// roles returns the direct roles of the service account.
func (p *OAuth) roles(ctx context.Context) ([]keycloak.Role, error) {
	user, err := p.admin.ServiceAccount(ctx, p.client.UUID)
	if err != nil {
		return nil, err
	}
	return p.admin.DirectRoles(ctx, user)
}

// bare removes all roles from the service account.
func (p *OAuth) bare(ctx context.Context) error {
	user, err := p.admin.ServiceAccount(ctx, p.client.UUID)
	if err != nil {
		return err
	}
	roles, err := p.admin.DirectRoles(ctx, user)
	for len(roles) > 0 && err == nil {
		of := roles[0].ContainerID // the realm or a client
		err = p.admin.RevokeRoles(ctx, user, slices.DeleteFunc(slices.Clone(roles), func(r keycloak.Role) bool { return r.ContainerID != of }))
		roles = slices.DeleteFunc(roles, func(r keycloak.Role) bool { return r.ContainerID == of })
	}
	return err
}

// ForgetOAuth lists the changes that delete the client of a tenant; none when the client is gone.
// For a client that was not created for the tenant it fails with ErrForeignClient. asserter is the
// identity provider whose assertions the client sends. It remains, because other clients may use it
// too.
func ForgetOAuth(ctx context.Context, admin *keycloak.Client, clientID, tenant string) (changes []Change, asserter string, err error) {
	have, there, err := admin.FindOAuthClient(ctx, clientID)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("find client: %w", err)
	case !there:
		return nil, "", nil
	case have.Tenant != tenant:
		return nil, "", ErrForeignClient
	}
	with := "its service account"
	if have.Proof.IsSecret() {
		with = "its secret and " + with
	}
	return []Change{{Text: fmt.Sprintf("delete the client %q, with %s", clientID, with), do: func(ctx context.Context) error { return admin.DeleteClient(ctx, have.UUID) }}}, have.Proof.Alias, nil
}
