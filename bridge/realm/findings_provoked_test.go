package realm_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// provokedBy says which test provokes each finding of doctor and of the running bridge, does what its fix says, and sees
// it gone. A finding is known by its check and the text that it has in the source, one whose text is another's by its fix. Behind
// a slash stands the name of the remedy in the test's list.
func provokedBy() map[string]string {
	const (
		doctor, names, permissions, neighbours = "TestTheRemediesOfDoctor/", "TestTheRemediesOfNames/", "TestTheRemediesOfPermissions/", "TestTheRemediesOfNeighbours/"
		one, every, without                    = "TestTheRemediesOfAnOrganization/", "TestTheRemediesOfEveryOrganization/", "TestTheRemediesOfAKeycloakWithoutGroupsOfOrganizations"
		federation, externalIDs                = "TestDoctorTellsOfAUserFederation", "TestDoctorTellsOfExternalIDs"
	)
	return map[string]string{
		"adoption: the tenant takes over accounts that are there, and anybody can register one under a name that its client will send": doctor + "adoption and registration",
		"any: %v%s": "TestTheRemediesOfTheServer",
		"any: Keycloak refuses the client's credentials%s":                                                                       doctor + "a wrong secret",
		"clock: it differs from Keycloak's by %s: tokens may be refused":                                                         "TestTheRemediesOfTheServer",
		"e-mail addresses: several users may have one address, so that a client that looks a user up by it may find another one": doctor + "addresses of several",
		"existing: %s that no endpoint made: the client finds them, changes and disables these users, and changes the members of the groups. A POST of a user or group is 409, and it deletes none of them%s%s":                      "TestDoctorTellsOfWhoIsThere",
		"existing: %s that no endpoint made: the client finds them. It deactivates only those whose accounts belong to the organization, a POST of a user is 409, and it deletes no account and no group%s%s":                        "TestDoctorTellsOfWhoIsThere",
		"existing: %s that no endpoint made: the client may take them over (adopt: unowned), and change and delete them then%s%s":                                                                                                    "TestAMemberWithoutAVerifiedAddress",
		"registration: anybody can register an account under a name that the client will look for, with a password of their own choice: the client then finds that account, changes it and adds it to groups":                        doctor + "all accounts and registration",
		"owners: %d users are owned by endpoints that the configuration does not have, by the keys %s: nobody changes their names, and nobody deactivates them but the organization to which Keycloak says that the account belongs": "TestDoctorFindsLeaversWhoseOwnersLetTheAccountsGo",
		"externalId: %d of %d %s have an externalId that another SCIM server or somebody in Keycloak wrote, without its look-up key: each is found, and a look-up of it takes longer":                                                externalIDs,
		"externalId: %d of %d %s share their externalId with another one, so that a client that looks one up finds several, and Entra ID then stops with this user":                                                                  externalIDs,
		"first login: every new user must do this before the first login succeeds: %s":                                                                                                                                               doctor + "something to do first",
		"groups: groups.roles of the mapping has no effect in Keycloak on groups of an organization":                                                                                                                                 one + "roles of groups without effect",
		"groups: the group %q of the mapping %s": names + "a group of the mapping that nobody knew",
		"groups: the group %q of the mapping has a right of realm-management or of a permission, or is protected by the configuration: nobody becomes an administrator by SCIM": names + "a group of the mapping with a right",
		"groups: the group %q, which every new user joins, is among the groups of %s":                                                                                           neighbours + "a default group of another",
		"groups: the groups of the tenant and of %s live below groups of which one stands above the other":                                                                      neighbours + "a parent above another",
		"groups: the groups of the tenant and of %s live below the same group, %q":                                                                                              neighbours + "one parent of two",
		"groups: the tenant has no groups.parent beside %s, so that it has the top level of the realm's groups alone":                                                           "TestTheRemedyOfATenantWithoutAParentBesideOthers",
		"groups: this Keycloak has no groups of organizations, and all would share those below %q":                                                                              without,
		"groups: this Keycloak has no groups of organizations, so that the tenant has no groups":                                                                                without,
		"identity provider: the identity provider %q of the mapping can be that of one organization alone, and all would share it":                                              every + "a provider that all would share",
		"identity provider: the identity provider %q of the mapping does not exist":                                                                                             doctor + "an identity provider that is gone",
		"identity provider: the identity provider %q of the mapping is not that of the organization":                                                                            one + "a provider of nobody",
		"keycloak: it does not answer: %v":     doctor + "a wrong server",
		"keycloak: it knows no realm %q":       doctor + "a wrong realm",
		"keycloak: there is no Keycloak at %s": doctor + "a wrong path",
		"leavers: the client deactivated %s whose accounts are enabled, so that they can log in, and nobody else ends their access: the accounts have no owner any more, or one that is gone or does not have them any more: %s": "TestDoctorFindsLeaversWithOpenAccounts",
		"native SCIM: Keycloak's own SCIM API is on: what it writes goes past the mapping, and the bridge's extensions are not in its answers":                                                                                   "TestTheRemediesOfKeycloaksOwnSCIM/native SCIM",
		"organization: %q has tokens in its attributes, and this endpoint, which stands in tenants, does not take them":                                                                                                          "TestAnEntryInTenantsPassesTheOrganizationsTokensBy",
		"organization: %q is disabled, so that writes are refused": one + "the organization off",
		"organization: %s": one + "no verified domain",
		"organization: Organizations are disabled in the realm":                                                                                                                                                       one + "Organizations off",
		"organization: organizations with a token and without a verified domain refuse every user with an address: %d":                                                                                                every + "organizations without a domain",
		"organization: the organization %q does not exist":                                                                                                                                                            one + "no organization",
		"organization: the organization with the tenant's organizationID has the alias %q and not %q":                                                                                                                 one + "another alias",
		"organization: the organization with the tenant's organizationID is gone, and %q is another one now, %s":                                                                                                      one + "another organization",
		"permissions: see that protected.users and protected.groups list these people":                                                                                                                                "TestSecurity_39_TheFirstVersionOfPermissions",
		"permissions: the permission %q has a policy %q with %s, which the bridge cannot read: all whom its other policies name count as administrators":                                                              permissions + "a policy that names nobody beside one that names people",
		"permissions: the permission %q is for every user of the realm but those of a policy: its policy %q has the logic Negative%s":                                                                                 permissions + "a policy for everybody else",
		"permissions: the permission %q lets change the realm, and the bridge cannot tell to whom it is given: it has the logic Negative itself":                                                                      permissions + "a permission for those whom its policy does not name",
		"permissions: the permission %q lets change the realm, and the bridge cannot tell to whom it is given: its policy %q has %s":                                                                                  permissions + "a policy that names nobody",
		"permissions: the policy %q has the logic Negative: a permission with no other policy is for every user of the realm but those that it names":                                                                 permissions + "a policy for everybody else that no permission has",
		"permissions: the realm has more than %d fine-grained permissions or policies, and the bridge reads no more":                                                                                                  "TestTheRemediesOfTooManyPolicies/too many policies",
		"permissions: the realm has permissions of the first version of fine-grained admin permissions, which the bridge cannot read":                                                                                 "TestSecurity_39_TheFirstVersionOfPermissions",
		"privileges: members of organizations need manage-realm on this Keycloak: who has the bridge's secret could change the realm":                                                                                 "TestTheRemedyOfTheRightToChangeTheRealm",
		"privileges: the account has manage-users beside query-users and query-groups: whoever has its secret could set the password of every administrator, also of one whom a permission protects from the account": doctor + "a role beside permissions",
		"privileges: the service account has more than it needs, %s: who has its secret could %s":                                                                                                                     doctor + "too many rights",
		"protected: %s %s": names + "a protected user that is gone",
		"protected: after a start the names of the configuration could mean other groups and users than now: %v":                                                   "TestTheRemedyOfNamesThatKeycloakDoesNotKeep",
		"protected: every new user of the realm becomes an administrator: the default group %q has a right of realm-management or of a permission":                 names + "a default group of the realm with a right",
		"protected: every user of the realm is an administrator: the role %q, which each has, contains a right of realm-management or is one of a permission":      doctor + "a default role that administers",
		"protected: nobody can find out who has the role %q, which contains a right of realm-management or is one of a permission: Keycloak looks no such name up": doctor + "a role that cannot be looked up",
		"rights: the service account lacks the realm-management role %s, and no fine-grained permission lets it view and manage all users":                         doctor + "no way to manage users",
		"rights: the service account lacks the realm-management roles %s":                                                                                          doctor + "a missing right",
		"roles: %s": "TestTheRemediesOfRolesThatAreTaken/a role that is taken",
		"roles: the role %q of the mapping contains %s: nobody becomes an administrator by SCIM": doctor + "a role that administers",
		"roles: the role %q of the mapping does not exist":                                       doctor + "a role that is gone",
		"token: %q expired on %s": doctor + "a token that ended beside a good one",
		"token: %q expired on %s, and the tenant has no other that is good": doctor + "a token that ended",
		"token: %q expires in %d days, on %s":                               doctor + "a token that ends soon",
		"token: the tenant has none, so that no client can call":            doctor + "no token",
		"user federation: %q does not import its users: SCIM can neither deactivate them nor store anything beside their names, and the total of a list is not known before its end":                        federation,
		"user federation: %q is READ_ONLY: SCIM can deactivate its users and make them members of groups, and every other change is refused":                                                                federation,
		"user federation: %q is UNSYNCED: names, addresses and all else that the directory has too are as SCIM wrote them until the next synchronisation, which overwrites them":                            federation,
		"user federation: %q is WRITABLE and its mappers of %s are read-only: what SCIM writes there does not reach the directory, and the next synchronisation overwrites it":                              federation,
		"user federation: %q is switched off: its users are shown as inactive, and every change of them is refused":                                                                                         federation,
		"user federation: %q takes new users and keeps no copy in Keycloak: SCIM can create nobody, neither deactivate its users nor store anything beside their names":                                     federation,
		"user names: changes of userName are refused: the realm does not allow them":                                                                                                                        doctor + "user names that stay",
		"user names: the realm uses e-mail addresses as user names: a userName that is not the primary address is refused":                                                                                  doctor + "user names that are addresses",
		"user profile: the user attribute %q is not declared as setup does it: what the bridge remembers there, in its own service account, is lost when somebody saves that account in Keycloak's console": doctor + "an attribute of the bridge's account",
		"user profile: user attribute %q %s":                                                  doctor + "an attribute that is not declared",
		"validators: the validator %q of %s refuses common values such as o'neil@example.com": doctor + "a validator of user names",
		"visibility: the realm has %d users and the list of users is empty":                   "TestTheRemediesOfTheServer/no user in the list",
	}
}

