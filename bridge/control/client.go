package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// Client asks the bridge that answers on a socket for what the methods of admin.Admin of the same
// names return.
type Client struct{ Socket string }

// ErrAbsent says that no bridge answers on a socket.
var ErrAbsent = errors.New("no bridge answers")

// Tenants are all tenants.
func (c Client) Tenants(ctx context.Context) (out []admin.Tenant, err error) {
	err = c.ask(ctx, http.MethodGet, tenantsPath, nil, &out)
	return out, err
}

// Tenant is the tenant at a path, or with "" the only endpoint.
func (c Client) Tenant(ctx context.Context, path string) (admin.Tenant, error) {
	return c.tenant(ctx, http.MethodGet, tenantPath, path)
}

// Endpoint is the tenant at a path, or with "" the only one, that has users and groups.
func (c Client) Endpoint(ctx context.Context, path string) (admin.Tenant, error) {
	return c.tenant(ctx, http.MethodGet, endpointPath, path)
}

// Lift lifts the removal brake of the tenant at a path, and returns how the tenant is then.
func (c Client) Lift(ctx context.Context, path string) (admin.Tenant, error) {
	return c.tenant(ctx, http.MethodPost, liftPath, path)
}

// tenant is the answer to a request about the tenant at a path.
func (c Client) tenant(ctx context.Context, method, request, path string) (out admin.Tenant, err error) {
	err = c.ask(ctx, method, request, url.Values{"tenant": {path}}, &out)
	return out, err
}

// Revoke makes a token of an organization void.
func (c Client) Revoke(ctx context.Context, realm, revocation string) error {
	return c.ask(ctx, http.MethodPost, revokePath, url.Values{"realm": {realm}, "revocation": {revocation}}, &struct{}{})
}

// Refresh has the bridge look at its realms at once.
func (c Client) Refresh(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, refreshPath, nil, &struct{}{})
}

// Adopt takes over accounts and groups for the tenant at a path, or gives them back; each is given
// every adoption as it comes.
func (c Client) Adopt(ctx context.Context, path string, o admin.AdoptOptions, each func(admin.Adoption) error) error {
	query := url.Values{"tenant": {path}, "dryRun": {strconv.FormatBool(o.DryRun)}, "undo": {strconv.FormatBool(o.Undo)}}
	body, err := c.open(ctx, http.MethodPost, adoptPath, query)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was read, nothing can be lost
	for lines := json.NewDecoder(body); ; {
		var line struct {
			admin.Adoption
			failure
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the bridge broke off: %w", err)
		}
		if line.Error != "" {
			return errors.New(line.Error)
		}
		if err := each(line.Adoption); err != nil {
			return err
		}
	}
}

// origin is the address of the bridge on a socket, whatever socket that is.
const origin = "http://bridge"

// Root is the SCIM service root of the tenant at a path, for the HTTP client.
func Root(path string) string { return origin + scimPath + "/realms/" + path + "/scim/v2" }

// HTTP speaks to the bridge on the socket.
func (c Client) HTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.Socket)
		},
		DisableKeepAlives: true,
	}}
}

// ask reads the answer to a request into out.
func (c Client) ask(ctx context.Context, method, path string, query url.Values, out any) error {
	body, err := c.open(ctx, method, path, query)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was read, nothing can be lost
	return json.NewDecoder(body).Decode(out)
}

// open is the body of a good answer to a request; the caller closes it.
func (c Client) open(ctx context.Context, method, path string, query url.Values) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, origin+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := c.HTTP().Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w on %s; scim-bridge serve with the same configuration starts one: %w", ErrAbsent, c.Socket, err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	var why failure
	err = json.NewDecoder(res.Body).Decode(&why)
	switch {
	case err != nil || why.Error == "":
		err = fmt.Errorf("the bridge on %s answers %s", c.Socket, res.Status)
	case res.StatusCode == http.StatusNotFound:
		err = admin.NoTenantError{Text: why.Error}
	default:
		err = errors.New(why.Error)
	}
	return nil, errors.Join(err, res.Body.Close())
}
