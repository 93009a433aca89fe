package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// minimal are the fewest values that the chart needs, followed by more.
func minimal(t *testing.T, more string) string {
	t.Helper()
	return readFile(t, filepath.Join(chart, "ci", "minimal-values.yaml")) + more
}

// TestTheLeastIsADeploymentAndNothingThatWasNotAskedFor.
func TestTheLeastIsADeploymentAndNothingThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	objects := render(t, minimal(t, ""))
	got := make([]string, 0, len(objects))
	for key := range objects {
		got = append(got, key)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"ConfigMap", "Deployment", "Pod -test", "Service", "ServiceAccount"}, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	deployment := objects["Deployment"]
	for path, want := range map[string]any{
		"spec replicas": uint64(1), "spec strategy type": "Recreate",
		"spec template spec automountServiceAccountToken": false, "spec template spec serviceAccountName": "keycloak-scim-bridge",
		"spec template spec securityContext fsGroup": uint64(65532),
	} {
		if got := deployment.at(fields(path)...); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
}

// TestEveryPodIsRestricted, as the standard "restricted" of Kubernetes asks, and has a read-only root file system.
func TestEveryPodIsRestricted(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{"minimal": minimal(t, ""), "everything": everything(t)} {
		for key, o := range render(t, values) {
			spec, ok := o.at("spec", "template", "spec").(map[string]any)
			if !ok {
				spec, ok = o.at("spec").(map[string]any)
			}
			if kind := o["kind"]; !ok || kind != "Pod" && kind != "Deployment" {
				continue
			}
			pod := object(spec)
			for path, want := range map[string]any{
				"securityContext runAsNonRoot": true, "securityContext runAsUser": uint64(65532), "securityContext seccompProfile type": "RuntimeDefault",
				"automountServiceAccountToken": false,
			} {
				if got := pod.at(fields(path)...); got != want {
					t.Errorf("%s %s: %s = %v, want %v", name, key, path, got, want)
				}
			}
			container := object{"c": pod.at("containers", 0, "securityContext")}
			for path, want := range map[string]any{
				"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
			} {
				if got := container.at("c", path); !reflect.DeepEqual(got, want) {
					t.Errorf("%s %s: %s = %v, want %v", name, key, path, got, want)
				}
			}
		}
	}
}

// fields are the steps of a path for object.at.
func fields(path string) []any {
	var out []any
	for step := range strings.FieldsSeq(path) {
		out = append(out, step)
	}
	return out
}

func everything(t *testing.T) string {
	t.Helper()
	return readFile(t, filepath.Join(chart, "ci", "everything-values.yaml"))
}

