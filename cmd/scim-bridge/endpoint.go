package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// endpointFlags name a SCIM endpoint and its token, for commands that are clients of an endpoint.
type endpointFlags struct {
	url, token, tokenFile string
}

func (f *endpointFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "url", "", "the `URL` of the service root, such as https://scim.example/realms/acme/scim/v2 (required)")
	flags.StringVar(&f.token, "token", "", "the bearer `token`; --token-file or the environment variable is safer, because other users cannot see it")
	flags.StringVar(&f.tokenFile, "token-file", "", "a `file` that holds the token")
}

// read returns the URL of the service root and the token.
func (f *endpointFlags) read() (base, token string, err error) {
	base = strings.TrimRight(f.url, "/")
	switch {
	case base == "":
		return "", "", errors.New("--url is required: it names the endpoint")
	case f.tokenFile != "":
		data, err := os.ReadFile(f.tokenFile)
		return base, strings.TrimSpace(string(data)), err
	case f.token != "":
		return base, f.token, nil
	}
	if token = os.Getenv("SCIM_TOKEN"); token == "" {
		return "", "", errors.New("give the endpoint's token by --token-file, --token or SCIM_TOKEN")
	}
	return base, token, nil
}
