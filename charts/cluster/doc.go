// Package cluster starts a real Kubernetes for tests of the chart, without a container engine. It has an API server with
// etcd, the controllers and the scheduler, built from the published modules (tools/cluster). On request it has a node
// too, with containerd, runc and kubelet.
//
// Everything runs as root in its own network namespace, without a route to other networks. The test and the cluster
// reach each other over a pair of virtual interfaces, with the addresses for documentation (RFC 5737). These Debian
// packages have to be installed: etcd-server, iproute2, containerd, runc, containernetworking-plugins, iptables,
// conntrack and dnsmasq-base.
package cluster
