package keycloak

// Everything reads all pages of a list, with MaxPage entries in each. read gets the number of the first entry of a
// page.
func Everything[T any](read func(first int) ([]T, error)) ([]T, error) {
	var out []T
	for {
		part, err := read(len(out))
		if err != nil {
			return nil, err
		}
		if out = append(out, part...); len(part) < MaxPage {
			return out, nil
		}
	}
}
