package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// The requests about the activity.
const (
	requestsPath = "/requests" // GET the parameters of a filter: a list of requests
	requestPath  = "/request"  // GET id: a request
	countsPath   = "/counts"   // GET tenant, since, until: the requests that are only counted
)

// The names of a filter's parameters that no filter of changes has.
const (
	codeName   = "code"
	ofName     = "of"
	failedName = "failed"
)

// activity adds the requests about the activity.
func activity(mux *http.ServeMux, a *admin.Admin) {
	mux.HandleFunc("GET "+requestsPath, func(w http.ResponseWriter, r *http.Request) {
		stream(w, r, func(ctx context.Context, p *parameters, each func(admin.Request) error) (any, error) {
			f := p.requests()
			if p.err != nil {
				return nil, p.err
			}
			return a.Requests(ctx, f, each)
		})
	})
	serveJournal(mux, "GET "+requestPath, func(ctx context.Context, p *parameters) (any, error) { return a.Request(ctx, p.values.Get("id")) })
	serveJournal(mux, "GET "+countsPath, func(ctx context.Context, p *parameters) (any, error) {
		since, until := p.time(sinceName), p.time(untilName)
		if p.err != nil {
			return nil, p.err
		}
		return a.RequestCounts(ctx, p.values.Get(tenantName), since, until)
	})
}

// requests reads the parameters of a filter of requests.
func (p *parameters) requests() admin.RequestFilter {
	f, v := p.filter(), p.values
	return admin.RequestFilter{
		Tenant: f.Tenant, Resource: f.Resource, User: f.User, Code: v.Get(codeName), Of: v.Get(ofName), Failed: p.bool(failedName),
		Since: f.Since, Until: f.Until, Newest: f.Newest, Limit: f.Limit, After: f.After,
	}
}

// Requests calls each with every request that a filter selects.
func (c Client) Requests(ctx context.Context, f admin.RequestFilter, each func(admin.Request) error) (admin.Answer, error) {
	query := queryOf(admin.Filter{Tenant: f.Tenant, Resource: f.Resource, User: f.User, Since: f.Since, Until: f.Until, Newest: f.Newest, Limit: f.Limit, After: f.After})
	for name, text := range map[string]string{codeName: f.Code, ofName: f.Of, failedName: strconv.FormatBool(f.Failed)} {
		if text != "" {
			query.Set(name, text)
		}
	}
	return list[admin.Answer](ctx, c, requestsPath, query, each)
}

// Request returns the request with an id.
func (c Client) Request(ctx context.Context, id string) (out admin.Request, err error) {
	err = c.ask(ctx, http.MethodGet, requestPath, url.Values{"id": {id}}, &out)
	return out, err
}

// RequestCounts returns how many requests are only counted. The zero time is no bound.
func (c Client) RequestCounts(ctx context.Context, tenant string, since, until time.Time) (out []admin.RequestCount, err error) {
	query := url.Values{tenantName: {tenant}}
	for name, t := range map[string]time.Time{sinceName: since, untilName: until} {
		if text := timeText(t); text != "" {
			query.Set(name, text)
		}
	}
	err = c.ask(ctx, http.MethodGet, countsPath, query, &out)
	return out, err
}
