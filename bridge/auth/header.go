package auth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Authentication schemes, which are compared without case (RFC 9110 section 11.1).
const (
	schemeBearer = "Bearer" // RFC 6750
	schemeBasic  = "Basic"  // RFC 7617
)

// form is how a token came.
type form int

const (
	formBearer form = iota
	formBare        // alone, without the word Bearer
	formBasic       // as the password of Basic
)

// refusal is the error for a token that is nobody's. It is the same whether the tenant takes the form
// or not, so that nobody learns what a tenant's policy is.
func (f form) refusal(err error) error {
	r, ok := errors.AsType[refused](err)
	if !ok || r.error != ErrInvalid { //nolint:errorlint // this one alone
		return err
	}
	switch f {
	case formBare:
		return refused{ErrBare, r.cause}
	case formBasic:
		return refused{ErrBasic, r.cause}
	case formBearer:
	}
	return err
}

// read takes the token out of an Authorization header. A header that holds the token alone is taken where
// the tenant's policy says so (Okta's header mode); elsewhere it is refused like a wrong one.
func read(t *tenant.Tenant, header string) (string, form, error) {
	header = strings.TrimSpace(header)
	if credentials, ok := cutScheme(header, schemeBasic); ok {
		token, err := password(credentials)
		return token, formBasic, err
	}
	token, of := header, formBare
	if rest, ok := cutScheme(header, schemeBearer); ok {
		token, of = rest, formBearer
	}
	switch {
	case token == "" || of == formBare && strings.Contains(token, " "): // none, or one of another scheme
		return "", of, ErrMissing
	case of == formBare && !t.Policy.BareToken:
		return "", of, refused{ErrBare, "the header holds no word Bearer, and the tenant has no bareToken"}
	}
	if _, again := cutScheme(token, schemeBearer); again {
		return "", of, ErrDoubled
	}
	return token, of, nil
}

// cutScheme is what follows an authentication scheme; ok is false for a header of another one.
func cutScheme(header, scheme string) (rest string, ok bool) {
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	rest = header[len(scheme):]
	if rest != "" && rest[0] != ' ' {
		return "", false
	}
	return strings.TrimSpace(rest), true
}

// password is that of Basic, which is a token (RFC 7617). The user name is not looked at: the URL says which
// tenant is meant. It ends at the first colon, so that a password may hold some. The password is
// compared byte for byte, so that one beyond ASCII has to come as UTF-8.
func password(credentials string) (string, error) {
	pair, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return "", formBasic.refusal(refuse("what follows Basic is no Base64"))
	}
	_, password, ok := strings.Cut(string(pair), ":")
	if !ok || password == "" {
		return "", formBasic.refusal(refuse("Basic came without a colon, or without a password"))
	}
	return password, nil
}

// FromBrowser is ErrBrowser for a request by which a page of a browser sends Basic. Nobody's policy or token
// is looked at. Each browser of today says on whose behalf it asks (Origin of the Fetch Standard,
// Sec-Fetch-Site of Fetch Metadata); none is the person who typed the URL.
func FromBrowser(h http.Header) error {
	basic := false
	for _, header := range h.Values("Authorization") {
		_, is := cutScheme(strings.TrimSpace(header), schemeBasic)
		basic = basic || is
	}
	if !basic {
		return nil
	}
	if len(h.Values("Origin")) > 0 {
		return ErrBrowser
	}
	for _, site := range h.Values("Sec-Fetch-Site") {
		if site != "none" {
			return ErrBrowser
		}
	}
	return nil
}
