package app

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// retrySecond is when a client may repeat a request that was refused because of a second writer, in seconds. An operator
// has to act first.
const retrySecond = 60

// unsureFor is how long the journal may lack the events of a change that it will never have.
const unsureFor = 15 * time.Minute

// secondWriter is the error for the client of a change in a realm that a second program writes to.
func secondWriter() error {
	return &scim.Error{
		Code: code.SecondWriter, Status: http.StatusServiceUnavailable, RetryAfter: retrySecond,
		Detail: "another program changes this realm with the account of the bridge, so this change was not made; repeat the request when the operator has stopped that program",
	}
}

// second notes that a second program writes to a realm with the account of the bridge. From now on the bridge makes only
// changes that end access there, until the operator restarts it.
func (j *journal) second(realm string, e keycloak.AdminEvent) {
	j.mu.Lock()
	told := j.others[realm]
	j.others[realm] = true
	j.mu.Unlock()
	if told {
		return
	}
	j.log.Error("another program changes a realm with the account of this bridge, probably a second bridge with another store. This bridge refuses changes of the realm now. Stop the other program, or give it a client of its own, and restart this bridge",
		zap.String("realm", realm), zap.String("event", e.ID), zap.String("operation", e.Operation), zap.String("type", e.Resource), zap.Time("at", e.Time))
}

func (j *journal) hasSecond(realm string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.others[realm]
}

// loses notes that a change is made that the journal will never have.
func (j *journal) loses() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lostAt = time.Now()
}

// unsure reports whether the journal lacks changes that were made.
func (j *journal) unsure() bool {
	if j.unknown() > 0 {
		return true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.lostAt.IsZero() && time.Since(j.lostAt) < unsureFor
}