// TestTheBridgeAcceptsTheConfigurationThatTheChartRenders: scim-bridge check finds no problem in the files of a pod.
func TestTheBridgeAcceptsTheConfigurationThatTheChartRenders(t *testing.T) {
	t.Parallel()
	token := config.TokenList{Tokens: []config.Token{{Name: "idp", SHA256: config.Digest{1}}}}.Render()
	for name, values := range map[string]string{"minimal": minimal(t, ""), "everything": everything(t)} {
		dir := t.TempDir()
		for key, o := range render(t, values) {
			data, _ := o["data"].(map[string]any)
			for file, text := range data {
				if o["kind"] == "ConfigMap" && !strings.Contains(key, "dashboard") {
					writeFile(t, filepath.Join(dir, file), strings.ReplaceAll(fmt.Sprint(text), "/var/lib/scim-bridge/", dir+"/"))
				}
			}
		}
		writeFile(t, filepath.Join(dir, "store-key"), config.NewStoreKey())
		writeFile(t, filepath.Join(dir, "secret"), "s3cret")
		writeFile(t, filepath.Join(dir, "tokens.yaml"), token)
		writeFile(t, filepath.Join(dir, "globex.yaml"), strings.Replace(token, "01", "02", 1))
		c, problems := config.Load(filepath.Join(dir, "config.yaml"))
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
		if c.Server.Listen != ":8081" || c.Admin.Listen != ":9091" || c.Admin.Socket != "/run/scim-bridge/own/control.sock" {
			t.Errorf("%s: %+v %+v", name, c.Server, c.Admin)
		}
		if s := c.Store; s.On() != (name == "everything") || s.On() && (s.SQLite.File != dir+"/store.db" || s.Keys.IsZero() || s.Durability != config.DurabilityNormal || s.OnFailure != config.OnFailureContinue || s.Retention.Changes.String() != "30d") {
			t.Errorf("%s: the store is %+v", name, s)
		}
		service := map[string]config.HostName{"minimal": "keycloak-scim-bridge", "everything": "bridge-admin"}[name]
		hosts := []config.HostName{service, service + ".scim", service + ".scim.svc", service + ".scim.svc.cluster.local"}
		if name == "everything" {
			hosts = append(hosts, "bridge.monitoring.example")
		}
		if !slices.Equal(c.Admin.Hosts, hosts) {
			t.Errorf("%s: the names of the listener for metrics are %q, want %q", name, c.Admin.Hosts, hosts)
		}
		if want := map[string]int64{"minimal": 2 << 20, "everything": 3145728}[name]; c.Server.MaxBodyBytes != want {
			t.Errorf("%s: maxBodyBytes is %d", name, c.Server.MaxBodyBytes)
		}
	}
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestThePublicURL is config.server.publicURL, or else follows from the Ingress, the HTTPRoute or the Service.
func TestThePublicURL(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		"": "http://keycloak-scim-bridge.scim.svc:8081",
		"\ningress: { enabled: true, host: scim.example }":                                        "https://scim.example",
		"\nhttpRoute: { enabled: true, parentRefs: [{ name: g }], hostnames: [gateway.example] }": "https://gateway.example",
		"\nservice: { port: 80 }": "http://keycloak-scim-bridge.scim.svc:80",
	} {
		text := fmt.Sprint(render(t, minimal(t, more))["ConfigMap"].at("data", "config.yaml"))
		if !strings.Contains(text, `"publicURL": "`+want+`"`) {
			t.Errorf("%q: the public URL is not %s:\n%s", more, want, text)
		}
	}
	given := strings.Replace(minimal(t, "\ningress: { enabled: true, host: scim.example }"), "config:\n", "config:\n  server: { publicURL: \"https://given.example\" }\n", 1)
	if text := fmt.Sprint(render(t, given)["ConfigMap"].at("data", "config.yaml")); !strings.Contains(text, `"publicURL": "https://given.example"`) {
		t.Errorf("the public URL is not the given one:\n%s", text)
	}
}

// TestOnlyWhatNeedsAStartRestartsTheBridge: the pod changes with the settings that the bridge reads at its start, and
// not with tenants, which the bridge reads while it runs.
func TestOnlyWhatNeedsAStartRestartsTheBridge(t *testing.T) {
	t.Parallel()
	pod := func(values string) any { return render(t, values)["Deployment"].at("spec", "template") }
	before := pod(minimal(t, ""))
	tenants := strings.Replace(minimal(t, ""), "tokensFile: tokens.yaml", "tokensFile: tokens.yaml, path: other, bareToken: true", 1)
	if diff := cmp.Diff(before, pod(tenants)); diff != "" {
		t.Errorf("a change of a tenant changes the pod:\n%s", diff)
	}
	stored := func(store string) string {
		return strings.Replace(minimal(t, "\nstore: { enabled: true }"), "config:\n", "config:\n  store: { "+store+" }\n", 1)
	}
	before = pod(stored("retention: { changes: 30d }"))
	if diff := cmp.Diff(before, pod(stored("retention: { changes: 60d }"))); diff != "" {
		t.Errorf("a change of the retention changes the pod:\n%s", diff)
	}
	if cmp.Equal(before, pod(stored("durability: normal"))) {
		t.Error("a change of the durability does not change the pod")
	}
	before = pod(minimal(t, ""))
	for _, section := range []string{"log: { level: debug }", "bulk: { maxOperations: 10 }", "server: { requestTimeout: 30s }", "tracing: { endpoint: \"http://c:4318\" }", "metrics: { tenants: none }", "outbound: { proxy: \"http://c:3128\" }"} {
		if cmp.Equal(before, pod(strings.Replace(minimal(t, ""), "config:\n", "config:\n  "+section+"\n", 1))) {
			t.Errorf("%s does not change the pod", section)
		}
	}
}

