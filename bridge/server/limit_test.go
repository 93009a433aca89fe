package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

func limited(path string, perSecond, inFlight int) *tenant.Tenant {
	t := &tenant.Tenant{Path: path}
	t.Policy.Limits.RequestsPerSecond, t.Policy.Limits.InFlight = perSecond, inFlight
	return t
}

func noon() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }

// TestATenantIsLimitedByItself: a tenant may send twice its rate at once, then its rate, and has a limit of running
// requests. Other tenants are not affected. A changed limit is used at once.
func TestATenantIsLimitedByItself(t *testing.T) {
	t.Parallel()
	l := newLimits(1)
	acme, globex, now := limited("acme", 10, 100), limited("globex", 10, 3), noon()
	enter := func(to *tenant.Tenant, want string) int {
		t.Helper()
		wait, why := l.enter(to, now)
		if why != want || (wait > 0) != (want != "") {
			t.Errorf("at %s %s is %q, to wait %d s, want %q", now.Format("05.000"), to.Path, why, wait, want)
		}
		return wait
	}
	for range 20 {
		enter(acme, "")
	}
	if wait := enter(acme, "rate"); wait != 1 {
		t.Errorf("the client is to wait %d s, want 1", wait)
	}
	for range 3 {
		enter(globex, "")
	}
	enter(globex, "in_flight")
	l.leave(globex, now)
	enter(globex, "")
	for range 5 {
		now = now.Add(100 * time.Millisecond)
		enter(acme, "")
		enter(acme, "rate")
	}
	enter(limited("acme", 1, 100), "rate")
	now = now.Add(time.Second)
	enter(limited("acme", 1, 100), "")
	enter(limited("acme", 1, 100), "rate")
	now = now.Add(time.Second)
	for range 8 {
		enter(limited("acme", 100, 100), "") // a second of the old rate gave these tokens, and no burst of the new rate
		now = now.Add(10 * time.Millisecond)
	}
}

func TestCountingARequestAllocatesNothing(t *testing.T) { //nolint:paralleltest // it counts allocations
	l := newLimits(1)
	acme := limited("acme", 1000, 1)
	if n := testing.AllocsPerRun(100, func() {
		if _, why := l.enter(acme, noon()); why == "" {
			l.leave(acme, noon())
		}
	}); n != 0 {
		t.Errorf("counting a request allocates %v times", n)
	}
}

// TestAnAddressIsLimitedByItsFailures: an address may fail six times at once, then once each ten seconds. Other
// requests do not count.
func TestAnAddressIsLimitedByItsFailures(t *testing.T) {
	t.Parallel()
	l, now := newLimits(6), noon()
	for range 6 {
		if wait := l.exhausted("192.0.2.1", now); wait != 0 {
			t.Fatalf("the address is to wait %d s", wait)
		}
		l.fail("192.0.2.1", now)
	}
	for after, want := range map[time.Duration]int{0: 10, 9 * time.Second: 1, 10 * time.Second: 0} {
		if wait := l.exhausted("192.0.2.1", now.Add(after)); wait != want {
			t.Errorf("after %s the address is to wait %d s, want %d", after, wait, want)
		}
	}
	if wait := l.exhausted("192.0.2.2", now); wait != 0 {
		t.Errorf("another address is to wait %d s", wait)
	}
}

// TestAFloodOfAddressesUsesBoundedMemory: when there are too many addresses, the new ones share one limit. Addresses
// without recent failures are removed.
func TestAFloodOfAddressesUsesBoundedMemory(t *testing.T) {
	t.Parallel()
	l, now := newLimits(60), noon()
	for i := range 3 * maxBuckets {
		l.fail(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
	}
	if n := len(l.addresses.byKey); n > maxBuckets+1 {
		t.Errorf("%d addresses are remembered", n)
	}
	if l.exhausted("192.0.2.1", now) == 0 {
		t.Error("the addresses beyond maxBuckets have no limit")
	}
	now = now.Add(time.Minute)
	l.fail("192.0.2.1", now)
	if n := len(l.addresses.byKey); n != 1 {
		t.Errorf("%d addresses are remembered after a minute of quiet", n)
	}
}

func TestNetworkOfAnAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "::ffff:192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "x": "x",
	} {
		if got := network(address); got != want {
			t.Errorf("network(%q) = %q, want %q", address, got, want)
		}
	}
}

// TestOnlyTrustedProxiesSayWhoTheClientIs: a client cannot change its address with X-Forwarded-For.
func TestOnlyTrustedProxiesSayWhoTheClientIs(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
	for name, c := range map[string]struct {
		peer, forwarded, want string
		trusted               []netip.Prefix
	}{
		"no proxy":                       {"192.0.2.1", "", "192.0.2.1", proxies},
		"a client that forges":           {"192.0.2.1", "198.51.100.1", "192.0.2.1", proxies},
		"loopback is not trusted":        {"127.0.0.1", "198.51.100.1", "127.0.0.1", proxies},
		"a proxy":                        {"10.1.2.3", "198.51.100.1", "198.51.100.1", proxies},
		"two proxies":                    {"10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1", proxies},
		"a proxy of IPv6":                {"2001:db8::1", "198.51.100.1", "198.51.100.1", proxies},
		"a forged one before the client": {"10.1.2.3", "203.0.113.7, 198.51.100.1", "198.51.100.1", proxies},
		"nobody is trusted":              {"10.1.2.3", "198.51.100.1", "10.1.2.3", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(c.peer), 4711).String()
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			if got := addressOf(c.trusted)(r); got != c.want {
				t.Errorf("the address is %s, want %s", got, c.want)
			}
		})
	}
}
