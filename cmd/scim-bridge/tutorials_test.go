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

// tutorial runs the commands of a page in one shell, from top to bottom, with the token that setup
// prints as the reader copies it, and returns what they print.
func tutorial(t *testing.T, page string, blocks int) (out string, admin *keycloak.Client) {
	t.Helper()
	server := keycloaktest.Real(t)
	realm, admin := apptest.NewEmptyRealm(t, server)
	commands := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(apptest.ReadPage(t, "../../docs/tutorials/"+page), -1)
	if len(commands) != blocks {
		t.Fatalf("%s has %d blocks of commands", page, len(commands))
	}
	var script strings.Builder
	script.WriteString("set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n")
	for _, block := range commands {
		command := block[1]
		if strings.Contains(command, "scim-bridge setup") {
			command = "setup_says=$(" + strings.TrimSpace(command) + ")\necho \"$setup_says\"\nexport SCIM_TOKEN=$(sed -n 's/^Token *\\([^ ]*\\).*/\\1/p' <<<\"$setup_says\")\n"
		}
		script.WriteString(command)
	}
	listen, adminListen := apptest.FreeAddresses(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(apptest.BuildProgram(t))+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KEYCLOAK_URL="+server.URL, "KEYCLOAK_ADMIN="+server.Admin, "KEYCLOAK_ADMIN_PASSWORD="+server.Password, "REALM="+realm,
		"LISTEN="+listen, "ADMIN_LISTEN="+adminListen, "SCIM_URL=http://"+listen+"/realms/"+realm+"/scim/v2")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, 10*time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", page, err, said.String())
	}
	return said.String(), admin
}

// TestTheQuickStart: each of its commands works, and the user is in Keycloak in the end.
func TestTheQuickStart(t *testing.T) {
	t.Parallel()
	out, admin := tutorial(t, "quickstart.md", 5)
	for _, want := range []string{"0 failed", "jane@acme.example", "20 users, 2 groups and 30 memberships are as okta sent them"} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not say %q:\n%s", want, out)
		}
	}
	users, err := admin.Users(t.Context(), keycloak.UserQuery{Username: "jane@acme.example"})
	if err != nil || len(users) != 1 || users[0].LastName != "Doe" {
		t.Errorf("Keycloak has %v: %v", users, err)
	}
}

// TestTheTutorialOfMappings: the attributes are where the file says.
func TestTheTutorialOfMappings(t *testing.T) {
	t.Parallel()
	out, admin := tutorial(t, "first-mapping.md", 4)
	users, err := admin.Users(t.Context(), keycloak.UserQuery{Username: "jane@acme.example"})
	if err != nil || len(users) != 1 {
		t.Fatalf("Keycloak has %v: %v\n%s", users, err, out)
	}
	for attribute, want := range map[string]string{"job_title": "Engineer", "badge": "0042"} {
		if got := strings.Join(users[0].Attributes[attribute], "|"); got != want {
			t.Errorf("%s is %q, want %q", attribute, got, want)
		}
	}
	if !strings.Contains(out, "job_title") || !strings.Contains(out, `"badge": "0042"`) && !strings.Contains(out, `"badge":"0042"`) {
		t.Errorf("explain and users get do not show the attributes:\n%s", out)
	}
}
