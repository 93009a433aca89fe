package patch

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// attributes is the object of an operation without a path. The tolerant profile also accepts it from a list with one
// object: scim-sdk-client 1.30.0 puts every value of a PATCH into a list.
func (w *work) attributes(value any) (object map[string]any, ok bool) {
	if list, wrapped := value.([]any); wrapped && len(list) == 1 && w.rt.Profile.Takes(scim.WrappedSingle) {
		value = list[0]
	}
	object, ok = value.(map[string]any)
	return object, ok
}
