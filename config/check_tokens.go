package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// serviceAccount begins the user name of the service account of each client of Keycloak. A mapper
// of another client can put such a name into the claims that identify a client.
const serviceAccount = "service-account-"

// names are the names and hashes of a tenant's credentials, with their places in the file.
type names map[any]string

// tokens checks the static tokens of a tenant, or of a file of them.
func (k checker) tokens(path string, tokens []Token, named names) {
	for i := range tokens {
		here := item(path, i)
		tokens[i].Where = Problem{File: k.file, Line: k.position(here).line, Path: here}
		k.missing(here, "name", "The log shows this name of the client")
		k.missing(here, "sha256", "Make it with: printf %s TOKEN | sha256sum")
		k.own(here, ".name", tokens[i].Name, named)
		if first, twice := named[tokens[i].SHA256]; twice && tokens[i].SHA256 != (Digest{}) {
			k.add(here+".sha256", "is also the hash of "+first, "Make a token for each client")
		}
		named[tokens[i].SHA256] = here
		k.scopes(here, tokens[i].Scopes)
	}
}

// scopes refuses an empty list: a reader would read it as no scope, and the program as all scopes.
func (k checker) scopes(path string, scopes []TokenScope) {
	if scopes != nil && len(scopes) == 0 {
		k.add(path+".scopes", "has no entry", "Name a scope, or remove the key to allow all scopes")
	}
}

// own reports a name that another credential of the tenant has.
func (k checker) own(path, key, name string, named names) {
	if first, twice := named[name]; twice && name != "" {
		k.add(path+key, fmt.Sprintf("%q is also the name of %s", shorten(name), first), "Give each credential its own name")
	}
	named[name] = path
}

// tokensFile reads a file of tokens.
func (k checker) tokensFile(path string, t *Tenant, named names) []Token {
	data, ok := k.read(path, &t.TokensFile, false)
	if !ok {
		return nil
	}
	list, r := parseTokens(string(t.TokensFile), data)
	checker{report: r, dir: filepath.Dir(string(t.TokensFile))}.tokenList(list, named)
	k.others = append(k.others, r.sorted()...)
	return list.Tokens
}

func parseTokens(file string, data []byte) (TokenList, *report) {
	var list TokenList
	r := newReport(file)
	decodeFile(data, r, &list)
	return list, r
}

func (k checker) tokenList(list TokenList, named names) {
	k.version(list.Version)
	k.tokens("tokens", list.Tokens, named)
}

// LoadTokens reads a file of tokens as Load reads Tenant.TokensFile.
func LoadTokens(path string) (TokenList, []Problem) {
	data, err := readConfig(path)
	if err != nil {
		return TokenList{}, []Problem{{File: path, Text: "cannot be read: " + cause(err), Hint: "Check the name of the file, who owns it and its mode"}}
	}
	list, r := parseTokens(path, data)
	checker{report: r}.tokenList(list, names{})
	return list, r.sorted()
}

// accessTokens checks that each entry is bound to one client of one issuer.
func (k checker) accessTokens(path string, list []AccessToken, named names) {
	if list != nil && len(list) == 0 {
		k.add(path, "has no entry", "Add one, or remove the key")
	}
	for i, a := range list {
		here := item(path, i)
		k.missing(here, "name", "The log shows this name of the client")
		k.own(here, ".name", a.Name, named)
		k.missing(here, "audience", "Write the value of the claim aud in tokens for the bridge, so that no other token of the issuer is accepted")
		k.scopes(here, a.Scopes)
		if a.Issuer == "" && !k.given(here+".issuer") {
			k.missing(here, "clientID", "Write the id of the client whose service account gets the tokens")
			if strings.HasPrefix(strings.ToLower(a.ClientID), serviceAccount) {
				k.add(here+".clientID", fmt.Sprintf("%q begins with %s, so that somebody could make another client whose tokens look like this client's tokens", shorten(a.ClientID), serviceAccount), "Write the id of the client, without this prefix. Rename a client whose id has this prefix")
			}
			if k.given(here + ".jwksURL") {
				k.add(here+".jwksURL", "has no effect without issuer", "Remove it, because the keys of the realm come from Keycloak; or name the issuer")
			}
			continue
		}
		k.missing(here, "jwksURL", "Write the URL of the issuer's keys: jwks_uri in its /.well-known/openid-configuration")
		k.missing(here, "subject", "Write the claim sub of the only client that may call: without it, every user of the issuer could call")
	}
}
