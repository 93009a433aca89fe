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
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Tenant is one tenant as the socket shows it. No secret is part of it, not even a hash.
type Tenant struct {
	Path           string   `json:"path"`
	URL            string   `json:"url"` // of the service root
	Realm          string   `json:"realm"`
	Organization   string   `json:"organization,omitempty"`   // alias
	OrganizationID string   `json:"organizationID,omitempty"` // of an organization's tenant
	Key            string   `json:"key"`                      // marks the tenant's values in Keycloak
	Scope          string   `json:"scope"`                    // "all", "owned" or "organization"
	Profile        string   `json:"profile"`
	TolerancesOff  []string `json:"tolerancesOff,omitempty"` // that a tolerant profile does not take
	Fit            bool     `json:"fit"`
	Problem        string   `json:"problem,omitempty"`  // why it is not fit
	Disabled       bool     `json:"disabled,omitempty"` // whether its organization is, so that writes are refused
	Warning        string   `json:"warning,omitempty"`  // why it refuses users though it is fit
	Fix            string   `json:"fix,omitempty"`      // what to do about a problem or a warning
	Mapping        string   `json:"mapping,omitempty"`  // why the mapping file as it is now is not applied
	UnknownMembers string   `json:"unknownMembers"`     // these as in the configuration
	OnDelete       string   `json:"onDelete"`
	Adopt          string   `json:"adopt"`
	ExternalID     string   `json:"externalId"`
	Rehire         string   `json:"rehire"`
	PatchResponse  string   `json:"patchResponse"`
	Access         string   `json:"access"`
	BasicAuth      bool     `json:"basicAuth,omitempty"`
	Domains        string   `json:"domains,omitempty"`     // of a tenant of an organization
	RemovalBrake   string   `json:"removalBrake"`          // off, clear, holding or lifted, and why or until when
	BrakeLimits    string   `json:"brakeLimits,omitempty"` // how many may go, unless the brake is off
	MappingFile    string   `json:"mappingFile,omitempty"` // absent: the built-in mapping
	Tokens         []Token  `json:"tokens"`
	Schemas        []string `json:"schemas"` // URNs
}

// Token is a credential of a tenant.
type Token struct {
	Name    string     `json:"name"`
	KeyID   string     `json:"keyID,omitempty"`
	Issuer  string     `json:"issuer,omitempty"`  // of access tokens
	Expires *time.Time `json:"expires,omitempty"` // absent: never
	Scopes  string     `json:"scopes"`            // with blanks between
}

// describe is what the socket says of a tenant.
func describe(ctx context.Context, t *tenant.Tenant, brake Brake) Tenant {
	f := t.Fitness()
	out := Tenant{
		Path: t.Path, URL: t.BaseURL, Realm: t.Realm, Organization: t.Organization.Alias, OrganizationID: t.Organization.ID.String(),
		Key: t.Owner.Key, Scope: "all", Profile: t.Mapping.Profile().String(), Fit: f.Problem == "", Problem: f.Trouble(), Disabled: f.Disabled,
		Mapping: t.Unapplied(), UnknownMembers: string(t.Policy.UnknownMembers), OnDelete: string(t.Policy.OnDelete), Adopt: string(t.Policy.Adopt), Access: string(t.Policy.Access), BasicAuth: t.Policy.BasicAuth, RemovalBrake: brake.State(ctx, t),
		ExternalID: string(t.Policy.ExternalID), Rehire: string(t.Policy.Rehire), PatchResponse: string(t.Policy.PatchResponse), Tokens: []Token{}, MappingFile: t.Entry.Mapping,
	}
	if limits := t.Policy.RemovalBrake; !limits.Off() {
		out.BrakeLimits = fmt.Sprintf("%d%% of the users within %s, and %d in any case", limits.Max, strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(limits.Window.String()), limits.Floor)
	}
	if out.Warning, out.Fix = t.NoDomain(); out.Problem+out.Mapping != "" {
		out.Fix = t.Command("doctor")
	}
	for _, off := range t.Mapping.Profile().Off() {
		out.TolerancesOff = append(out.TolerancesOff, off.String())
	}
	switch {
	case t.Owner.Organization:
		out.Scope, out.Domains = "organization", string(t.Policy.Domains)
	case t.Policy.OwnedOnly:
		out.Scope = "owned"
	}
	for _, token := range t.Tokens {
		shown := Token{Name: token.Name, KeyID: token.KeyID, Scopes: token.Scopes.String()}
		if !token.Expires.IsZero() {
			shown.Expires = &token.Expires
		}
		out.Tokens = append(out.Tokens, shown)
	}
	for _, a := range t.AccessTokens {
		out.Tokens = append(out.Tokens, Token{Name: a.Name, Issuer: a.Issuer, Scopes: a.Scopes.String()})
	}
	for _, rt := range t.Mapping.Types() {
		out.Schemas = append(out.Schemas, rt.Schema.ID)
		for _, extension := range rt.Extensions {
			out.Schemas = append(out.Schemas, extension.ID)
		}
	}
	return out
}

