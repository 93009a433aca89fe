package plan

// Value is what the step writes into a field of the user, by Keycloak's name: username, email, firstName or
// lastName; "" for nothing.
func (s Step) Value(field string) string {
	var values map[string]*string
	switch u, n := s.UserUpdate, s.NewUser; {
	case n != nil:
		values = map[string]*string{"username": &n.Username, "email": &n.Email, "firstName": &n.FirstName, "lastName": &n.LastName}
	case u != nil:
		values = map[string]*string{"username": u.Username, "email": u.Email, "firstName": u.FirstName, "lastName": u.LastName}
	}
	if value := values[field]; value != nil {
		return *value
	}
	return ""
}
