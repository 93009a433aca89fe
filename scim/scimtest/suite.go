package scimtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Config is the service provider that is checked.
type Config struct {
	Base    string // URL of the service root, without a trailing slash
	Token   string // sent as a bearer token
	Profile string // "tolerant" or "strict": the profile that it should have
	HTTP    *http.Client
}

// Outcome is how a check ended.
type Outcome string

// The outcomes.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip" // the check does not concern this service provider; Details say why
)

// Result is how one check ended.
type Result struct {
	Check   Check
	Outcome Outcome
	Details []string // what was wrong
}

// Run carries out the checks in order and passes each result to report. Every check creates resources of its own, with
// random names, and deletes them. An error means that the service provider cannot be checked at all.
func Run(ctx context.Context, c Config, report func(Result)) error {
	checks, err := Checks()
	if err != nil {
		return err
	}
	features, err := c.features(ctx)
	if err != nil {
		return err
	}
	for _, check := range checks {
		r := Result{Check: check}
		if reason := c.skips(check, features); reason != "" {
			r.Outcome, r.Details = Skip, []string{reason}
		} else if r.Details = c.one(ctx, check); len(r.Details) > 0 {
			r.Outcome = Fail
		} else {
			r.Outcome = Pass
		}
		report(r)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// features are the features that ServiceProviderConfig reports as supported, and pagination by cursor.
func (c Config) features(ctx context.Context) (map[string]bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+"/ServiceProviderConfig", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read, nothing can be lost
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /ServiceProviderConfig answers %d without a JSON object: check that this is a SCIM endpoint and that the token belongs to it", res.StatusCode)
	}
	features := map[string]bool{}
	for name, value := range config {
		var feature struct {
			Supported bool `json:"supported"`
			Cursor    bool `json:"cursor"` // of pagination (RFC 9865 section 4)
		}
		if json.Unmarshal(value, &feature) == nil {
			features[name] = feature.Supported || feature.Cursor
		}
	}
	return features, nil
}

// skips says why a check does not concern the service provider, or is "" when it does.
func (c Config) skips(check Check, features map[string]bool) string {
	if check.Profile != "" && check.Profile != c.Profile {
		return "concerns the profile " + check.Profile
	}
	feature, absent := strings.CutPrefix(check.Needs, "!")
	switch {
	case feature == "" || features[feature] != absent:
		return ""
	case absent:
		return feature + " is supported"
	}
	return feature + " is not supported"
}

// one carries out a check and removes the resources that it created.
func (c Config) one(ctx context.Context, check Check) []string {
	var made []string
	replayer := Replayer{Base: c.Base, HTTP: c.HTTP, Made: func(location string) { made = append(made, location) }}
	vars := map[string]string{
		"token": c.Token, "name": "scimtest-" + strings.ToLower(rand.Text()[:10]),
		"User": scim.UserURN, "Group": scim.GroupURN, "Enterprise": scim.EnterpriseUserURN,
		"PatchOp": scim.PatchOpURN, "Search": scim.SearchRequestURN, "Error": scim.ErrorURN, "List": scim.ListResponseURN,
		"BulkRequest": scim.BulkRequestURN, "BulkResponse": scim.BulkResponseURN,
	}
	failures, err := replayer.Replay(ctx, check.Sequence, maps.Clone(vars))
	for i := range made {
		err = errors.Join(err, c.remove(ctx, made[len(made)-1-i]))
	}
	if err != nil {
		failures = append(failures, err.Error())
	}
	return failures
}

// remove deletes a resource, which its check may have deleted already.
func (c Config) remove(ctx context.Context, location string) error {
	if !strings.HasPrefix(location, c.Base+"/") {
		return fmt.Errorf("the Location %q of a new resource is not below %s", location, c.Base)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, location, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusNoContent && res.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("DELETE %s answers %d", location, res.StatusCode)
	}
	return errors.Join(err, res.Body.Close())
}
