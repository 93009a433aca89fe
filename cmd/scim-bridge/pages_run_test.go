package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// shellBlock matches a block of commands for the reader's shell.
var shellBlock = regexp.MustCompile("(?sm)^```sh\n(.*?)^```")

// blocksOf returns the blocks of commands of a page.
func blocksOf(t *testing.T, page string) []string {
	t.Helper()
	var out []string
	for _, block := range shellBlock.FindAllStringSubmatch(apptest.ReadPage(t, "../../docs/"+page), -1) {
		out = append(out, block[1])
	}
	return out
}

// follower runs the commands of pages. It has a shell, the program, an empty directory, and a
// Keycloak with a realm.
type follower struct {
	server keycloaktest.Server
	realm  string
	admin  *keycloak.Client
	// answers are the lines that the reader types when a command asks.
	answers string
	// existing is the reader's first answer when setup asks about users that exist already; "" when
	// setup does not ask.
	existing string
	// means maps an example of a page, such as https://keycloak.example, to the reader's own value.
	means map[string]string

	dir                 string
	listen, adminListen string
}

// newFollower returns a follower with an empty realm of a random name.
func newFollower(t *testing.T, server keycloaktest.Server) *follower {
	t.Helper()
	realm, admin := apptest.NewEmptyRealm(t, server)
	return followerOf(t, server, realm, admin)
}

// newFollowerIn returns a follower with its own Keycloak, whose only realm has this name.
func newFollowerIn(t *testing.T, realm string) *follower {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	name, err := keycloak.ParseRealm(realm)
	if err != nil {
		t.Fatal(err)
	}
	admin := server.AdminClient(t, name)
	if err := keycloaktest.CreateRealm(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	return followerOf(t, server, realm, admin)
}

func followerOf(t *testing.T, server keycloaktest.Server, realm string, admin *keycloak.Client) *follower {
	t.Helper()
	dir, err := os.MkdirTemp("", "reader") //nolint:usetesting // the path of the test's own directory is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &follower{server: server, realm: realm, admin: admin, dir: dir, answers: strings.Repeat("y\n", 10)} //nolint:mnd // several commands ask
	r.listen, r.adminListen = apptest.FreeAddresses(t)
	r.means = map[string]string{
		"https://keycloak.example": server.URL, "https://bridge.example": "http://" + r.listen, "https://scim.example": "http://" + r.listen,
		"http://127.0.0.1:9091": "http://" + r.adminListen, "http://127.0.0.1:8081": "http://" + r.listen,
	}
	return r
}

// byHand does what the reader does by hand: answer the questions of a command, choose free
// addresses for the bridge, and copy the token that a command prints once.
const byHand = `set -m
trap 'for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done' EXIT
scim-bridge() {
  case "$1 ${2-}" in
  "setup "*)
    if [[ $* == *" --listen "* ]]; then copying "$@"; else copying "$@" --listen "$LISTEN" --admin-listen "$ADMIN_LISTEN"; fi ;;
  "tokens new") if [[ $* == *" json"* ]]; then command scim-bridge "$@" <"$ANSWERS"; else copying "$@"; fi ;;
  "tokens revoke" | "store forget" | "adopt "*) command scim-bridge "$@" <"$ANSWERS" ;;
  *) command scim-bridge "$@" ;;
  esac
}
copying() {
  local said
  said=$(command scim-bridge "$@" < <(if [[ $1 = setup && -n $EXISTING ]]; then echo "$EXISTING"; fi; cat "$ANSWERS"))
  echo "$said"
  local token secret
  token=$(sed -n 's/^Token  *\([^ ]*\).*/\1/p' <<<"$said")
  secret=$(sed -n 's/^Client secret  *\([^ ]*\).*/\1/p' <<<"$said")
  if [[ -n $token ]]; then echo "$token" >token; fi
  if [[ $1 = setup && -n $token ]]; then export SCIM_TOKEN=$token; fi
  if [[ -n $secret ]]; then export CLIENT_SECRET=$secret; fi
}
`

// follows runs commands in one shell, from top to bottom, and returns what they print.
func (r *follower) follows(t *testing.T, commands ...string) string {
	t.Helper()
	script := strings.Join(commands, "")
	for example, own := range r.means {
		script = strings.ReplaceAll(script, example, own)
	}
	answers := filepath.Join(t.TempDir(), "answers")
	if err := os.WriteFile(answers, []byte(r.answers), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", byHand+script)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(apptest.BuildProgram(t))+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KEYCLOAK_URL="+r.server.URL, "KEYCLOAK_ADMIN="+r.server.Admin, "KEYCLOAK_ADMIN_PASSWORD="+r.server.Password, "REALM="+r.realm,
		"LISTEN="+r.listen, "ADMIN_LISTEN="+r.adminListen, "SCIM_URL=http://"+r.listen+"/realms/"+r.realm+"/scim/v2", "ANSWERS="+answers, "EXISTING="+r.existing)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, 10*time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, said.String())
	}
	return said.String()
}

// reads runs the commands of several pages, one page after the other.
func (r *follower) reads(t *testing.T, pages ...string) string {
	t.Helper()
	var commands []string
	for _, page := range pages {
		blocks := blocksOf(t, page)
		if len(blocks) == 0 {
			t.Fatalf("%s has no commands", page)
		}
		commands = append(commands, blocks...)
	}
	return r.follows(t, commands...)
}

// wantSaid checks what commands should print.
func wantSaid(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(out, text) {
			t.Errorf("the commands do not say %q:\n%s", text, out)
		}
	}
}
