package keycloaktest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startTime bounds the start of a server. The first start also builds the server.
	startTime = 4 * time.Minute
	// stopTime is how long a server may take to end before it is killed.
	stopTime = 20 * time.Second
	// heap is enough for thousands of users; CI has little.
	heap = "-Xms256m -Xmx1200m"
	// realmsCache is large enough for hundreds of realms, because tests leave their realms behind. When an
	// administrator of master grants a role, Keycloak reads the roles of all realms. With the default cache (10,000
	// entries) one grant then reads them one by one, which takes half a minute.
	realmsCache = "200000"
	// quickCompiler switches the optimising compiler off. In the few minutes of a test server it needs more processor
	// time than all requests together. Measurements of speed set javaOptions to nothing.
	quickCompiler = "-XX:TieredStopAtLevel=1"
	// quickHash makes Keycloak hash passwords with the least work. By default each hash and each login takes 75 ms.
	quickHash = "--spi-password-hashing--argon2--iterations=1 --spi-password-hashing--argon2--memory=8"
	// javaOptions is the variable whose options Keycloak's script passes to Java.
	javaOptions = "JAVA_OPTS_APPEND"
)

// Process is a server that this process started.
type Process struct {
	Server
	Version string
	PID     int

	command  func(life context.Context) (*exec.Cmd, error)
	log      string // its file
	health   string // URL
	cancel   context.CancelFunc
	done     chan struct{}
	database database
}

// Start fetches and starts a Keycloak on free ports of loopback and waits until it is healthy. The server runs until
// Stop, and never longer than this process. These variables configure it:
//
//   - KEYCLOAK_DB is "dev-mem" (default) or "postgres".
//   - KEYCLOAK_FEATURES has the features to switch on.
//   - JAVA_OPTS_APPEND replaces the options that make a short-lived server fast. Passwords are then hashed with the defaults.
func Start(ctx context.Context, version string) (*Process, error) {
	database, err := startDatabase(ctx)
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, version, database)
	if err != nil {
		return nil, errors.Join(err, database.stop())
	}
	return p, nil
}

// StartIn is Start for a server that keeps its data in a directory, so that it can be stopped and started again.
func StartIn(ctx context.Context, version, dir string) (*Process, error) {
	return start(ctx, version, files{dir})
}

func start(ctx context.Context, version string, database database) (*Process, error) {
	features := os.Getenv("KEYCLOAK_FEATURES")
	dir, err := fetch(ctx, version, database.flavour()+strings.Map(plain, features))
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	p := &Process{
		Server:  Server{URL: "http://127.0.0.1:" + ports[0], Admin: "admin", Password: rand.Text()},
		Version: version, log: dir + ".log", health: "http://127.0.0.1:" + ports[1] + "/health/ready", database: database,
	}
	_, asShipped := os.LookupEnv(javaOptions)
	args := append([]string{
		"start-dev", "--http-host=127.0.0.1", "--http-port=" + ports[0],
		"--health-enabled=true", "--http-management-port=" + ports[1],
		"--cache-embedded-realms-max-count=" + realmsCache,
	}, database.args()...)
	if !asShipped {
		args = append(args, strings.Fields(quickHash)...)
	}
	if features != "" {
		args = append(args, "--features="+features)
	}
	p.command = func(life context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(life, filepath.Join(dir, "bin", "kc.sh"), args...)
		cmd.Env = append(os.Environ(), "JAVA_OPTS_KC_HEAP="+heap,
			"KC_BOOTSTRAP_ADMIN_USERNAME="+p.Admin, "KC_BOOTSTRAP_ADMIN_PASSWORD="+p.Password)
		if !asShipped {
			cmd.Env = append(cmd.Env, javaOptions+"="+quickCompiler)
		}
		logFile, err := os.Create(p.log)
		cmd.Stdout, cmd.Stderr = logFile, logFile
		return cmd, err
	}
	unlock, err := lock(dir + ".lock") // the first start of a flavour writes into its directory
	if err != nil {
		return nil, err
	}
	defer unlock()
	return p, p.boot(ctx)
}

// boot starts the server and waits until it is healthy.
func (p *Process) boot(ctx context.Context) error {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel, p.done = cancel, make(chan struct{})
	cmd, err := p.command(life)
	if err == nil {
		err = p.run(cmd)
	}
	if err != nil {
		cancel()
		return err
	}
	if err := p.await(ctx, p.health); err != nil {
		p.end()
		return fmt.Errorf("start Keycloak %s: %w (log: %s)", p.Version, err, p.log)
	}
	return nil
}

// plain keeps the characters that may be in the name of a directory.
func plain(r rune) rune {
	if r == '-' || r >= 'a' && r <= 'z' {
		return r
	}
	return '_'
}

// run starts the command and waits for it in the background.
func (p *Process) run(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go superviseProcess(cmd, started, p.done)
	if err := <-started; err != nil {
		return err
	}
	p.PID = cmd.Process.Pid
	return nil
}

// await polls the health endpoint until it answers, the server ends or time is up.
func (p *Process) await(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return errors.New("it ended while starting")
		case <-tick.C:
			if healthy(ctx, url) {
				return nil
			}
		}
	}
}

func healthy(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close() //nolint:errcheck // only the status matters
	return res.StatusCode == http.StatusOK
}

// Stop ends the server by its pid, and its database.
func (p *Process) Stop() error {
	p.end()
	return p.database.stop()
}

// end asks the server to end, and waits until it has ended.
func (p *Process) end() {
	p.cancel()
	<-p.done
}

// Kill ends the server at once, without a shutdown.
func (p *Process) Kill() error {
	err := p.signal(syscall.SIGKILL)
	p.end()
	return err
}

// Pause stops the server until Resume.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error { return syscall.Kill(-p.PID, s) }

// Restart starts the server again at the same address; it ends the server first if it runs. Only a server of StartIn or
// with PostgreSQL keeps its data.
func (p *Process) Restart(ctx context.Context) error {
	p.end()
	return p.boot(ctx)
}

// Done is closed when the server has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Environ are the variables through which tests find the server.
func (p *Process) Environ() []string {
	return []string{
		EnvURL + "=" + p.URL, EnvAdmin + "=" + p.Admin, EnvPassword + "=" + p.Password,
		"KEYCLOAK_VERSION=" + p.Version,
	}
}

// freePorts finds ports on which no program listens.
func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:errcheck // kept open only so that the ports differ
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
