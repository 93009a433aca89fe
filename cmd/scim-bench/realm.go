package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/sqlstore"
)

const (
	minUsers = 1000
	// inGroup and inOrganization are the numbers of members of the large group and of the
	// organization.
	inGroup, inOrganization = 1000, 1000
	// inSmall is the number of members of the small group.
	inSmall       = 10
	organizations = 10
	fillers       = 8
)

// realm is a realm with a bridge and Keycloak's own SCIM.
type realm struct {
	name     string
	users    int
	keycloak string // URL of the server
	http     *http.Client

	bridges []*exec.Cmd // with a store, and without
	dir     string

	bridgeURL, bridgeToken string
	// Of the bridge without a store.
	statelessURL, statelessToken string

	proxy              *http.Server
	proxyURL           string
	ids                []string // of some users
	team, small, crowd string   // ids of groups
	management         string   // id of the client realm-management
	sample             string   // see takeSample
	next               int      // differs for each target of a write
	stirred            int      // number of changes by stir

	commits *sqlstore.Store // see commit

	mu     sync.Mutex
	tokens map[string]token // by client
}

type token struct {
	text  string
	until time.Time
}

// mapping stores eight attributes where Keycloak's own SCIM stores them.
const mapping = `version: 1
users:
  attributes:
    title: { keycloak: title }
    nickName: { keycloak: nick }
    userType: { keycloak: type }
    displayName: { keycloak: display }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": { keycloak: department }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter": { keycloak: cost }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division": { keycloak: division }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": { keycloak: number }
`

func newRealm(ctx context.Context, program string, users int) (*realm, error) {
	r := &realm{
		name: fmt.Sprintf("bench-%d", users), users: users, keycloak: os.Getenv("KEYCLOAK_URL"), tokens: map[string]token{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * fillers, DisableCompression: true}},
	}
	if r.keycloak == "" {
		return nil, errors.New("KEYCLOAK_URL names no server")
	}
	var err error
	if r.dir, err = os.MkdirTemp("", "scim-bench-"); err != nil {
		return nil, err
	}
	if err := r.admin(ctx, http.MethodPost, "", map[string]any{
		"realm": r.name, "enabled": true, "organizationsEnabled": true, "scimApiEnabled": true, "editUsernameAllowed": true,
	}, nil); err != nil {
		return nil, err
	}
	if err := r.nativeClient(ctx); err != nil {
		return nil, err
	}
	if err := r.forward(); err != nil {
		return nil, err
	}
	if err := r.serve(ctx, program); err != nil {
		return nil, err
	}
	return r, r.annotate(ctx)
}

// annotate tells Keycloak's own SCIM which attributes the bridge stores.
func (r *realm) annotate(ctx context.Context) error {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"
	paths := map[string]string{
		"externalId": "externalId", "title": "title", "nick": "nickName", "type": "userType", "display": "displayName",
		"department": enterprise + "department", "cost": enterprise + "costCenter", "division": enterprise + "division", "number": enterprise + "employeeNumber",
	}
	var profile map[string]any
	if err := r.admin(ctx, http.MethodGet, "/users/profile", nil, &profile); err != nil {
		return err
	}
	attributes, _ := profile["attributes"].([]any)
	for _, attribute := range attributes {
		object, _ := attribute.(map[string]any)
		if path := paths[fmt.Sprint(object["name"])]; path != "" {
			object["annotations"] = map[string]any{"kc.scim.schema.attribute": path}
		}
	}
	return r.admin(ctx, http.MethodPut, "/users/profile", profile, nil)
}

