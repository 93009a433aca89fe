// Package cluster starts a real Kubernetes for tests of the chart, without a container engine:
// an API server with etcd, its controllers and its scheduler, built from the published modules
// (tools/cluster), and where it is asked for a node with containerd, runc and kubelet.
//
// Everything runs as root in a network namespace of its own with no way out. The test reaches it
// over a pair of virtual interfaces, and it the test; addresses are those for documentation (RFC
// 5737). What Debian calls etcd-server, iproute2, containerd, runc, containernetworking-plugins,
// iptables, conntrack and dnsmasq-base has to be installed.
package cluster
