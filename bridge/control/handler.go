package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// The requests of the socket, each answered with JSON. Their parameters are in the query.
const (
	tenantsPath  = "/tenants"  // GET: the list
	tenantPath   = "/tenant"   // GET tenant: one of them
	endpointPath = "/endpoint" // GET tenant: one that has users and groups
	liftPath     = "/lift"     // POST tenant: the removal brake; answers with the tenant
	revokePath   = "/revoke"   // POST realm, revocation: a token of an organization
	refreshPath  = "/refresh"  // POST: look at the realms at once
	adoptPath    = "/adopt"    // POST tenant, dryRun, undo: answers with an adoption a line, and a failure last when it broke off
	scimPath     = "/scim"     // the SCIM endpoints below it, for the operator
)

// failure is the answer to a request that failed.
type failure struct {
	Error string `json:"error"`
}

// Handler answers the requests of the socket by the views and verbs of an operator. operator serves
// SCIM.
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

// answer writes a value, or why there is none. Nobody is told when the one who asked went away.
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

// line is a value as JSON, on a line of its own.
func line(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil { // never: the views and failures are texts and numbers
		data = []byte(`{"error":"the bridge cannot write its answer"}`)
	}
	return append(data, '\n')
}

// adopt writes each adoption as it comes.
func adopt(w http.ResponseWriter, r *http.Request, a *admin.Admin) {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Time{}); err != nil { // it takes as long as there are accounts
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