// TestTheMemoryLimitOfGoFollowsThePod, unless the values set another limit or no limit.
func TestTheMemoryLimitOfGoFollowsThePod(t *testing.T) {
	t.Parallel()
	ofThePod := map[string]any{"name": "GOMEMLIMIT", "valueFrom": map[string]any{"resourceFieldRef": map[string]any{"resource": "limits.memory"}}}
	tags := map[string]any{"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "a=b"}
	for more, want := range map[string]any{
		"":                              []any{ofThePod},
		"\nresources: { limits: null }": nil,
		"\nresources: { limits: { cpu: 0.5, memory: 512Mi, ephemeral-storage: 1Gi }, requests: { cpu: 1 } }": []any{ofThePod},
		"\nextraEnv: [{ name: OTEL_RESOURCE_ATTRIBUTES, value: a=b }]":                                       []any{ofThePod, tags},
		"\nextraEnv: [{ name: GOMEMLIMIT, value: 300MiB }]":                                                  []any{map[string]any{"name": "GOMEMLIMIT", "value": "300MiB"}},
		"\nresources: null\nextraEnv: [{ name: GOMEMLIMIT, value: 300MiB }]":                                 []any{map[string]any{"name": "GOMEMLIMIT", "value": "300MiB"}},
	} {
		container := object{"c": render(t, minimal(t, more))["Deployment"].at("spec", "template", "spec", "containers", 0)}
		if got := container.at("c", "env"); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: the environment is %v, want %v", more, got, want)
		}
	}
}

// TestWrongValuesAreRefused with the key and the remedy.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ values, want string }{
		"several replicas":            {minimal(t, "\nreplicaCount: 2"), "/replicaCount"},
		"an unknown value":            {minimal(t, "\nreplicas: 1"), "additional properties 'replicas' not allowed"},
		"an unknown key of config":    {strings.Replace(minimal(t, ""), "clientID", "clientId", 1), "additional properties 'clientId' not allowed"},
		"an address, the chart's":     {strings.Replace(minimal(t, ""), "config:\n", "config:\n  server: { listen: \":1\" }\n", 1), "additional properties 'listen' not allowed"},
		"a wrong type":                {minimal(t, "\nservice: { port: \"http\" }"), "/service/port"},
		"a limit that is none":        {minimal(t, "\nresources: { limits: { memory: [512] } }"), "/resources/limits/memory"},
		"a user that is not a number": {minimal(t, "\npodSecurityContext: { runAsUser: nobody }"), "/podSecurityContext/runAsUser"},
		"the user root":               {minimal(t, "\npodSecurityContext: { runAsUser: 0 }"), "/podSecurityContext/runAsUser"},
		"an unknown word for tenants": {strings.Replace(minimal(t, ""), "config:\n", "config:\n  metrics: { tenants: some }\n", 1), "/config/metrics/tenants"},
		"a digest that is none":       {minimal(t, "\nimage: { digest: latest }"), "/image/digest"},
		"no Keycloak":                 {"secrets: { existingSecret: s }", "config.keycloak.url: give the root of Keycloak"},
		"no realm":                    {"config: { keycloak: { url: \"https://k\" } }\nsecrets: { existingSecret: s }", "config.realms: give the realms"},
		"no secrets":                  {strings.Replace(minimal(t, ""), "secrets: { existingSecret: scim-bridge }", "", 1), "secrets: give existingSecret"},
		"secrets twice":               {strings.Replace(minimal(t, ""), "existingSecret: scim-bridge", "existingSecret: s, inline: { secret: x }", 1), "secrets: give existingSecret or inline, not both"},
		"mappings twice":              {minimal(t, "\nmappings: { existingConfigMap: m, inline: { m.yaml: x } }"), "mappings: give existingConfigMap or inline, not both"},
		"a policy that lets none out": {minimal(t, "\nnetworkPolicy: { enabled: true }"), "networkPolicy.egress: give a rule"},
		"a store without its key":     {strings.Replace(minimal(t, "\nstore: { enabled: true }"), "existingSecret: scim-bridge", "inline: { secret: x }", 1), "store.keySecret: name the Secret with the key store-key"},
		"settings of no store":        {strings.Replace(minimal(t, ""), "config:\n", "config:\n  store: { durability: normal }\n", 1), "config.store: has no effect without store.enabled=true"},
		"a file, the chart's":         {strings.Replace(minimal(t, "\nstore: { enabled: true }"), "config:\n", "config:\n  store: { sqlite: { file: /tmp/store.db } }\n", 1), "additional properties 'sqlite' not allowed"},
		"a size without a number":     {minimal(t, "\nstore: { enabled: true, size: big }"), "/store/size"},
		"an ingress without a host":   {minimal(t, "\ningress: { enabled: true }"), "ingress.host: give the host name"},
		"a route without a gateway":   {minimal(t, "\nhttpRoute: { enabled: true }"), "httpRoute.parentRefs: name the gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := runHelm(t.Context(), nil, c.values, "template", "x", chart, "--values", "-")
			if err == nil || !strings.Contains(out, c.want) {
				t.Errorf("helm says %v, want %q:\n%s", err, c.want, out)
			}
		})
	}
}