// TestEveryFindingIsProvoked: each that the source has, by a test that is there.
func TestEveryFindingIsProvoked(t *testing.T) {
	t.Parallel()
	known, tests := provokedBy(), apptest.RemedyTests(t)
	found := findingsOfSource(t)
	if len(found) < 60 {
		t.Errorf("only %d findings were found", len(found))
	}
	for _, finding := range found {
		by, ok := known[finding]
		if !ok {
			t.Errorf("no test provokes the finding %q", finding)
			continue
		}
		test, name, _ := strings.Cut(by, "/")
		if body, ok := tests[test]; !ok || !strings.Contains(body, strconv.Quote(name)) && name != "" {
			t.Errorf("the finding %q is provoked by %q, which is not there", finding, by)
		}
		delete(known, finding)
	}
	for finding := range known {
		t.Errorf("there is no finding %q", finding)
	}
}

// findingsOfSource are the findings that bridge/realm records, each by its check and its text.
func findingsOfSource(t *testing.T) []string {
	t.Helper()
	files := parsed(t, "../../bridge/realm", func(name string) bool { return !strings.HasSuffix(name, "_test.go") })
	constants := map[string]string{}
	for _, f := range files {
		for _, declaration := range f.Decls {
			ast.Inspect(declaration, func(n ast.Node) bool {
				if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
					for i, name := range spec.Names {
						if text, ok := constantText(spec.Values[i], nil); ok {
							constants[name.Name] = text
						}
					}
				}
				_, isFunction := n.(*ast.FuncDecl)
				return !isFunction
			})
		}
	}
	out := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"fail", "warn", "failBeside", "unknown"}, method.Sel.Name) {
				return true
			}
			args := call.Args
			check := "permissions" // of unknown
			if method.Sel.Name != "unknown" {
				if check, ok = constantText(args[0], constants); !ok {
					check = "any"
				}
				args = args[1:]
			}
			text, ok := constantText(args[1], constants)
			if !ok {
				text, ok = constantText(args[0], constants)
			}
			if ok { // else it passes another one's on
				out[check+": "+text] = true
			}
			return true
		})
	}
	return slices.Sorted(func(yield func(string) bool) {
		for finding := range out {
			if !yield(finding) {
				return
			}
		}
	})
}

// constantText is a text of literals and constants.
func constantText(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == gotoken.STRING
	case *ast.Ident:
		text, ok := constants[e.Name]
		return text, ok
	case *ast.BinaryExpr:
		before, one := constantText(e.X, constants)
		behind, two := constantText(e.Y, constants)
		return before + behind, one && two
	}
	return "", false
}

func parsed(t *testing.T, dir string, wanted func(name string) bool) []*ast.File {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && wanted(name) {
			f, err := parser.ParseFile(gotoken.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, f)
		}
	}
	return out
}
