package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

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
	return mux
}

// answer writes a value or an error. It ignores a client that went away.
func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusServiceUnavailable
		if _, is := errors.AsType[admin.NoTenantError](err); is {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		value = failure{err.Error()}
	}
	_, _ = w.Write(line(value))
}

// line is a value as a line of JSON.
func line(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil { // impossible: views and failures only contain texts and numbers
		data = []byte(`{"error":"the bridge cannot write its answer"}`)
	}
	return append(data, '\n')
}

// adopt writes each adoption at once, while the others run.
func adopt(w http.ResponseWriter, r *http.Request, a *admin.Admin) {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Time{}); err != nil { // the duration depends on the number of accounts
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
		_, _ = w.Write(line(failure{err.Error()}))
	case err != nil:
		answer(w, nil, err)
	}
}
