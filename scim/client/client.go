package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// maxAnswer bounds the body of an answer, in bytes.
const maxAnswer = 32 << 20

// Client speaks to one SCIM endpoint. It is safe for concurrent use.
type Client struct {
	Base  string // URL of the service root, without a trailing slash
	Token string // sent as a bearer token
	Agent string // User-Agent; "" for Go's
	HTTP  *http.Client
}

// Error is an answer with an error status.
type Error struct {
	Status     int
	Type       string // scimType, "" when absent
	Detail     string
	RetryAfter time.Duration // 0 when absent
}

// Error names the status and the detail.
func (e *Error) Error() string {
	return fmt.Sprintf("SCIM answer %s: %s", strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, e.Type)), e.Detail)
}

// StatusOf is the HTTP status of the *Error in the chain, or 0.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// Do sends a request to path, which is below the base and may have a query. It returns the object of the answer, or nil
// for an empty answer. A status of 400 or more is an *Error.
func (c *Client) Do(ctx context.Context, method, path string, body any) (map[string]any, error) {
	var reader io.Reader
	if body != nil {
		data, err := scim.Encode(body)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, reader)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Accept", scim.MediaType)
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if c.Agent != "" {
		req.Header.Set("User-Agent", c.Agent)
	}
	if body != nil {
		req.Header.Set("Content-Type", scim.MediaType+"; charset=utf-8")
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	defer res.Body.Close() //nolint:errcheck // it was read, nothing can be lost
	return decode(res)
}

func decode(res *http.Response) (map[string]any, error) {
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	var object map[string]any
	if len(data) > 0 {
		if object, err = scim.Decode(data); err != nil {
			return nil, fmt.Errorf("answer %d: %w", res.StatusCode, err)
		}
	}
	if res.StatusCode < http.StatusBadRequest {
		return object, nil
	}
	e := &Error{Status: res.StatusCode}
	e.Type, _ = object["scimType"].(string)
	e.Detail, _ = object["detail"].(string)
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return nil, e
}

// Find lists the resources that match a filter. query has further parameters, such as "excludedAttributes=members", or
// is "".
func (c *Client) Find(ctx context.Context, endpoint, filter, query string) ([]map[string]any, error) {
	path := endpoint + "?filter=" + url.QueryEscape(filter)
	if query != "" {
		path += "&" + query
	}
	list, err := c.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	elements, _ := list["Resources"].([]any)
	out := make([]map[string]any, 0, len(elements))
	for _, element := range elements {
		if object, ok := element.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out, nil
}

// Quote writes a text as a string of a filter.
func Quote(text string) string {
	data, err := scim.Encode(text)
	if err != nil {
		return `""`
	}
	return strings.TrimSpace(string(data))
}
