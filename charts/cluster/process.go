package cluster

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// daemon starts a process in the cluster's network. The process writes its output to a log. The end of the test stops
// the processes in the opposite order.
func (c *Cluster) daemon(name, program string, args ...string) {
	c.tb.Helper()
	log, err := os.Create(c.path(name + ".log"))
	if err != nil {
		c.tb.Fatal(err)
	}
	cmd := exec.Command("nsenter", append([]string{"--net=/run/netns/" + c.ns, "--", program}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.tb.Fatalf("start %s: %v", name, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	c.tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = log.Close()
	})
}

// run runs a command in the network of the machine.
func (c *Cluster) run(program string, args ...string) {
	c.tb.Helper()
	if out, err := exec.CommandContext(c.tb.Context(), program, args...).CombinedOutput(); err != nil {
		c.tb.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

// inside runs a command in the cluster's network.
func (c *Cluster) inside(program string, args ...string) {
	c.tb.Helper()
	c.run("nsenter", append([]string{"--net=/run/netns/" + c.ns, "--", program}, args...)...)
}

// network makes the namespace and the pair of interfaces.
func (c *Cluster) network() {
	c.tb.Helper()
	c.run("ip", "netns", "add", c.ns)
	c.tb.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", c.ns).Run() })
	host := c.ns
	c.run("ip", "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", c.ns)
	c.run("ip", "address", "add", HostIP+"/24", "dev", host)
	c.run("ip", "link", "set", host, "up")
	c.inside("ip", "link", "set", "lo", "up")
	c.inside("ip", "address", "add", NodeIP+"/24", "dev", "eth0")
	c.inside("ip", "link", "set", "eth0", "up")
	c.inside("ip", "route", "add", "default", "via", HostIP) // nothing forwards it
	c.inside("sysctl", "-qw", "net.ipv4.ip_forward=1")       // between the pods and to the test
	c.run("ip", "route", "add", services, "via", NodeIP)
}
