package keycloaktest_test

// difference is where older versions are known to differ from the newest version, which the fake plays.
type difference struct {
	since    string // the first version that differs; "" for all versions before before
	before   string // the first version that behaves like the fake
	scenario string
	labels   []string // labels of entries in the transcript
	reason   string
}

func differences() []difference {
	const three = "?search=id%3A<zoe>+<bjensen>+<b_jensen>"
	return []difference{
		{"", "26.7", "realm and clients", []string{"ManagementRoles"}, "the roles about organizations came with 26.7"},
		{"", "26.7", "roles", []string{"UserRoles without view-clients", "Group without view-clients", "Administers outer without view-clients"}, "before 26.7 the roles of clients were shown also without view-clients"},
		{"", "26.7", "administrators", []string{"EffectiveRoles without view-clients"}, "before 26.7 they were shown also without view-clients"},
		{"", "26.6", "permissions", []string{"Permissions without view-clients"}, "before 26.6 they were read with view-clients, and not with view-realm"},
		{"", "26.7", "organizations", []string{"AddOrganizationMember nobody"}, "before 26.7 a user who does not exist was a 400"},
		{"", "26.6", "groups of organizations", []string{"OrganizationGroups, none yet"}, "groups of organizations came with 26.6"},
		{"26.6", "26.7", "groups of organizations", []string{`POST /organizations/<acme>/groups/<team>/children {"name":"team of one"}`}, "roles of groups of organizations came with 26.7"},
		{"", "26.7", "searches for users", []string{
			"GET /users/count" + three + " ", "GET /users/count" + three + "&first=1&max=1 ",
			"GET /users?search=username:zoe+BJENSEN+nope", "GET /users/count?search=username:zoe+BJENSEN+nope ",
			"GET /users?search=email:b.jensen@x.test+b2@x.test", "GET /users/count?search=email:b.jensen@x.test+b2@x.test ",
		}, "search=username: and email: came with 26.7, and so did the count of search=id:"},
		{"", "26.6", "searches for users", []string{"GET /users/count?username=&exact=true "}, "the count left service accounts out before 26.6"},
		{"", "26.6", "lists of users", []string{
			"GET /users?username=bjensen&exact=true ", "GET /users?username=bjensen&exact=true&briefRepresentation=true ",
			"GET /users?username=zoe&exact=true ", "GET /users?username=zoe&exact=true&briefRepresentation=true ",
		}, "before 26.6 a list shows the metadata of the profile, and a brief one is not brief"},
		{"", "26.6", "lists of groups", []string{
			"GET /groups?search=be*a&populateHierarchy=false", "GET /groups?search=*&populateHierarchy=false",
			"GET /groups?search=*&populateHierarchy=false&first=2&max=3", "GET /groups/count?search=* ",
		}, "the wildcard * came with 26.6"},
		{"", "26.6", "service accounts", []string{"GET /users/<account of Shop> "}, "before 26.6 a service account could be renamed"},
		{"", "26.6", "undeclared attributes", []string{"write under ADMIN_VIEW, then"}, "before 26.6 ADMIN_VIEW did not keep administrators from writing"},
		{"", "26.6", "values of attributes", []string{`after an update to ["a" "a" "b"], then`}, "before 26.6 an update that only repeats other values is lost"},
		{"", "26.6", "tokens", []string{"wrong credentials 2"}, "a wrong password was a 401 before 26.6"},
		{"", "26.6", "sessions", []string{"wrong password"}, "a wrong password was a 401 before 26.6"},
		{"", "26.6", "passwords", []string{"login updated, old"}, "a wrong password was a 401 before 26.6"},
	}
}
