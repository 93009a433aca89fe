package auth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Authentication schemes. They are compared without case (RFC 9110 section 11.1).
const (
	schemeBearer = "Bearer" // RFC 6750
	schemeBasic  = "Basic"  // RFC 7617
)

// form is the way in which a token came.
type form int

const (
	formBearer form = iota
	formBare        // without Bearer before the token
	formBasic       // as the password of Basic
)

// refusal returns the error for a token that the tenant does not have. The error is the same
// whether the tenant accepts the form or not, so that clients cannot find out the tenant's policy.
func (f form) refusal(err error) error {
	r, ok := errors.AsType[refused](err)
	if !ok || r.error != ErrInvalid { //nolint:errorlint // only ErrInvalid itself
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

// read returns the token of an Authorization header. A header with only the token is accepted when
// the tenant's policy allows it (Okta's header mode). Otherwise it is refused like a wrong token.
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
	case token == "" || of == formBare && strings.Contains(token, " "): // no token, or a token of another scheme
		return "", of, ErrMissing
	case of == formBare && !t.Policy.BareToken:
		return "", of, refused{ErrBare, "the header has the token without Bearer before it, and the tenant has no bareToken"}
	}
	if _, again := cutScheme(token, schemeBearer); again {
		return "", of, ErrDoubled
	}
	return token, of, nil
}

// cutScheme returns what follows an authentication scheme. ok is false for a header of another
// scheme.
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

// password returns the password of Basic, which is a token (RFC 7617). It ignores the user name,
// because the URL names the tenant. The user name ends at the first colon, so a password may have
// colons. The password is compared byte for byte, so characters beyond ASCII must come as UTF-8.
func password(credentials string) (string, error) {
	pair, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return "", formBasic.refusal(refuse("the text after Basic is not Base64"))
	}
	_, password, ok := strings.Cut(string(pair), ":")
	if !ok || password == "" {
		return "", formBasic.refusal(refuse("the text of Basic has no colon or no password"))
	}
	return password, nil
}

// FromBrowser returns ErrBrowser for a request of a web page that sends Basic. It does not depend
// on the tenant's policy or the token. Today's browsers all say for which page they send a request
// (Origin of the Fetch Standard, Sec-Fetch-Site of Fetch Metadata). The value none means that a
// person typed the URL.
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
