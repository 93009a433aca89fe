// Command scim-bench compares the bridge with Keycloak's own SCIM and with the bare Admin API of
// the same server, in realms with organizations and members:
//
//	scim-bench -program bin/scim-bridge -sizes 1000,20000
//
// The three sides answer the same questions in turn, round by round, so that other work of the
// machine affects all of them. The tables of reads and writes have medians and the ratios of
// throughput. "Cold" means directly after Keycloak's user cache was cleared.
//
// The command takes the server from KEYCLOAK_URL, KEYCLOAK_ADMIN and KEYCLOAK_ADMIN_PASSWORD (make
// bench starts a server with PostgreSQL). It makes a realm for each size, removes the realm, and
// connects only to loopback.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	program := flag.String("program", "bin/scim-bridge", "the bridge to measure")
	sizes := flag.String("sizes", "1000,20000,100000", "users of each realm")
	rounds := flag.Int("rounds", 7, "how often each side answers each question, warm")
	cold := flag.Int("cold", 5, "and cold")
	only := flag.String("only", "", "ask only the questions whose names contain this text")
	writes := flag.Bool("writes", false, "measure only writes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *sizes, options{program: *program, only: *only, rounds: *rounds, cold: *cold, writes: *writes})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scim-bench:", err)
		os.Exit(1)
	}
}

// options are the values of the flags.
type options struct {
	program, only string
	rounds, cold  int
	writes        bool
}

func run(ctx context.Context, sizes string, o options) error {
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < minUsers {
			return fmt.Errorf("%q is not the size of a realm: it must have at least %d users", text, minUsers)
		}
		if err := bench(ctx, n, o); err != nil {
			return fmt.Errorf("%d users: %w", n, err)
		}
	}
	return nil
}

func bench(ctx context.Context, n int, o options) (err error) {
	r, err := newRealm(ctx, o.program, n)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.remove(context.WithoutCancel(ctx)); err == nil {
			err = e
		}
	}()
	if err := r.fill(ctx); err != nil {
		return err
	}
	if err := r.warm(ctx); err != nil {
		return err
	}
	report := &report{options: o, realm: r}
	if !o.writes {
		err = report.measure(ctx)
	}
	if err == nil {
		err = report.measureWrites(ctx)
	}
	report.print(os.Stdout) // also what was measured before an error
	return err
}
