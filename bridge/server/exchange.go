package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// exchange is a request in the form that the handlers need.
type exchange struct {
	request *http.Request
	writer  http.ResponseWriter
	maxBody int64
	limit   string // the name by which the client knows maxBody, for an error; "" for no name
	params  url.Values
	call    bridge.Call
	asked   *asked // has the memory for the body
}

// parseQuery reads the query string strictly. A semicolon or a bad escape would otherwise drop a parameter. A list
// without its filter could make an identity provider treat another user as its own.
func parseQuery(raw string) (url.Values, error) {
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, scim.BadRequest(scim.CodeQuery, scim.InvalidSyntax, "the query string is malformed: encode \";\" as %%3B and \"%%\" as %%25")
	}
	for _, name := range []string{"filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"} {
		if len(params[name]) > 1 {
			return nil, scim.BadRequest(scim.CodeQuery, scim.InvalidSyntax, "the query parameter %s occurs %d times; send it once", name, len(params[name]))
		}
	}
	return params, nil
}

// query is the search of the query string.
func (x *exchange) query() (bridge.Query, error) {
	start, err := x.integer("startIndex")
	if err != nil {
		return bridge.Query{}, err
	}
	q := bridge.Query{Filter: x.params.Get("filter"), SortBy: x.params.Get("sortBy"), SortOrder: x.params.Get("sortOrder"), StartIndex: start}
	if x.params.Has("cursor") {
		q.Cursor = new(x.params.Get("cursor"))
	}
	if q.Count, err = x.integer("count"); err != nil && q.Cursor != nil {
		err = scim.BadRequest(scim.CodeQuery, scim.InvalidCount, "count must be a whole number")
	}
	return q, err
}

// integer is a parameter as a number. A number out of range becomes the nearest possible number.
func (x *exchange) integer(name string) (*int, error) {
	text := x.params.Get(name)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if whole, ok := scim.WholeNumber(text); ok && x.call.By.Tenant.Mapping.Profile().Takes(scim.NumberText) {
		n, err = int64(whole), nil
	}
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, scim.BadRequest(scim.CodeQuery, scim.InvalidValue, "%s must be a whole number", name)
	}
	value := int(n)
	return &value, nil
}

// names splits a list of attribute names.
func (x *exchange) names(parameter string) []string { return scim.Names(x.params.Get(parameter)) }

// body reads and decodes the body. It accepts both JSON media types, in any case and with any parameter, and the
// absence of a media type when the profile allows it.
func (x *exchange) body() (map[string]any, error) {
	if err := checkMedia(x.call.By.Tenant.Mapping.Profile(), x.request.Header); err != nil {
		return nil, err
	}
	data, err := x.read()
	x.asked.sent(data, x.request.ContentLength)
	if err != nil {
		return nil, err
	}
	if err := x.asked.grow(x.call.By.Tenant.Path, footprint(data)); err != nil {
		return nil, err
	}
	return scim.Decode(data)
}

// read reads the body. First it reserves memory for the announced length, or for the maximum length.
func (x *exchange) read() ([]byte, error) {
	size := x.request.ContentLength
	if size > x.maxBody {
		return nil, x.bodyError(&http.MaxBytesError{Limit: x.maxBody})
	}
	known := size >= 0
	if !known { // a chunked body has no length
		size = x.maxBody
	}
	if err := x.asked.grow(x.call.By.Tenant.Path, size); err != nil {
		return nil, err
	}
	var data []byte
	var err error
	if known {
		data = make([]byte, size)
		_, err = io.ReadFull(x.request.Body, data)
	} else {
		data, err = io.ReadAll(http.MaxBytesReader(x.writer, x.request.Body, x.maxBody))
	}
	if err != nil {
		return nil, x.bodyError(err)
	}
	return data, nil
}

func checkMedia(p scim.Profile, h http.Header) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &scim.Error{Code: code.MediaType, Status: http.StatusUnsupportedMediaType, Detail: "a compressed body is not supported; send it without Content-Encoding"}
	}
	text := h.Get("Content-Type")
	if text == "" && p.Takes(scim.NoContentType) {
		return nil
	}
	media, _, err := mime.ParseMediaType(text)
	if err != nil || media != scim.MediaType && media != "application/json" {
		return &scim.Error{Code: code.MediaType, Status: http.StatusUnsupportedMediaType, Detail: "the body must be application/scim+json or application/json"}
	}
	return nil
}

func (x *exchange) bodyError(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &scim.Error{Code: code.TooLarge, Status: http.StatusRequestEntityTooLarge, Detail: "the body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes" + x.limit + ", so nothing was done; send fewer values in one request"}
	}
	return &scim.Error{Code: scim.CodeBody, Status: http.StatusBadRequest, Type: scim.InvalidSyntax, Detail: "the body could not be read to its end; send the request again", Cause: err}
}