// nativeClient makes the client whose tokens Keycloak's own SCIM accepts.
func (r *realm) nativeClient(ctx context.Context) error {
	err := r.admin(ctx, http.MethodPost, "/clients", map[string]any{
		"clientId": "native", "secret": "native", "serviceAccountsEnabled": true, "attributes": map[string]string{"access.token.lifespan": "7200"},
		"protocolMappers": []map[string]any{{
			"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
			"config": map[string]string{"included.custom.audience": r.nativeURL(), "access.token.claim": "true"},
		}},
	}, nil)
	if err != nil {
		return err
	}
	var clients, management []struct {
		ID string `json:"id"`
	}
	var account struct {
		ID string `json:"id"`
	}
	var role map[string]any
	err = errors.Join(
		r.admin(ctx, http.MethodGet, "/clients?clientId=native", nil, &clients),
		r.admin(ctx, http.MethodGet, "/clients?clientId=realm-management", nil, &management))
	if err != nil {
		return err
	}
	if err := r.admin(ctx, http.MethodGet, "/clients/"+clients[0].ID+"/service-account-user", nil, &account); err != nil {
		return err
	}
	r.management = management[0].ID
	for _, name := range []string{"manage-users", "query-users", "query-groups", "view-clients"} {
		if err := r.admin(ctx, http.MethodGet, "/clients/"+management[0].ID+"/roles/"+name, nil, &role); err != nil {
			return err
		}
		if err := r.admin(ctx, http.MethodPost, "/users/"+account.ID+"/role-mappings/clients/"+management[0].ID, []any{role}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *realm) nativeURL() string { return r.keycloak + "/realms/" + r.name + "/scim/v2" }

// serve sets the realm up as an operator does, and starts a bridge with a warm index and a store, and one without a store.
// Each has an account of its own: a bridge with a store refuses to write beside another one with its account.
func (r *realm) serve(ctx context.Context, program string) error {
	with, err := r.setUp(ctx, program, "scim-bridge", r.dir)
	if err != nil {
		return err
	}
	without, err := r.setUp(ctx, program, "stateless", filepath.Join(r.dir, "stateless"))
	if err != nil {
		return err
	}
	r.bridgeURL, r.bridgeToken, r.statelessURL, r.statelessToken = with.BaseURL, with.Token, without.BaseURL, without.Token
	if err := edit(without.Config, regexp.MustCompile(`(?m)^store:.*\n(  .*\n)*`), ""); err != nil {
		return err
	}
	if err := r.start(ctx, program, with.Config, r.bridgeURL, r.bridgeToken); err != nil {
		return err
	}
	return r.start(ctx, program, without.Config, r.statelessURL, r.statelessToken)
}

// installed is what setup answers.
type installed struct{ BaseURL, Token, Config string }

// setUp makes a configuration with an account of its own, without limits.
func (r *realm) setUp(ctx context.Context, program, account, dir string) (made installed, err error) {
	file := filepath.Join(r.dir, "mapping.yaml")
	if err := os.WriteFile(file, []byte(mapping), 0o600); err != nil {
		return made, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return made, err
	}
	setup := exec.CommandContext(ctx, program, "setup", "--url", r.keycloak, "--realm", r.name, "--client-id", account, "--yes", "--change-feed", "--relax-validators",
		"--mapping", file, "--listen", l.Addr().String(), "--admin-listen", "127.0.0.1:0", "--out", dir, "--output", "json")
	setup.Stderr = os.Stderr
	out, err := setup.Output()
	if err := errors.Join(err, l.Close()); err != nil {
		return made, fmt.Errorf("setup: %w", err)
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return made, err
	}
	return made, unlimited(made.Config)
}

// start starts a bridge, and waits until it answers.
func (r *realm) start(ctx context.Context, program, file, root, token string) error {
	cmd := exec.CommandContext(ctx, program, "serve", "--config", file)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	r.bridges = append(r.bridges, cmd)
	for range 200 {
		if _, err := r.ask(ctx, http.MethodGet, root+"/Users?count=0", token, nil); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // until the process listens
	}
	return errors.New("the bridge does not answer")
}

// openCommits opens a store of its own, to measure what a durable commit takes.
func (r *realm) openCommits(ctx context.Context) error {
	ring, err := seal.ParseRing(seal.NewKey())
	if err != nil {
		return err
	}
	r.commits, err = sqlstore.Open(ctx, sqlstore.Options{File: filepath.Join(r.dir, "commits.db"), Ring: ring})
	return err
}

// commit makes a durable commit of one small row in a store, and returns how long that took.
func (r *realm) commit(ctx context.Context) (time.Duration, error) {
	var row store.Revocation
	if _, err := rand.Read(row.SHA256[:]); err != nil {
		return 0, err
	}
	began := time.Now()
	err := r.commits.Revoke(ctx, row)
	return time.Since(began), err
}

// forward starts the proxy.
func (r *realm) forward() error {
	target, err := url.Parse(r.keycloak)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.proxyURL = "http://" + l.Addr().String()
	r.proxy = &http.Server{ReadHeaderTimeout: time.Minute, Handler: &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(target) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 2 * fillers, DisableCompression: true},
	}}
	go r.proxy.Serve(l) //nolint:errcheck // until it is closed
	return nil
}

