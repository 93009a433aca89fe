package charts

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/charts/cluster"
)

// clusterFlag says which cluster tests have: no cluster (the default); "api", a cluster that schedules pods and
// runs no pod; "node", a cluster that runs them. make test-chart and make test-node set it.
var clusterFlag = flag.String("cluster", "", "the cluster to test with: api or node")

const namespace = `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"scim","labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`

// definitions are the kubectl arguments with the files of the custom resources that the chart uses.
func definitions(t *testing.T) (args []string) {
	t.Helper()
	for module, files := range map[string][]string{
		"github.com/prometheus-operator/prometheus-operator": {"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"},
		"sigs.k8s.io/gateway-api":                            {"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
	} {
		cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
		cmd.Dir = "../tools/crds"
		out, err := cmd.Output()
		var found struct{ Dir string }
		if err != nil || json.Unmarshal(out, &found) != nil {
			t.Fatalf("download %s: %v\n%s", module, err, out)
		}
		for _, file := range files {
			args = append(args, "--filename", filepath.Join(found.Dir, file))
		}
	}
	return args
}

// TestChartOnAnAPIServer: a real API server accepts the chart with every set of values, under strict validation, in a
// namespace that enforces restricted pods. The test installs, upgrades, rolls back and removes the chart, and the
// controllers make the pods.
func TestChartOnAnAPIServer(t *testing.T) {
	if *clusterFlag != "api" {
		t.Skip("make test-chart runs it")
	}
	c := cluster.Start(t)
	c.Kubectl("", append([]string{"apply", "--server-side"}, definitions(t)...)...)
	c.Kubectl(namespace, "apply", "--filename", "-")
	c.Kubectl("", "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	files, err := filepath.Glob(filepath.Join(chart, "ci", "*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d sets of values: %v", len(files), err)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := runHelm(t.Context(), []string{"KUBECONFIG=" + c.Kubeconfig()}, "", append(args, "--namespace", "scim")...)
		if err != nil {
			t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	c.Eventually("pods may be made", func() bool {
		_, err := c.TryKubectl("", "-n", "scim", "get", "serviceaccount", "default")
		return err == nil
	})
	for _, file := range files {
		lifeOnAnAPIServer(t, c, file, run)
	}
	takesTheSidecar(t, c)
	refusesUnrestricted(t, c)
}

// takesTheSidecar checks that the server accepts the container of the guide to the sidecar, in a pod like Keycloak's:
// as a container beside Keycloak's and as a native sidecar.
func takesTheSidecar(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	_, rest, _ := strings.Cut(readFile(t, "../docs/guides/sidecar.md"), "```yaml\ncontainers:\n")
	containers, rest, _ := strings.Cut(rest, "volumes:\n")
	volumes, _, ended := strings.Cut(rest, "```")
	if !ended {
		t.Fatal("the guide to the sidecar shows no container")
	}
	indent := func(text string) string {
		return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
	}
	native := strings.Replace(containers, "    name: scim-bridge\n", "    name: scim-bridge\n    restartPolicy: Always\n", 1)
	for _, lists := range []string{"  containers:\n" + indent(containers), "  initContainers:\n" + indent(native) + "  containers: [{ name: keycloak, image: keycloak, securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: { drop: [ALL] } } }]\n"} {
		pod := "apiVersion: v1\nkind: Pod\nmetadata: { name: keycloak }\nspec:\n  securityContext: { fsGroup: 65532, runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }\n" + lists + "  volumes:\n" + indent(volumes)
		c.Kubectl(pod, "apply", "--server-side", "--validate=strict", "--dry-run=server", "--namespace", "scim", "--filename", "-")
	}
}

// lifeOnAnAPIServer installs, upgrades, rolls back and removes the chart with a set of values.
func lifeOnAnAPIServer(t *testing.T, c *cluster.Cluster, file string, run func(args ...string) string) {
	t.Helper()
	rendered := run("template", "bridge", chart, "--values", file)
	c.Kubectl(rendered, "apply", "--server-side", "--validate=strict", "--dry-run=server", "--namespace", "scim", "--filename", "-")
	run("install", "bridge", chart, "--values", file)
	pods := func() string {
		return c.Kubectl("", "-n", "scim", "get", "pods", "-l", "app.kubernetes.io/instance=bridge", "-o", "jsonpath={.items[*].metadata.name}")
	}
	c.Eventually("the controllers make a pod", func() bool { return pods() != "" })
	first := pods()
	run("upgrade", "bridge", chart, "--values", file, "--set", "podAnnotations.changed=yes")
	c.Eventually("an upgrade makes another pod", func() bool { now := pods(); return now != "" && !strings.Contains(now, first) })
	run("rollback", "bridge", "1")
	if history := run("history", "bridge"); !strings.Contains(history, "Rollback to 1") {
		t.Errorf("%s: history:\n%s", file, history)
	}
	if events := c.Kubectl("", "-n", "scim", "get", "events", "--field-selector", "reason=FailedCreate", "-o", "jsonpath={.items[*].message}"); events != "" {
		t.Errorf("%s: pods were refused: %s", file, events)
	}
	run("uninstall", "bridge", "--wait")
	kinds := "deployments,services,configmaps,secrets,ingresses,networkpolicies,serviceaccounts,poddisruptionbudgets,servicemonitors,prometheusrules,httproutes"
	c.Eventually("nothing is left", func() bool {
		return strings.TrimSpace(c.Kubectl("", "-n", "scim", "get", kinds, "-l", "app.kubernetes.io/instance=bridge", "-o", "name")) == ""
	})
}

// refusesUnrestricted shows that the namespace would have refused a pod that is not restricted.
func refusesUnrestricted(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	out, err := c.TryKubectl(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"root"},"spec":{"containers":[{"name":"a","image":"a"}]}}`,
		"apply", "--namespace", "scim", "--filename", "-")
	if err == nil || !strings.Contains(out, "violates PodSecurity") {
		t.Errorf("a pod that is not restricted was answered with %v: %s", err, out)
	}
}

// path is the environment of the guide's commands. Its PATH has helm, kubectl and scim-bridge.
func path(t *testing.T, c *cluster.Cluster, more ...string) []string {
	t.Helper()
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../cmd/scim-bridge").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	dirs := strings.Join([]string{bin, filepath.Dir(helm), c.Bin(), os.Getenv("PATH")}, string(os.PathListSeparator))
	return append(append(os.Environ(), "PATH="+dirs, "KUBECONFIG="+c.Kubeconfig()), more...)
}
