package transfer

import (
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// retry repeats a failed request for more than a minute, and longer if the bridge asks for it. Nobody wants to start an
// import of a hundred thousand users again because Keycloak was restarted.
func retry() client.Repeat {
	const (
		tries   = 8
		longest = 16 * time.Second
		asked   = 30 * time.Second
	)
	return client.Repeat{Tries: tries, Pause: time.Second, Longest: longest, MostAsked: asked}
}
