package charts

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// openShift are values with the fields that OpenShift's constraint restricted-v2 puts into a pod.
const openShift = "\npodSecurityContext: { runAsUser: 1000680000, runAsGroup: null, fsGroup: 1000680000, supplementalGroups: [1000680001], seLinuxOptions: { level: \"s0:c26,c15\" } }"

// TestPodsWithAnySecurityContext compares both pods with files, for the default podSecurityContext, for null, and for
// a given one.
func TestPodsWithAnySecurityContext(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"default": "", "null": "\npodSecurityContext: null", "given": openShift} {
		objects := render(t, minimal(t, more))
		pods := map[string]any{"deployment": objects["Deployment"].at("spec", "template", "spec"), "test": objects["Pod -test"].at("spec")}
		text, err := yaml.MarshalWithOptions(pods, yaml.IndentSequence(true))
		if err != nil {
			t.Fatal(err)
		}
		compareGenerated(t, filepath.Join("testdata", "pods-"+name+".yaml"), string(text))
		if name != "default" && strings.Contains(string(text), "65532") {
			t.Errorf("%s: a pod names a user or group of the chart's:\n%s", name, text)
		}
		for pod, path := range map[string][]any{"Deployment": {"spec", "template", "spec", "containers", 0}, "Pod -test": {"spec", "containers", 0}} {
			container := object{"c": objects[pod].at(path...)}
			if container.at("c", "securityContext", "runAsNonRoot") != true || container.at("c", "securityContext", "seccompProfile", "type") != "RuntimeDefault" {
				t.Errorf("%s: the container of %s may run as root or without seccomp", name, pod)
			}
		}
	}
}

// TestNotesSayWhatAPodWithoutUserNeeds.
func TestNotesSayWhatAPodWithoutUserNeeds(t *testing.T) {
	t.Parallel()
	const note = "NOTE: podSecurityContext gives the pod no fsGroup"
	for more, want := range map[string]bool{"": false, "\npodSecurityContext: null": true, "\npodSecurityContext: { fsGroup: null }": true, openShift: false} {
		out, err := runHelm(t.Context(), nil, minimal(t, more), "install", "keycloak-scim-bridge", chart, "--namespace", "scim", "--values", "-", "--dry-run=client")
		if err != nil {
			t.Fatalf("%q: %v\n%s", more, err, out)
		}
		if got := strings.Contains(out, note); got != want {
			t.Errorf("%q: the notes have the note: %t, want %t", more, got, want)
		}
	}
}
