package charts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/charts/cluster"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const imageName = "ghcr.io/keycloak-scim-bridge/scim-bridge:"

// onNode is a bridge that was installed with the commands of the guide.
type onNode struct {
	*cluster.Cluster

	env   []string
	dir   string // where the commands run
	realm string
	admin *keycloak.Client
	url   string // of the service root, with the address of the Service
	token string
}

// TestTheHelmGuideOnANode runs every command of the guide to Helm: on a real node with the image of the Dockerfile, in
// a restricted namespace, from nothing to the first user in a real Keycloak. Then it upgrades and rolls back while Okta
// provisions, and rotates the token.
func TestTheHelmGuideOnANode(t *testing.T) {
	if *clusterFlag != "node" {
		t.Skip("make test-node runs it")
	}
	server := keycloaktest.Real(t)
	stored := volume(t)
	c := cluster.Start(t)
	c.AddNode(cluster.BuildImage(t, imageName+appVersion(t), appVersion(t)))
	c.Kubectl(stored, "apply", "--filename", "-")
	server.URL = forward(t, server.URL)
	name, err := keycloak.ParseRealm(keycloaktest.RandomRealm())
	if err != nil {
		t.Fatal(err)
	}
	realm, admin := name.String(), server.AdminClient(t, name)
	if err := admin.CreateRealm(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keycloaktest.RemoveRealm(t, admin) })
	n := &onNode{Cluster: c, dir: t.TempDir(), realm: realm, admin: admin}
	absolute, err := filepath.Abs(chart)
	if err != nil {
		t.Fatal(err)
	}
	n.env = path(t, c, "KEYCLOAK_URL="+server.URL, "REALM="+realm, "KEYCLOAK_ADMIN="+server.Admin, "KEYCLOAK_ADMIN_PASSWORD="+server.Password, "CHART="+absolute)
	n.guide(t)
	n.url = "http://" + c.Kubectl("", "-n", "scim", "get", "service", "keycloak-scim-bridge", "-o", "jsonpath={.spec.clusterIP}") + ":8081/realms/" + realm + "/scim/v2"
	t.Run("the image runs as nobody with a read-only root", n.process)
	t.Run("nothing is lost in an upgrade and a rollback", n.upgrade)
	t.Run("a token is rotated without a restart", n.rotate)
}

func appVersion(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^appVersion: (.+)$`).FindStringSubmatch(readFile(t, filepath.Join(chart, "Chart.yaml")))[1]
}

// volume is a volume for the claim of the store, in a directory of this machine: the cluster makes no volumes by itself.
// Call it before the cluster is started, so that the directory is removed after the cluster has ended. Everybody may write into the directory, because Kubernetes does not change the owner of such a volume.
func volume(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"store"},"spec":{"capacity":{"storage":"10Gi"},"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Retain","hostPath":{"path":%q,"type":"Directory"}}}`, dir)
}

// forward lets the cluster reach a server on this machine's loopback.
func forward(t *testing.T, to string) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", cluster.HostIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	target := strings.TrimPrefix(to, "http://")
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go pipe(from, target)
		}
	}()
	return "http://" + listener.Addr().String()
}

func pipe(from net.Conn, target string) {
	to, err := new(net.Dialer).DialContext(context.Background(), "tcp", target)
	if err == nil {
		go func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		}()
		_, _ = io.Copy(from, to)
	}
	_ = from.Close()
}

// shell runs commands unchanged, and returns their output.
func (n *onNode) shell(t *testing.T, commands string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", "set -m\n"+commands)
	cmd.Dir, cmd.Env = n.dir, append(slices.Clone(n.env), "TOKEN="+n.token)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s\n%v\n%s\n%s", commands, err, out.String(), n.state())
	}
	return out.String()
}

// state is the pods, the events and the end of the log, for the message of a failure.
func (n *onNode) state() string {
	events, _ := n.TryKubectl("", "-n", "scim", "get", "pods,events", "-o", "wide")
	log, _ := n.TryKubectl("", "-n", "scim", "logs", "deploy/keycloak-scim-bridge", "--tail=20")
	return events + log
}

// guide runs the blocks of the guide that are commands.
func (n *onNode) guide(t *testing.T) {
	t.Helper()
	began := time.Now()
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readFile(t, "../docs/guides/install-helm.md"), -1)
	if len(blocks) != 4 {
		t.Fatalf("the guide has %d blocks of commands", len(blocks))
	}
	for _, block := range blocks {
		out := n.shell(t, block[1])
		t.Logf("%s\n%s", block[1], out)
		if token := regexp.MustCompile(`Token\s+(\S+)`).FindStringSubmatch(out); token != nil {
			n.token = token[1]
		}
		n.Names()
	}
	users, err := n.admin.Users(t.Context(), keycloak.UserQuery{Username: "jane@acme.example"})
	if err != nil || len(users) != 1 || users[0].FirstName != "Jane" {
		t.Fatalf("Keycloak has %v: %v", users, err)
	}
	t.Logf("from nothing to the first user in %s", time.Since(began).Round(time.Second))
}

