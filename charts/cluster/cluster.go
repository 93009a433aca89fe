package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Addresses.
const (
	HostIP     = "198.51.100.1" // of the test
	NodeIP     = "198.51.100.2" // of the node and of the API server
	pods       = "203.0.113.0/25"
	services   = "203.0.113.128/25"
	serviceIP  = "203.0.113.129" // of the API server
	dnsIP      = NodeIP
	domain     = "cluster.local"
	nodeName   = "node"
	apiAddress = NodeIP + ":6443"
)

// Cluster is a running Kubernetes. It ends with its test.
type Cluster struct {
	tb  testing.TB
	dir string // of its files
	bin string // of the binaries of Kubernetes
	ns  string // network namespace
	pki *pki
}

// Start starts the control plane. It admits and schedules pods, but runs no pod.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Fatal("a cluster needs root: it makes a network namespace")
	}
	c := &Cluster{tb: tb, dir: shortDir(tb), bin: build(tb), ns: fmt.Sprintf("ksb-%d", os.Getpid())}
	c.network()
	c.pki = newPKI(tb, c.dir)
	c.daemon("etcd", "etcd", "--data-dir", c.path("etcd"), "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
		"--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync", "--logger", "zap", "--log-level", "error")
	c.daemon("apiserver", c.kube("kube-apiserver"),
		"--etcd-servers", "http://127.0.0.1:2379", "--advertise-address", NodeIP, "--bind-address", NodeIP, "--secure-port", "6443",
		"--service-cluster-ip-range", services, "--client-ca-file", c.path("ca.crt"),
		"--tls-cert-file", c.path("apiserver.crt"), "--tls-private-key-file", c.path("apiserver.key"),
		"--kubelet-client-certificate", c.path("apiserver.crt"), "--kubelet-client-key", c.path("apiserver.key"), "--kubelet-preferred-address-types", "InternalIP",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", c.path("accounts.key"), "--service-account-signing-key-file", c.path("accounts.key"),
		"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction")
	c.waitForAPI()
	kubeconfig := c.path("admin.conf")
	c.daemon("controllers", c.kube("kube-controller-manager"), "--kubeconfig", kubeconfig, "--service-account-private-key-file", c.path("accounts.key"),
		"--root-ca-file", c.path("ca.crt"), "--use-service-account-credentials", "--leader-elect=false", "--bind-address", "127.0.0.1")
	c.daemon("scheduler", c.kube("kube-scheduler"), "--kubeconfig", kubeconfig, "--leader-elect=false", "--bind-address", "127.0.0.1")
	return c
}

// shortDir is a directory whose name leaves room for the path of a socket.
func shortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "ksb") //nolint:usetesting // t.TempDir has a long name
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *Cluster) kube(name string) string { return filepath.Join(c.bin, name) }

// Kubeconfig is the file by which an administrator reaches the cluster.
func (c *Cluster) Kubeconfig() string { return c.path("admin.conf") }

// Bin is the directory of kubectl.
func (c *Cluster) Bin() string { return c.bin }

// Kubectl runs kubectl as an administrator and returns what it prints; input is its standard
// input.
func (c *Cluster) Kubectl(input string, args ...string) string {
	c.tb.Helper()
	out, err := c.TryKubectl(input, args...)
	if err != nil {
		c.tb.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryKubectl is Kubectl for a command that may fail: it returns the error.
func (c *Cluster) TryKubectl(input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.kube("kubectl"), append([]string{"--kubeconfig", c.Kubeconfig()}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// waitForAPI waits until the API server is ready.
func (c *Cluster) waitForAPI() {
	c.tb.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(c.pki.ca)
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}
	defer client.CloseIdleConnections()
	c.Eventually("the API server is ready", func() bool {
		res, err := client.Get("https://" + apiAddress + "/readyz")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

// Eventually waits until a condition is true, and fails the test after a minute.
func (c *Cluster) Eventually(what string, is func() bool) {
	c.tb.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			c.tb.Fatalf("not within a minute: %s\n%s", what, c.logs())
		}
	}
}

// logs are the ends of the logs of all processes.
func (c *Cluster) logs() string {
	var out strings.Builder
	files, _ := filepath.Glob(c.path("*.log")) // the pattern is right
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		const most = 3000
		data = data[max(0, len(data)-most):]
		fmt.Fprintf(&out, "--- %s\n%s\n", filepath.Base(file), bytes.TrimSpace(data))
	}
	return out.String()
}