// TestTheStoreIsAVolume of the release or an existing one, that only the bridge writes, and helm uninstall keeps it. The
// key comes from a Secret.
func TestTheStoreIsAVolume(t *testing.T) {
	t.Parallel()
	const claim = "PersistentVolumeClaim -store"
	for name, c := range map[string]struct {
		store, claimName string
		size, class      any // of the new claim
		keySecret        any
	}{
		"new":      {"{ enabled: true }", "keycloak-scim-bridge-store", "10Gi", nil, nil},
		"given":    {"{ enabled: true, size: 1.5Ti, storageClass: fast, keySecret: keys }", "keycloak-scim-bridge-store", "1.5Ti", "fast", "keys"},
		"existing": {"{ enabled: true, existingClaim: mine, keySecret: keys }", "mine", nil, nil, "keys"},
	} {
		objects := render(t, minimal(t, "\nstore: "+c.store))
		if made := objects[claim]; made.at("spec", "resources", "requests", "storage") != c.size || made.at("spec", "storageClassName") != c.class ||
			c.size != nil && made.at("metadata", "annotations", "helm.sh/resource-policy") != "keep" {
			t.Errorf("%s: the claim is %v", name, made)
		}
		pod := object{"spec": objects["Deployment"].at("spec", "template", "spec")}
		volumes, _ := pod.at("spec", "volumes").([]any)
		mounts, _ := pod.at("spec", "containers", 0, "volumeMounts").([]any)
		if want := map[string]any{"name": "scim-bridge-store", "persistentVolumeClaim": map[string]any{"claimName": c.claimName}}; !reflect.DeepEqual(volumes[len(volumes)-1], any(want)) {
			t.Errorf("%s: the volume is %v, want %v", name, volumes[len(volumes)-1], want)
		}
		if want := map[string]any{"name": "scim-bridge-store", "mountPath": "/var/lib/scim-bridge"}; !reflect.DeepEqual(mounts[len(mounts)-1], any(want)) {
			t.Errorf("%s: the mount is %v, want %v", name, mounts[len(mounts)-1], want)
		}
		files := object{"v": volumes[0]}
		if got := files.at("v", "projected", "sources", 2, "secret", "name"); got != c.keySecret {
			t.Errorf("%s: the keys are of the Secret %v, want %v", name, got, c.keySecret)
		}
		if mode := files.at("v", "projected", "defaultMode"); mode != uint64(0o440) {
			t.Errorf("%s: the keys have the mode %v", name, mode)
		}
	}
	objects := render(t, minimal(t, ""))
	if text := fmt.Sprint(objects); objects[claim] != nil || strings.Contains(text, "store") {
		t.Errorf("without a store the chart makes one: %s", text)
	}
}

