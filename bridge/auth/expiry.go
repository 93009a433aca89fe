package auth

import (
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

const day = 24 * time.Hour

// warnings are the times before the end of a token at which the log has a warning.
func warnings() []time.Duration { return []time.Duration{tenant.SoonExpires, 7 * day, day, 0} }

// Expiry warns in the log about tokens that expire: 30, 7 and 1 days before, and when they have
// expired.
type Expiry struct {
	Log *zap.Logger
	// Tokens returns the tokens of a tenant; nil for those of its configuration and its organization.
	Tokens func(t *tenant.Tenant) []tenant.Token

	warned map[expiring]time.Duration
}

type expiring struct {
	path string // of the tenant
	sum  [32]byte
	end  int64
}

// Check warns about each token that came nearer to its end since the last check: within 30, 7 or 1
// days, or expired.
func (e *Expiry) Check(tenants []*tenant.Tenant, now time.Time) {
	known := map[expiring]time.Duration{}
	for _, t := range tenants {
		tokens := t.Tokens
		if e.Tokens != nil {
			tokens = e.Tokens(t)
		}
		for _, token := range tokens {
			left := token.Expires.Sub(now)
			if token.Expires.IsZero() || left > warnings()[0] {
				continue
			}
			within := warnings()[0]
			for _, w := range warnings() {
				if left <= w {
					within = w
				}
			}
			key := expiring{t.Path, token.SHA256, token.Expires.Unix()}
			known[key] = within
			if before, ok := e.warned[key]; !ok || before != within {
				e.warn(t, token, within)
			}
		}
	}
	e.warned = known
}

func (e *Expiry) warn(t *tenant.Tenant, token tenant.Token, within time.Duration) {
	fields := []zap.Field{
		zap.String("tenant", t.Path), zap.String("client", token.Name), zap.String("key_id", token.KeyID), zap.Time("expires", token.Expires),
		zap.String("fix", t.Command("tokens", "new")),
	}
	if within == 0 {
		e.Log.Error("a token has expired and is refused; make a new one", fields...)
		return
	}
	e.Log.Warn("a token expires soon; make a new one", append(fields, zap.Int("within_days", int(within/day)))...)
}
