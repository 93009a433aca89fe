package charts

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var helm string // the program, built from tools/chart

// TestMain builds Helm once for all tests. With the compiler's cache that is fast.
func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "helm")
	if err == nil {
		helm = filepath.Join(dir, "helm")
		cmd := exec.Command("go", "build", "-C", "../tools/chart", "-o", helm, "helm.sh/helm/v4/cmd/helm")
		cmd.Stderr = os.Stderr
		err = cmd.Run()
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "build Helm:", err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// runHelm runs helm and returns what it prints.
func runHelm(ctx context.Context, env []string, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, helm, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return stdout.String() + stderr.String(), err
}

// object is a rendered object of Kubernetes.
type object map[string]any

// at is the value at a path of keys and indexes; nil without a value.
func (o object) at(path ...any) any {
	var value any = map[string]any(o)
	for _, step := range path {
		switch at := step.(type) {
		case string:
			m, _ := value.(map[string]any)
			value = m[at]
		case int:
			list, _ := value.([]any)
			if at >= len(list) {
				return nil
			}
			value = list[at]
		}
	}
	return value
}

// render renders the chart with values and returns the objects by their kind and the end of their
// name: "Deployment", "ConfigMap -dashboard". The release is scim-bridge in the namespace scim.
func render(t *testing.T, values string) map[string]object {
	t.Helper()
	out, err := runHelm(t.Context(), nil, values, "template", "keycloak-scim-bridge", chart, "--namespace", "scim", "--values", "-")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	objects := map[string]object{}
	decoder := yaml.NewDecoder(strings.NewReader(out))
	for {
		var o object
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if o == nil {
			continue
		}
		name, _ := o.at("metadata", "name").(string)
		key := strings.TrimSpace(fmt.Sprint(o["kind"], " ", strings.TrimPrefix(name, "keycloak-scim-bridge")))
		if objects[key] != nil {
			t.Errorf("two objects are a %s", key)
		}
		objects[key] = o
		checkEmpty(t, key, map[string]any(o))
	}
	return objects
}

// checkEmpty refuses null and empty keys: GitOps tools, which compare the cluster with the chart, would always show
// them as differences.
func checkEmpty(t *testing.T, path string, value any) {
	t.Helper()
	switch v := value.(type) {
	case nil:
		t.Errorf("%s is null", path)
	case map[string]any:
		for key, below := range v {
			if m, ok := below.(map[string]any); ok && len(m) == 0 && key != "podSelector" { // which means all pods
				t.Errorf("%s.%s is empty", path, key)
			}
			checkEmpty(t, path+"."+key, below)
		}
	case []any:
		for i, below := range v {
			checkEmpty(t, fmt.Sprintf("%s[%d]", path, i), below)
		}
	}
}
