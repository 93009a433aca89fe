package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// Client calls the bridge that answers on a socket. Its methods return the same as the methods of admin.Admin with
// the same names.
type Client struct{ Socket string }

// ErrAbsent means that no bridge answers on a socket.
var ErrAbsent = errors.New("no bridge answers")

// Tenants returns all tenants.
func (c Client) Tenants(ctx context.Context) (out []admin.Tenant, err error) {
	err = c.ask(ctx, http.MethodGet, tenantsPath, nil, &out)
	return out, err
}

// Tenant returns the tenant at a path; with "" the only endpoint.
func (c Client) Tenant(ctx context.Context, path string) (admin.Tenant, error) {
	return c.tenant(ctx, http.MethodGet, tenantPath, path)
}

// Endpoint returns the tenant at a path if it has users and groups; with "" the only such tenant.
func (c Client) Endpoint(ctx context.Context, path string) (admin.Tenant, error) {
	return c.tenant(ctx, http.MethodGet, endpointPath, path)
}

// Lift lifts the removal brake of the tenant at a path, and returns the new state of the tenant.
func (c Client) Lift(ctx context.Context, path string) (admin.Tenant, error) {
	return c.tenant(ctx, http.MethodPost, liftPath, path)
}

// tenant sends a request about the tenant at a path.
func (c Client) tenant(ctx context.Context, method, request, path string) (out admin.Tenant, err error) {
	err = c.ask(ctx, method, request, url.Values{"tenant": {path}}, &out)
	return out, err
}

// Revoke revokes a token of an organization.
func (c Client) Revoke(ctx context.Context, realm, revocation string) error {
	return c.ask(ctx, http.MethodPost, revokePath, url.Values{"realm": {realm}, "revocation": {revocation}}, &struct{}{})
}

// Refresh lets the bridge check its realms at once.
func (c Client) Refresh(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, refreshPath, nil, &struct{}{})
}

// Adopt adopts accounts and groups for the tenant at a path, or releases them again. It calls each for every account
// and group, while the adoption runs.
func (c Client) Adopt(ctx context.Context, path string, o admin.AdoptOptions, each func(admin.Adoption) error) error {
	query := url.Values{"tenant": {path}, "dryRun": {strconv.FormatBool(o.DryRun)}, "undo": {strconv.FormatBool(o.Undo)}}
	body, err := c.open(ctx, http.MethodPost, adoptPath, query)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // after reading, Close loses nothing
	for lines := json.NewDecoder(body); ; {
		var line struct {
			admin.Adoption
			failure
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the answer of the bridge ended too early: %w", err)
		}
		if line.Error != "" {
			return line.err()
		}
		if err := each(line.Adoption); err != nil {
			return err
		}
	}
}

// origin is the URL of the bridge on every socket.
const origin = "http://bridge"

// Root is the SCIM service root of the tenant at a path, for the client HTTP.
func Root(path string) string { return origin + scimPath + "/realms/" + path + "/scim/v2" }

// HTTP returns a client that sends its requests to the bridge on the socket.
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
	defer body.Close() //nolint:errcheck // after reading, Close loses nothing
	return decoder(body).Decode(out)
}

// open returns the body of a successful answer. The caller closes the body.
func (c Client) open(ctx context.Context, method, path string, query url.Values) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, origin+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := c.HTTP().Do(req)
	if err != nil {
		return nil, c.unanswered(err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	var why failure
	err = json.NewDecoder(res.Body).Decode(&why)
	switch {
	case err != nil || why.Error == "":
		err = fmt.Errorf("the bridge on %s answers %s", c.Socket, res.Status)
	default:
		err = why.err()
	}
	return nil, errors.Join(err, res.Body.Close())
}

// unanswered is the error of a request without an answer. Where no bridge listens, the text of the system would only
// repeat that.
func (c Client) unanswered(err error) error {
	dial, is := errors.AsType[*net.OpError](err)
	switch {
	case is && dial.Op == "dial" && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w on %s for this user: run the command as the user of the bridge", ErrAbsent, c.Socket)
	case is && dial.Op == "dial" && !errors.Is(err, context.Canceled):
		return fmt.Errorf("%w on %s; scim-bridge serve with the same configuration starts one", ErrAbsent, c.Socket)
	}
	if request, is := errors.AsType[*url.Error](err); is {
		err = request.Err // without the URL, which only the two programs use
	}
	return fmt.Errorf("%w on %s: %w", ErrAbsent, c.Socket, err)
}