// process checks the user, the capabilities and the root of the bridge's process, as the node sees them.
func (n *onNode) process(t *testing.T) {
	found := 0
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range processes {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(line, []byte("/scim-bridge\x00serve\x00")) {
			continue // a process that has ended
		}
		found++
		dir := filepath.Dir(file)
		status, mounts := readFile(t, filepath.Join(dir, "status")), readFile(t, filepath.Join(dir, "mountinfo"))
		for _, want := range []string{"\nUid:\t65532\t65532\t65532\t65532\n", "\nGid:\t65532\t", "\nCapEff:\t0000000000000000\n", "\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n"} {
			if !strings.Contains(status, want) {
				t.Errorf("the status of the process lacks %q:\n%s", want, status)
			}
		}
		if !regexp.MustCompile(`(?m)^\S+ \S+ \S+ / / ro,`).MatchString(mounts) {
			t.Errorf("its root is not read-only:\n%s", mounts)
		}
	}
	if found != 1 {
		t.Errorf("%d processes are a bridge", found)
	}
}

// upgrade provisions as Okta does while the release is upgraded and rolled back.
func (n *onNode) upgrade(t *testing.T) {
	result := make(chan string, 1)
	go func() {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "exec scim-bridge simulate okta --users 600 --groups 20 --parallel 2 --url "+n.url)
		cmd.Env = append(slices.Clone(n.env), "SCIM_TOKEN="+n.token)
		out, err := cmd.CombinedOutput()
		result <- fmt.Sprintf("%s\n%v", out, err)
	}()
	n.Eventually("Okta has made some users", func() bool {
		users, err := n.admin.Users(t.Context(), keycloak.UserQuery{Max: 20})
		return err == nil && len(users) == 20
	})
	pod := n.Kubectl("", "-n", "scim", "get", "pods", "-o", "jsonpath={.items[*].metadata.name}")
	n.shell(t, `helm upgrade keycloak-scim-bridge "$CHART" --namespace scim --values "$REALM/values.yaml" --set secrets.existingSecret=scim-bridge --set config.log.level=debug --wait`)
	if now := n.Kubectl("", "-n", "scim", "get", "pods", "-o", "jsonpath={.items[*].metadata.name}"); now == pod {
		t.Errorf("the upgrade left the pod %s", pod)
	}
	n.shell(t, `helm rollback keycloak-scim-bridge 1 --namespace scim --wait`)
	select {
	case out := <-result:
		t.Error("Okta was done before the rollback was: nothing is shown\n" + out)
		return
	default:
	}
	out := <-result
	t.Log(out)
	if !strings.Contains(out, "600 users, 20 groups and 900 memberships are as okta sent them") || !strings.HasSuffix(out, "<nil>") {
		t.Errorf("something was lost:\n%s", out)
	}
	if !regexp.MustCompile(`(?m)^│.*│ +[1-9][0-9]* │ +[0-9.]+ │ +[0-9.]+ │$`).MatchString(out) {
		t.Error("no request failed in the gap: nothing is shown")
	}
}

// rotate changes the Secret as the guide to rotation says.
func (n *onNode) rotate(t *testing.T) {
	answers := func(token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/Users?count=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	old := n.token
	guide := readFile(t, "../docs/guides/rotate-credentials.md")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(guide, -1)
	if len(blocks) != 2 {
		t.Fatalf("the guide has %d blocks of commands", len(blocks))
	}
	out := n.shell(t, blocks[0][1])
	token := regexp.MustCompile(`Token\s+(\S+)`).FindStringSubmatch(out)
	if token == nil {
		t.Fatalf("no token was printed:\n%s", out)
	}
	n.Eventually("the new token is taken", func() bool { return answers(token[1]) == http.StatusOK })
	if status := answers(old); status != http.StatusOK {
		t.Errorf("the old token is answered with %d before it is revoked", status)
	}
	n.env = append(n.env, "OLD="+strings.Split(old, "_")[1])
	n.shell(t, blocks[1][1])
	n.Eventually("the old token is refused", func() bool { return answers(old) == http.StatusUnauthorized })
	if restarts := n.Kubectl("", "-n", "scim", "get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}"); restarts != "0" {
		t.Errorf("restarts: %s", restarts)
	}
}
