package bridge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// newSearching is a service that searches for the externalId of a new user: no two users may have one.
func newSearching(t *testing.T) *recordedService {
	t.Helper()
	o := newRecordedService(t)
	o.tenant.Policy.ExternalID = config.ExternalIDUnique
	return o
}

func joe() map[string]any { return map[string]any{"userName": "joe", "externalId": "e-1"} }

// TestTheChecksOfACreationRunWhileItIsRecorded: neither waits for the other.
func TestTheChecksOfACreationRunWhileItIsRecorded(t *testing.T) {
	t.Parallel()
	o := newSearching(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	recording, searching := make(chan struct{}), make(chan struct{})
	meet := func(mine, other chan struct{}) {
		close(mine)
		select {
		case <-other:
		case <-ctx.Done():
			t.Error("the check and the record wait for each other")
		}
	}
	o.intends = func() { meet(recording, searching) }
	o.searches = func() { o.searches = nil; meet(searching, recording) }
	if _, err := o.service.Create(ctx, o.call("/Users", ""), joe()); err != nil {
		t.Fatal(err)
	}
	if len(o.settled) != 1 || len(o.withdrawn) != 0 {
		t.Errorf("settled %+v, withdrawn %+v", o.settled, o.withdrawn)
	}
}

func TestNothingIsKeptOfACreationThatAnotherUserPrevents(t *testing.T) {
	t.Parallel()
	o := newSearching(t)
	o.create("/Users", joe())
	o.forget()
	for _, dry := range []bool{false, true} {
		o.dry = dry
		body := joe()
		body["userName"] = "jim"
		_, err := o.service.Create(t.Context(), o.call("/Users", ""), body)
		if e, is := errors.AsType[*scim.Error](err); !is || e.Status != 409 {
			t.Errorf("dry run %t: the error is %v", dry, err)
		}
	}
	if len(o.intended) != 0 || len(o.settled) != 0 || len(o.withdrawn) != 1 || o.ended[0] != nil {
		t.Errorf("intended %+v, settled %+v, withdrawn %+v, contexts %v", o.intended, o.settled, o.withdrawn, o.ended)
	}
	if calls := o.written(); len(calls) != 0 {
		t.Errorf("Keycloak got %v", calls)
	}
}

func TestACreationWhoseChecksPanicIsWithdrawn(t *testing.T) {
	t.Parallel()
	o := newSearching(t)
	o.searches = func() { panic("a mistake of a check") } //nolint:forbidigo // what it is about
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		_, _ = o.service.Create(t.Context(), o.call("/Users", ""), joe())
	}()
	if o.open() != 0 || len(o.withdrawn) != 1 {
		t.Errorf("intended %+v, withdrawn %+v", o.intended, o.withdrawn)
	}
}

func TestACreationThatCannotBeRecordedIsNotMade(t *testing.T) {
	t.Parallel()
	o := newSearching(t)
	o.refuses = errors.New("the store is away")
	if _, err := o.service.Create(t.Context(), o.call("/Users", ""), joe()); !errors.Is(err, o.refuses) {
		t.Errorf("the error is %v", err)
	}
	if calls := o.written(); len(calls) != 0 || len(o.withdrawn) != 0 {
		t.Errorf("Keycloak got %v, withdrawn %+v", calls, o.withdrawn)
	}
}

// TestARecorderThatPanicsEndsOnlyTheRequest although it runs beside the checks.
func TestARecorderThatPanicsEndsOnlyTheRequest(t *testing.T) {
	t.Parallel()
	o := newSearching(t)
	o.intends = func() { panic("a mistake of the recorder") } //nolint:forbidigo // what it is about
	if _, err := o.service.Create(t.Context(), o.call("/Users", ""), joe()); err == nil {
		t.Error("the creation succeeds")
	}
	if calls := o.written(); len(calls) != 0 {
		t.Errorf("Keycloak got %v", calls)
	}
}
