package storetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
)

// TestMemoryIsAStore runs the tests of every store.
func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ *testing.T, now func() time.Time) store.Store { return storetest.NewMemory(now) })
}

// TestAFailingMemoryAnswersThatItIsAway, in every method, until it no longer fails.
func TestAFailingMemoryAnswersThatItIsAway(t *testing.T) {
	t.Parallel()
	m := storetest.NewMemory(nil)
	c := change.Change{ID: change.NewID(), Begun: time.Now()}
	if err := m.Intend(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("the disk is full")
	m.Fail(fault)
	for name, call := range storetest.Methods(m, c) {
		if err := call(t.Context()); !errors.Is(err, store.ErrAway) || !errors.Is(err, fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.Fail(nil)
	if open, err := m.Open(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("%d open changes, %v", len(open), err)
	}
	if err := m.Settle(t.Context(), c); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestASettlementThatFailsLeavesTheChangeOpen until settlements no longer fail.
func TestASettlementThatFailsLeavesTheChangeOpen(t *testing.T) {
	t.Parallel()
	m := storetest.NewMemory(nil)
	c := change.Change{ID: change.NewID(), Begun: time.Now()}
	if err := m.Intend(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("the disk is full")
	m.FailSettle(fault)
	if err := m.Settle(t.Context(), c); !errors.Is(err, store.ErrAway) || !errors.Is(err, fault) {
		t.Errorf("the error is %v", err)
	}
	if open, err := m.Open(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("%d open changes, %v", len(open), err)
	}
	m.FailSettle(nil)
	if err := m.Settle(t.Context(), c); err != nil {
		t.Error(err)
	}
}

// TestMemoryKeepsTheShares runs the tests of the shares of tenants.
func TestMemoryKeepsTheShares(t *testing.T) {
	t.Parallel()
	storetest.RunShares(t, func(_ *testing.T, now func() time.Time, share store.Share) store.Store {
		m := storetest.NewMemory(now)
		m.Share(share)
		return m
	})
}