// TestNotesSayTheURLAndWarn about unsafe values.
func TestNotesSayTheURLAndWarn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values  string
		has, no []string
	}{
		"minimal": {minimal(t, ""), []string{
			"http://keycloak-scim-bridge.scim.svc:8081/realms/acme/scim/v2", "scim-bridge doctor --config", "WARNING: the public URL is not https", "NOTE: every pod",
		}, []string{"secrets.inline"}},
		"everything": {everything(t), []string{
			"https://scim.example/realms/acme/scim/v2", "https://scim.example/realms/acme/organizations/globex/scim/v2", "WARNING: secrets.inline",
		}, []string{"not https", "NOTE: every pod", "ALIAS"}},
		"all organizations": {strings.Replace(minimal(t, ""), "    acme:", "    saas: { credentials: { clientID: scim-bridge, clientSecretFile: secret }, organizations: \"*\", credentialKeyFile: credential-key }\n    acme:", 1), []string{
			"/realms/saas/organizations/ALIAS/scim/v2", "scim-bridge tokens new --config /etc/scim-bridge/config.yaml --tenant saas/organizations/ALIAS",
		}, nil},
	} {
		out, err := runHelm(t.Context(), nil, c.values, "install", "keycloak-scim-bridge", chart, "--namespace", "scim", "--values", "-", "--dry-run=client")
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		_, notes, _ := strings.Cut(out, "NOTES:")
		for _, want := range c.has {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: the notes lack %q:\n%s", name, want, notes)
			}
		}
		for _, unwanted := range c.no {
			if strings.Contains(notes, unwanted) {
				t.Errorf("%s: the notes say %q:\n%s", name, unwanted, notes)
			}
		}
	}
}

// TestEverything: each optional object exists, selects only the bridge's pod, and has the labels of the values.
func TestEverything(t *testing.T) {
	t.Parallel()
	objects := render(t, strings.Replace(everything(t), "fullnameOverride: bridge\n", "", 1))
	selector := map[string]any{"app.kubernetes.io/name": "keycloak-scim-bridge", "app.kubernetes.io/instance": "keycloak-scim-bridge"}
	for key, path := range map[string]string{
		"Service": "spec selector", "Service -admin": "spec selector", "NetworkPolicy": "spec podSelector matchLabels",
		"ServiceMonitor": "spec selector matchLabels", "PodDisruptionBudget": "spec selector matchLabels", "Deployment": "spec selector matchLabels",
	} {
		if diff := cmp.Diff(any(selector), objects[key].at(fields(path)...)); diff != "" {
			t.Errorf("%s selects (-want +got):\n%s", key, diff)
		}
	}
	if labels, _ := objects["Pod -test"].at("metadata", "labels").(map[string]any); labels["app.kubernetes.io/name"] != "keycloak-scim-bridge-test" {
		t.Errorf("what selects the bridge's pod selects that of helm test too: %v", labels)
	}
	args := fmt.Sprint(objects["Pod -test"].at("spec", "containers", 0, "args"))
	for _, want := range []string{"http://keycloak-scim-bridge-admin.scim.svc:9091/readyz", "/realms/acme/scim/v2/ServiceProviderConfig", "/realms/acme/organizations/globex/scim/v2/ServiceProviderConfig"} {
		if !strings.Contains(args, want) {
			t.Errorf("helm test does not ask %s: %s", want, args)
		}
	}
	for _, key := range []string{"Ingress", "HTTPRoute", "PrometheusRule", "ConfigMap -dashboard", "Secret", "PersistentVolumeClaim -store", "ConfigMap extra"} {
		if objects[key] == nil {
			t.Errorf("there is no %s", key)
		}
	}
	for key, o := range objects {
		if key != "ConfigMap extra" && o.at("metadata", "labels", "team") != "identity" {
			t.Errorf("%s lacks the common label", key)
		}
	}
	container := object{"c": objects["Deployment"].at("spec", "template", "spec", "containers", 0)}
	if image := fmt.Sprint(container.at("c", "image")); !strings.HasSuffix(image, "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") {
		t.Errorf("the image is %s, want the digest", image)
	}
	if ports := objects["Service"].at("spec", "ports"); len(ports.([]any)) != 1 { //nolint:forcetypeassert // it is a list
		t.Errorf("a Service that is seen outside of the cluster has the ports %v", ports)
	}
}
