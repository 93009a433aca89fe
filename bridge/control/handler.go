package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// The requests of the socket. Parameters are in the query, and every answer is JSON.
const (
	tenantsPath  = "/tenants"  // GET: all tenants
	tenantPath   = "/tenant"   // GET tenant: one tenant
	endpointPath = "/endpoint" // GET tenant: a tenant with users and groups
	liftPath     = "/lift"     // POST tenant: lift the removal brake; the answer is the tenant
	revokePath   = "/revoke"   // POST realm, revocation: revoke a token of an organization
	refreshPath  = "/refresh"  // POST: check the realms at once
	adoptPath    = "/adopt"    // POST tenant, dryRun, undo: each line of the answer is an adoption; the last line is a failure when the adoption failed
	scimPath     = "/scim"     // the SCIM endpoints, for the operator
)

// failure is the answer to a request that failed.
type failure struct {
	Error string `json:"error"`
	// Kind says which error the client returns; "" for an error that only has a text.
	Kind string `json:"kind,omitempty"`
	// Broken says where the journal was altered.
	Broken *admin.BrokenError `json:"broken,omitempty"`
}

// The kinds of failures, each with the status of its answer.
const (
	noTenant  = "no-tenant"  // 404
	noChange  = "no-change"  // 404
	noRequest = "no-request" // 404
	noStore   = "no-store"   // 409
	input     = "input"      // 400
	broken    = "broken"     // 409
)

func failureOf(err error) failure {
	out := failure{Error: err.Error()}
	switch {
	case is[admin.NoTenantError](err):
		out.Kind = noTenant
	case is[admin.NoChangeError](err):
		out.Kind = noChange
	case is[admin.NoRequestError](err):
		out.Kind = noRequest
	case is[admin.InputError](err):
		out.Kind = input
	case errors.Is(err, admin.ErrNoStore):
		out.Kind = noStore
	case errors.As(err, &out.Broken):
		out.Kind = broken
	}
	return out
}

func is[T error](err error) bool {
	_, is := errors.AsType[T](err)
	return is
}

// status is the status of the answer.
func (f failure) status() int {
	switch f.Kind {
	case noTenant, noChange, noRequest:
		return http.StatusNotFound
	case noStore, broken:
		return http.StatusConflict
	case input:
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}

// err is the error that the bridge had.
func (f failure) err() error {
	switch f.Kind {
	case noTenant:
		return admin.NoTenantError{Text: f.Error}
	case noChange:
		return admin.NoChangeError{Text: f.Error}
	case noRequest:
		return admin.NoRequestError{Text: f.Error}
	case noStore:
		return admin.ErrNoStore
	case input:
		return admin.InputError{Text: f.Error}
	case broken:
		if f.Broken != nil {
			return f.Broken
		}
	}
	return errors.New(f.Error)
}

// Handler answers the requests of the socket with the views and verbs of an operator. operator serves SCIM.
func Handler(a *admin.Admin, operator http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(scimPath+"/", http.StripPrefix(scimPath, operator))
	mux.HandleFunc("GET "+tenantsPath, func(w http.ResponseWriter, r *http.Request) { answer(w, a.Tenants(r.Context()), nil) })
	for pattern, of := range map[string]func(context.Context, string) (admin.Tenant, error){"GET " + tenantPath: a.Tenant, "GET " + endpointPath: a.Endpoint, "POST " + liftPath: a.Lift} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			t, err := of(r.Context(), r.FormValue("tenant"))
			answer(w, t, err)
		})
	}
	mux.HandleFunc("POST "+revokePath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, a.Revoke(r.Context(), r.FormValue("realm"), r.FormValue("revocation")))
	})
	mux.HandleFunc("POST "+refreshPath, func(w http.ResponseWriter, _ *http.Request) {
		a.Refresh()
		answer(w, struct{}{}, nil)
	})
	mux.HandleFunc("POST "+adoptPath, func(w http.ResponseWriter, r *http.Request) { adopt(w, r, a) })
	journal(mux, a)
	tokens(mux, a)
	return mux
}

// answer writes a value or an error. It ignores a client that went away.
func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		why := failureOf(err)
		w.WriteHeader(why.status())
		value = why
	}
	_, _ = w.Write(line(value)) //nolint:gosec // JSON for a command, no page
}

// line is a value as a line of JSON.
func line(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil { // impossible: views and failures only contain what JSON can say
		data = []byte(`{"error":"the bridge cannot write its answer"}`)
	}
	return append(data, '\n')
}

// adopt writes each adoption at once, while the others run.
func adopt(w http.ResponseWriter, r *http.Request, a *admin.Admin) {
	control := http.NewResponseController(w)
	if err := unlimited(w); err != nil { // the duration depends on the number of accounts
		answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	begun := false
	o := admin.AdoptOptions{DryRun: r.FormValue("dryRun") != "false", Undo: r.FormValue("undo") == "true"}
	err := a.Adopt(r.Context(), r.FormValue("tenant"), o, func(one admin.Adoption) error {
		begun = true
		_, err := w.Write(line(one))
		return errors.Join(err, control.Flush())
	})
	switch {
	case err != nil && begun:
		_, _ = w.Write(line(failureOf(err))) //nolint:gosec // JSON for a command, no page
	case err != nil:
		answer(w, nil, err)
	}
}