// AdoptMode says what an adoption does.
type AdoptMode struct {
	DryRun bool // writes nothing
	Undo   bool // gives back what was taken over
}

// Adopt takes over accounts and groups for a tenant and tells of each, as an object for JSON.
type Adopt func(ctx context.Context, t *tenant.Tenant, mode AdoptMode, each func(adoption any) error) error

// Brake holds mass removals of users (guard.Brake).
type Brake interface {
	Lift(ctx context.Context, t *tenant.Tenant) error
	State(ctx context.Context, t *tenant.Tenant) string
}

// Revoker remembers that a token of an organization was taken back, by the text of
// realm.Revocation.
type Revoker func(ctx context.Context, realm, revocation string) error

// failure is the last line of an adoption that failed, and the answer to a revocation that did.
type failure struct {
	Error string `json:"error"`
}

// Handler answers GET /tenants with a list of Tenant, in the order of their paths, and POST
// /adopt?tenant=PATH&dryRun=BOOL&undo=BOOL with an adoption a line, and a failure last when it broke off.
//
// POST /look has look begin at once: a look at what is in Keycloak. POST /lift?tenant=PATH lifts the
// removal brake of a tenant, and answers how it stands then. POST /revoke?realm=NAME&revocation=TEXT
// takes a token of an organization back, and answers with a failure where that fails. Below /scim are the SCIM endpoints, for
// the operator.
func Handler(tenants *tenant.Registry, look func(), adopt Adopt, brake Brake, revoke Revoker, operator http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/scim/", http.StripPrefix("/scim", operator))
	mux.HandleFunc("POST /lift", func(w http.ResponseWriter, r *http.Request) {
		t := tenants.ByPath(r.FormValue("tenant"))
		if t == nil {
			http.Error(w, "no such tenant", http.StatusNotFound)
			return
		}
		if err := brake.Lift(r.Context(), t); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(brake.State(r.Context(), t)) // who asked and went away is told nothing
	})
	mux.HandleFunc("POST /revoke", func(w http.ResponseWriter, r *http.Request) {
		var answer failure
		if err := revoke(r.Context(), r.FormValue("realm"), r.FormValue("revocation")); err != nil {
			answer.Error = err.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // who asked and went away is told nothing
	})
	mux.HandleFunc("POST /look", func(http.ResponseWriter, *http.Request) { look() })
	mux.HandleFunc("POST /adopt", func(w http.ResponseWriter, r *http.Request) {
		t := tenants.ByPath(r.FormValue("tenant"))
		if t == nil {
			http.Error(w, "no such tenant", http.StatusNotFound)
			return
		}
		lines, control := json.NewEncoder(w), http.NewResponseController(w)
		w.Header().Set("Content-Type", "application/x-ndjson")
		err := control.SetWriteDeadline(time.Time{}) // it takes as long as there are accounts
		if err == nil {
			mode := AdoptMode{DryRun: r.FormValue("dryRun") != "false", Undo: r.FormValue("undo") == "true"}
			err = adopt(r.Context(), t, mode, func(adoption any) error {
				return errors.Join(lines.Encode(adoption), control.Flush())
			})
		}
		if err != nil {
			_ = lines.Encode(failure{err.Error()}) // who went away is told nothing
		}
	})
	mux.HandleFunc("GET /tenants", func(w http.ResponseWriter, r *http.Request) {
		out := []Tenant{}
		for _, t := range tenants.All() {
			out = append(out, describe(r.Context(), t, brake))
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // who asked and went away is told nothing
	})
	return mux
}

// ErrInUse says that another bridge answers on the socket.
var ErrInUse = errors.New("another bridge answers there; one alone may write to a realm")

// Listen opens the socket for the user of this process alone, from the first moment on. A file
// that a bridge left there which does not run any more is replaced; one that answers is ErrInUse.
// A directory that is not there is made, for that user alone too.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := private(dir); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there and no socket", path)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			return nil, errors.Join(ErrInUse, conn.Close())
		}
	}
	// Until its mode is set, the socket is where nobody else can reach it.
	nobodys, err := os.MkdirTemp(dir, ".")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(nobodys) //nolint:errcheck // it is empty by then
	made, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(nobodys, "s"))
	if err != nil {
		return nil, err
	}
	listener := &socket{Listener: made, path: path}
	if unix, ok := made.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // it moves
	}
	if err = os.Chmod(filepath.Join(nobodys, "s"), 0o600); err == nil {
		err = os.Rename(filepath.Join(nobodys, "s"), path)
	}
	if err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return listener, nil
}