// unlimited lets one client send as many requests as it can.
func unlimited(file string) error {
	return edit(file, regexp.MustCompile(`(?ms)^( +)(- tokensFile:[^\n]*)$(.*)\z`), "${1}${2}\n${1}  limits: { requestsPerSecond: 100000, inFlight: 1000 }${3}\nlog: { level: error }\n")
}

// edit replaces a part of a file, which must be there.
func edit(file string, part *regexp.Regexp, by string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !part.Match(data) {
		return fmt.Errorf("%s has no %s", file, part)
	}
	return os.WriteFile(file, part.ReplaceAll(data, []byte(by)), 0o600)
}

func (r *realm) remove(ctx context.Context) error {
	for _, cmd := range r.bridges {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	}
	return errors.Join(r.proxy.Close(), r.admin(ctx, http.MethodDelete, "", nil, nil), os.RemoveAll(r.dir))
}

// fill creates the users as a client of the bridge does, so that they have everything that the
// bridge stores.
func (r *realm) fill(ctx context.Context) error {
	ids := make([]string, r.users)
	started := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fillers)
	for i := range r.users {
		g.Go(func() error {
			var made struct{ ID string }
			data, err := r.ask(gctx, http.MethodPost, r.bridgeURL+"/Users", r.bridgeToken, newUser(i))
			if err == nil {
				err = json.Unmarshal(data, &made)
			}
			ids[i] = made.ID
			if i%5000 == 4999 {
				fmt.Fprintf(os.Stderr, "%d of %d users, %.0f a second\n", i+1, r.users, float64(i+1)/time.Since(started).Seconds())
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	r.ids = ids
	if err := r.organize(ctx); err != nil {
		return err
	}
	for _, g := range []struct {
		id      *string
		name    string
		members int
	}{{&r.team, "team", inGroup}, {&r.small, "small", inSmall}, {&r.crowd, "crowd", r.crowded()}} {
		var err error
		if *g.id, err = r.group(ctx, g.name, ids[:g.members]); err != nil {
			return err
		}
	}
	return nil
}

func newUser(i int) map[string]any {
	return map[string]any{
		"userName": fmt.Sprintf("user%06d@acme.test", i), "externalId": fmt.Sprintf("ext-%06d", i), "active": i%10 > 0,
		"name":        map[string]any{"givenName": fmt.Sprintf("Given%d", i%97), "familyName": fmt.Sprintf("Family%d", i%997)},
		"displayName": fmt.Sprintf("Given%d Family%d", i%97, i%997), "nickName": fmt.Sprintf("nick%d", i), "title": fmt.Sprintf("Title %d", i%50), "userType": "Employee",
		"emails": []any{map[string]any{"value": fmt.Sprintf("user%06d@acme.test", i), "type": "work", "primary": true}},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{
			"department": fmt.Sprintf("Department %d", i%40), "costCenter": strconv.Itoa(i % 300), "division": fmt.Sprintf("Division %d", i%5), "employeeNumber": strconv.Itoa(i),
		},
	}
}

// organize creates organizations. The first one has members.
func (r *realm) organize(ctx context.Context) error {
	for i := range organizations {
		name := fmt.Sprintf("organization%d", i)
		if err := r.admin(ctx, http.MethodPost, "/organizations", map[string]any{"name": name, "alias": name}, nil); err != nil {
			return err
		}
	}
	var list []struct {
		ID string `json:"id"`
	}
	if err := r.admin(ctx, http.MethodGet, "/organizations?search=organization0&exact=true", nil, &list); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fillers)
	for _, id := range r.ids[:inOrganization] {
		g.Go(func() error { return r.admin(gctx, http.MethodPost, "/organizations/"+list[0].ID+"/members", id, nil) })
	}
	return g.Wait()
}

// group creates a group of the bridge and adds the members in parts, because one request for all of
// them would take too long.
func (r *realm) group(ctx context.Context, name string, members []string) (string, error) {
	var made struct{ ID string }
	data, err := r.ask(ctx, http.MethodPost, r.bridgeURL+"/Groups", r.bridgeToken, map[string]any{"displayName": name})
	if err == nil {
		err = json.Unmarshal(data, &made)
	}
	const part = 250
	for list := range slices.Chunk(members, part) {
		if err == nil {
			_, err = r.send(ctx, bridge, http.MethodPatch, "/Groups/"+made.ID, patchOf("add", "members", memberValues(list)))
		}
	}
	return made.ID, err
}

// warm lets the bridge build its index.
func (r *realm) warm(ctx context.Context) error {
	started := time.Now()
	for {
		_, err := r.ask(ctx, http.MethodGet, r.bridgeURL+"/Users?sortBy=userName&count=1", r.bridgeToken, nil)
		var e *statusError
		if !errors.As(err, &e) || e.status != http.StatusServiceUnavailable {
			fmt.Fprintf(os.Stderr, "the index was made in %s\n", time.Since(started).Round(time.Millisecond))
			return err
		}
		fmt.Fprintln(os.Stderr, e.body)
	}
}

// statusError is an answer that is not a success.
type statusError struct {
	method, url string
	status      int
	body        string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s = %d %s", e.method, e.url, e.status, e.body)
}

// ask sends a request and reads the whole answer, which must be a success.
func (r *realm) ask(ctx context.Context, method, target, bearer string, body any) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // the body was read completely
	data, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		err = &statusError{method, target, res.StatusCode, string(data)}
	}
	return data, err
}

