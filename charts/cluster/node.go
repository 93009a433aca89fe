package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// AddNode adds a node that runs pods: containerd, kubelet, kube-proxy, and a name server that knows
// the Services (see Names). images are archives in the format of Docker or OCI.
func (c *Cluster) AddNode(images ...string) {
	c.tb.Helper()
	c.files()
	c.daemon("containerd", "containerd", "--config", c.path("containerd.toml"))
	c.Eventually("containerd answers", func() bool { _, err := c.ctr("version"); return err == nil })
	for _, image := range append(images, c.pauseImage()) {
		if out, err := c.ctr("images", "import", image); err != nil {
			c.tb.Fatalf("import %s: %v\n%s", image, err, out)
		}
	}
	c.daemon("dns", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--listen-address="+dnsIP, "--bind-interfaces",
		"--hostsdir="+c.path("hosts"), "--local=/"+domain+"/", "--pid-file="+c.path("dnsmasq.pid"), "--log-facility=-", "--user=root")
	c.tb.Cleanup(c.unmount)
	c.daemon("kubelet", c.kube("kubelet"), "--config", c.path("kubelet.yaml"), "--kubeconfig", c.path("kubelet.conf"), "--hostname-override", nodeName, "--node-ip", NodeIP,
		"--root-dir", c.path("kubelet"), "--cert-dir", c.path("kubelet-certs"))
	c.daemon("proxy", c.kube("kube-proxy"), "--config", c.path("proxy.yaml"), "--hostname-override", nodeName)
	c.Eventually("the node is ready", func() bool {
		out, err := c.TryKubectl("", "get", "node", nodeName, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return err == nil && out == "True"
	})
	c.tb.Cleanup(c.removePods)
}

// removePods ends all pods while kubelet still runs and can clean up after them.
func (c *Cluster) removePods() {
	_, err := c.TryKubectl("", "delete", "deployments,statefulsets,daemonsets,jobs,pods", "--all", "--all-namespaces", "--grace-period=5", "--timeout=60s")
	if err != nil {
		c.tb.Errorf("remove all pods: %v", err)
	}
	c.Eventually("no pod is left", func() bool {
		out, err := c.ctr("tasks", "list", "-q")
		return err == nil && out == ""
	})
}

// Names lets pods find the Services that exist now by their names. No controller does that here.
func (c *Cluster) Names() {
	c.tb.Helper()
	list := c.Kubectl("", "get", "services", "--all-namespaces", "-o", `jsonpath={range .items[*]}{.spec.clusterIP} {.metadata.name}.{.metadata.namespace}.svc{"\n"}{end}`)
	var hosts strings.Builder
	for line := range strings.Lines(list) {
		ip, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Fprintf(&hosts, "%s %s.%s %s\n", ip, name, domain, name)
	}
	c.write("hosts/services", hosts.String())
}

// ctr runs the client of containerd. It also works at the end of a test.
func (c *Cluster) ctr(args ...string) (string, error) {
	out, err := exec.Command("ctr", append([]string{"--address", c.path("containerd.sock"), "--namespace", "k8s.io"}, args...)...).CombinedOutput()
	return string(out), err
}

func (c *Cluster) write(name, text string) {
	c.tb.Helper()
	if err := os.MkdirAll(filepath.Dir(c.path(name)), 0o755); err != nil {
		c.tb.Fatal(err)
	}
	if err := os.WriteFile(c.path(name), []byte(text), 0o644); err != nil {
		c.tb.Fatal(err)
	}
}

const pauseName = "test/pause:1"

// files writes the configuration of a node's processes.
func (c *Cluster) files() {
	c.tb.Helper()
	c.write("hosts/none", "")
	c.write("cni/10-bridge.conflist", `{"cniVersion":"0.4.0","name":"pods","plugins":[
  {"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,
   "ipam":{"type":"host-local","dataDir":"`+c.path("cni-state")+`","ranges":[[{"subnet":"`+pods+`"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
  {"type":"portmap","capabilities":{"portMappings":true}}]}`)
	c.write("containerd.toml", `version = 2
root = "`+c.path("containerd")+`"
state = "`+c.path("run")+`"
[grpc]
  address = "`+c.path("containerd.sock")+`"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/`+pauseName+`"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "`+c.path("cni")+`"
`)
	c.write("resolv.conf", "")
	c.write("kubelet.yaml", `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: `+NodeIP+`
authentication:
  anonymous: { enabled: false }
  webhook: { enabled: false }
  x509: { clientCAFile: "`+c.path("ca.crt")+`" }
authorization: { mode: AlwaysAllow }
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
clusterDomain: `+domain+`
clusterDNS: ["`+dnsIP+`"]
containerRuntimeEndpoint: "unix://`+c.path("containerd.sock")+`"
resolvConf: "`+c.path("resolv.conf")+`"
evictionHard: { nodefs.available: "1%", imagefs.available: "1%", memory.available: 50Mi }
syncFrequency: 2s
fileCheckFrequency: 2s
nodeStatusUpdateFrequency: 2s
configMapAndSecretChangeDetectionStrategy: Watch
localStorageCapacityIsolation: false
`)
	c.write("proxy.yaml", `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: `+NodeIP+`
clientConnection: { kubeconfig: "`+c.path("proxy.conf")+`" }
clusterCIDR: `+pods+`
mode: iptables
conntrack: { maxPerCore: 0, min: 0, tcpCloseWaitTimeout: 0s, tcpEstablishedTimeout: 0s }
`)
}

// pauseImage makes the image of the process that holds a pod's network.
func (c *Cluster) pauseImage() string {
	c.tb.Helper()
	c.write("pause/main.go", "package main\n\nimport (\n\t\"os\"\n\t\"os/signal\"\n\t\"syscall\"\n)\n\nfunc main() {\n\tend := make(chan os.Signal, 1)\n\tsignal.Notify(end, os.Interrupt, syscall.SIGTERM)\n\t<-end\n}\n")
	binary := c.path("pause/pause")
	cmd := exec.CommandContext(c.tb.Context(), "go", "build", "-ldflags", "-s -w", "-o", binary, c.path("pause/main.go"))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		c.tb.Fatalf("build pause: %v\n%s", err, out)
	}
	return ScratchImage(c.tb, c.path("pause.tar"), pauseName, binary)
}

// unmount unmounts the volumes and the file systems of pods.
func (c *Cluster) unmount() {
	data, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return
	}
	lines := strings.Split(string(data), "\n")
	for _, line := range slices.Backward(lines) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], c.dir+"/") {
			_ = exec.Command("umount", "--lazy", fields[1]).Run()
		}
	}
}
