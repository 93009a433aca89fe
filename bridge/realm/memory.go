package realm

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf16"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// The bridge stores some values in attributes of its own service account, declared by setup:
// mapping.AttrRevoked and mapping.AttrProtected. Only administrators of all users of the realm can
// change them, and no SCIM client reaches that account.
const (
	// maxRemembered is how many values one attribute may have. This is enough for a thousand
	// customers whose tokens are rotated several times a year. Keycloak 26.7.5 writes as many
	// values in a second.
	maxRemembered = 5000
	// maxRememberedLength is the longest value that Keycloak accepts.
	maxRememberedLength = 2048
)

// Remembered returns the values of an attribute of the bridge's own account, sorted.
func Remembered(ctx context.Context, c *keycloak.Client, attribute string) ([]string, error) {
	values, err := c.OwnValues(ctx, attribute)
	if err != nil {
		return nil, fmt.Errorf("read %s of the bridge's own account: %w", attribute, err)
	}
	return values, nil
}

// Remember changes the values of an attribute of the bridge's own account. change gets the present
// values, sorted and without duplicates, and returns the new values, or an error to give up. When
// the values stay the same, nothing is written. After success Keycloak has the new values.
//
// Changes in one process never mix, because every realm has one client. Keycloak has no conditional
// write, so when two processes write at the same moment, one may undo the change of the other.
func Remember(ctx context.Context, c *keycloak.Client, attribute string, change func(values []string) ([]string, error)) error {
	var wanted []string
	kept, err := c.ChangeOwnValues(ctx, attribute, func(values []string) ([]string, error) {
		var err error
		if wanted, err = change(values); err == nil {
			err = rememberable(wanted)
		}
		return wanted, err
	})
	if err != nil {
		return fmt.Errorf("write %s of the bridge's own account: %w", attribute, err)
	}
	for _, value := range wanted {
		if _, found := slices.BinarySearch(kept, value); !found {
			return fmt.Errorf("after the write, the attribute %s of the bridge's own account has other values than the bridge wrote: check whether another program writes it, and run setup again, which declares it: %s", attribute, tenant.CommandLine("scim-bridge", "setup", "--url", c.URL(), "--realm", c.Realm().String()))
		}
	}
	return nil
}

// rememberable returns what is wrong with values, before Keycloak refuses or changes them.
func rememberable(values []string) error {
	if len(values) > maxRemembered {
		return fmt.Errorf("it would have %d values, and at most %d fit there", len(values), maxRemembered)
	}
	for _, value := range values {
		if value == "" || len(utf16.Encode([]rune(value))) > maxRememberedLength {
			return fmt.Errorf("a value is empty or has more than %d characters", maxRememberedLength)
		}
	}
	return nil
}