// admin calls the Admin API of the realm.
func (r *realm) admin(ctx context.Context, method, path string, body, out any) error {
	bearer, err := r.token(ctx, "master", "admin-cli", url.Values{
		"grant_type": {"password"}, "username": {os.Getenv("KEYCLOAK_ADMIN")}, "password": {os.Getenv("KEYCLOAK_ADMIN_PASSWORD")},
	})
	if err != nil {
		return err
	}
	target := r.keycloak + "/admin/realms/" + r.name + path
	if method == http.MethodPost && path == "" {
		target = r.keycloak + "/admin/realms"
	}
	data, err := r.ask(ctx, method, target, bearer, body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(data, out)
}

// token returns an access token and keeps it until it expires.
func (r *realm) token(ctx context.Context, realm, client string, form url.Values) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tokens[client]; time.Now().Before(t.until) {
		return t.text, nil
	}
	form.Set("client_id", client)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.keycloak+"/realms/"+realm+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := r.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // the body was read completely
	var answer struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("token of %s: %d, %w", client, res.StatusCode, err)
	}
	const early = 10 * time.Second
	r.tokens[client] = token{answer.Token, time.Now().Add(time.Duration(answer.Expires)*time.Second - early)}
	return answer.Token, nil
}

// native returns the token for Keycloak's own SCIM, and for the Admin API when it is measured. Both
// get the same rights.
func (r *realm) native(ctx context.Context) (string, error) {
	return r.token(ctx, r.name, "native", url.Values{"grant_type": {"client_credentials"}, "client_secret": {"native"}})
}

// memory returns the memory of the bridge's process in MB.
func (r *realm) memory() (int, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", r.bridges[0].Process.Pid))
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // the file was only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kb int
		if n, _ := fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kb); n == 1 {
			return kb >> 10, nil
		}
	}
	return 0, errors.New("the process has no VmRSS")
}