// private makes a directory or refuses one in which anybody may put a socket in the place of the
// bridge's.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o002 != 0 {
		err = fmt.Errorf("everybody may write into %s, and so put another socket there: name one in a directory of its own, which the bridge makes", dir)
	}
	return err
}

// socket removes its file when it is closed.
type socket struct {
	net.Listener

	path string
}

// Close implements net.Listener.
func (s *socket) Close() error { return errors.Join(s.Listener.Close(), os.Remove(s.path)) }

// Tenants asks the bridge on a socket for its tenants.
func Tenants(ctx context.Context, socket string) ([]Tenant, error) {
	body, err := ask(ctx, socket, http.MethodGet, "/tenants")
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // it was read, nothing can be lost
	var out []Tenant
	err = json.NewDecoder(body).Decode(&out)
	return out, err
}

// Look has the bridge on a socket look at once at what is in Keycloak.
func Look(ctx context.Context, socket string) error {
	body, err := ask(ctx, socket, http.MethodPost, "/look")
	if err != nil {
		return err
	}
	return body.Close()
}

// Lift has the bridge on a socket lift the removal brake of the tenant at a path, and returns how it
// stands then.
func Lift(ctx context.Context, socket, path string) (string, error) {
	body, err := ask(ctx, socket, http.MethodPost, "/lift?"+url.Values{"tenant": {path}}.Encode())
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // it was read, nothing can be lost
	var stands string
	err = json.NewDecoder(body).Decode(&stands)
	return stands, err
}

// Revoke has the bridge on a socket take a token of an organization back.
func Revoke(ctx context.Context, socket, realm, revocation string) error {
	body, err := ask(ctx, socket, http.MethodPost, "/revoke?"+url.Values{"realm": {realm}, "revocation": {revocation}}.Encode())
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was read, nothing can be lost
	var answer failure
	if err = json.NewDecoder(body).Decode(&answer); err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return err
}

// Adoptions has the bridge on a socket take over accounts and groups for the tenant at a path, give them
// back, or say what it would do; each is given every adoption as it comes.
func Adoptions(ctx context.Context, socket, path string, mode AdoptMode, each func(adoption json.RawMessage) error) error {
	query := url.Values{"tenant": {path}, "dryRun": {strconv.FormatBool(mode.DryRun)}, "undo": {strconv.FormatBool(mode.Undo)}}
	body, err := ask(ctx, socket, http.MethodPost, "/adopt?"+query.Encode())
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was read, nothing can be lost
	for lines := json.NewDecoder(body); ; {
		var line json.RawMessage
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the bridge broke off: %w", err)
		}
		var broken failure
		if err := json.Unmarshal(line, &broken); err == nil && broken.Error != "" {
			return errors.New(broken.Error)
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

// origin is the address of the bridge on a socket, whatever socket that is.
const origin = "http://bridge"

// Client speaks to the bridge on a socket.
func Client(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
}

// Root is the SCIM service root of the tenant at a path, for a Client.
func Root(path string) string { return origin + "/scim/realms/" + path + "/scim/v2" }

// ErrAbsent says that no bridge answers on a socket.
var ErrAbsent = errors.New("no bridge answers")

// ask is a request to the bridge on a socket; the caller closes the body.
func ask(ctx context.Context, socket, method, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, origin+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := Client(socket).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w on %s; scim-bridge serve with the same configuration starts one: %w", ErrAbsent, socket, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the bridge on %s answers %s", socket, res.Status), res.Body.Close())
	}
	return res.Body, nil
}
