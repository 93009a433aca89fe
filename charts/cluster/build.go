package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// build builds Kubernetes into the user's cache, and returns the directory. With the compiler's cache the next build
// is fast.
func build(tb testing.TB) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	dir := filepath.Join(cache, "keycloak-scim-bridge", "kubernetes")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	args := []string{"build", "-C", module("tools/cluster"), "-trimpath", "-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=" + version(tb), "-o", dir + "/"}
	for _, program := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"} {
		args = append(args, "k8s.io/kubernetes/cmd/"+program)
	}
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build Kubernetes: %v\n%s", err, out)
	}
	return dir
}

// version is the version of Kubernetes. A build as a module does not set it.
func version(tb testing.TB) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "list", "-C", module("tools/cluster"), "-m", "-f", "{{.Version}}", "k8s.io/kubernetes").Output()
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// module is a directory of the repository.
func module(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", name)
}
